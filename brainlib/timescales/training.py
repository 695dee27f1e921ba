"""Training by curriculum: `train(config, seed) -> TrainedNetwork`, the procedure of the official code.

After each epoch the network is tested on fresh sequences; when the mean accuracy over the spans and the accuracy of the
largest both exceed a threshold, it moves on to the curriculum's next stage. Nothing is reset then.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded, whole_number
from brainlib.backend import device_name, keep_freed_memory, resolve_device
from brainlib.runs import store
from brainlib.timescales import tasks
from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.evaluation import accuracy
from brainlib.timescales.gated import GatedRNN
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network
from brainlib.timescales.tasks import Rate, Task
from brainlib.timescales.time_constants import TauForm

MOMENTUM, CLIP_NORM = 0.1, 2.0  # Nesterov's; the largest norm of a gradient (official code)
MATRICES = {"leaky": 1, "lstm": 4, "gru": 3}  # recurrent ones, units x units, of each kind of network


@dataclass(frozen=True)
class CurriculumConfig:
    """How a network is trained; the defaults are the official code's for the leaky network.

    - `units`, `heads`: of the network. `network` "leaky" has time constants `tau` (None: trained, one a unit; a number
      of bits: fixed for all units) in the form `tau_form`, and its leak `inside` the non-linearity or outside.
    - `batch_size`: sequences a step. Training ends after `epochs` of `steps_per_epoch`, when a span of at least
      `largest_span` is solved, or with the curriculum's last stage.
    - `test_sequences` of the test after each epoch; `threshold`: the accuracy that it must exceed.
    - `rate`: the chance of a 1 in the bits: "task" is the task's own, None another for each sequence.
    - The loss is cross-entropy, the mean over the batch, summed over the spans; its gradient is shortened to a norm of
      2. Leaky networks learn by stochastic gradient descent with a Nesterov momentum of 0.1, gated ones by Adam.
      `learning_rate` None is 0.05 for the former and 0.001 for the latter.

    Raises `ValueError` for a field that makes no sense, and for a curriculum that needs more heads than there are.

    >>> from brainlib.timescales import CurriculumConfig, curricula
    >>> config = CurriculumConfig("parity", curricula.multi_head(), units=32, heads=4, largest_span=5)
    >>> config.learning_rate, config.head_for(4)
    (0.05, 2)
    """

    task: Task
    curriculum: Curriculum
    units: int = 500
    heads: int = 100
    batch_size: int = 256
    steps_per_epoch: int = 600
    epochs: int = 1000
    largest_span: int = 101
    test_sequences: int = 12_800
    threshold: float = 0.98
    network: Literal["leaky", "lstm", "gru"] = "leaky"
    tau: float | None = None
    tau_form: TauForm = "clamp"
    inside: bool = True
    rate: Rate = "task"
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        for name in ("units", "heads", "batch_size", "steps_per_epoch", "epochs", "largest_span", "test_sequences"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=1))
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold: got {self.threshold}, expected a share from 0 to below 1")
        if self.network not in MATRICES:
            raise ValueError(f"network: got {self.network!r}, expected one of {', '.join(MATRICES)}")
        if self.tau is not None and (self.network != "leaky" or self.tau < 1):
            got, expected = f"{self.tau} of a {self.network} network", "None, or for a leaky one 1 or more"
            raise ValueError(f"tau: got {got}, expected {expected}")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 0.05 if self.network == "leaky" else 0.001)
        if not cast(float, self.learning_rate) > 0:
            raise ValueError(f"learning_rate: got {self.learning_rate}, expected a positive number")
        stage = next(stage for stage in count() if self.is_last(stage))
        if (needed := self.curriculum.heads(stage)[-1] + 1) > self.heads:
            reason = f"the {self.curriculum.name} curriculum up to span {self.largest_span}"
            raise ValueError(f"heads: got {self.heads}, expected at least {needed} for {reason}")

    def is_last(self, stage: int) -> bool:
        """Whether the training is over when this stage is solved."""
        return self.curriculum.last(stage) or self.curriculum.spans(stage)[-1] >= self.largest_span

    def head_for(self, span: int) -> int:
        """The head that answers for `span` when it is the largest of a stage."""
        stage = next(stage for stage in count() if self.curriculum.spans(stage)[-1] >= span)
        return self.curriculum.heads(stage)[self.curriculum.spans(stage).index(span)]

    def new_network(self, generator: torch.Generator) -> Network:
        """An untrained network; its weights are drawn from `generator`."""
        if self.network != "leaky":
            return GatedRNN(self.network, self.units, self.heads, generator=generator)
        form: dict[str, Any] = {"inside": self.inside, "tau": self.tau, "tau_form": self.tau_form}
        return LeakyRNN(self.units, self.heads, generator=generator, **form)

    def operations(self, length: int, spans: int) -> float:
        """Floating-point operations of a training step on sequences of `length` bits: 6 n² a bit and sequence for each
        recurrent matrix (a third forward, two thirds backward), and 12 n a sequence for each head."""
        recurrence = 6 * MATRICES[self.network] * self.units**2 * length
        return float(self.batch_size * (recurrence + 12 * self.units * spans))


@dataclass(frozen=True)
class TauSummary:
    """Of the units' time constants, in bits; `at_one` is the share of units that have 1, the shortest there is."""

    mean: float
    std: float
    largest: float
    at_one: float

    @classmethod
    def of(cls, network: Network) -> "TauSummary":
        """That of a network now."""
        tau = network.tau
        return cls(tau.mean().item(), tau.std(correction=0).item(), tau.max().item(), (tau <= 1).float().mean().item())


@dataclass(frozen=True)
class Epoch:
    """One epoch and the test after it.

    `spans` were trained; `accuracy` has one entry for each. `passed`: the test was good enough for the next stage.
    `loss` is the mean over the epoch's steps, summed over the spans. `operations` (floating-point, of training alone)
    are counted from the beginning of the run.
    """

    spans: tuple[int, ...]
    accuracy: tuple[float, ...]
    passed: bool
    loss: float
    tau: TauSummary
    operations: float

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Epoch":
        """What `asdict` took apart, also after a trip through a study."""
        spans, accuracy = tuple(content["spans"]), tuple(content["accuracy"])
        return cls(**{**content, "spans": spans, "accuracy": accuracy, "tau": TauSummary(**content["tau"])})


@dataclass
class TrainedNetwork:
    """What `train` returns: the `network`, in eval mode, its `history`, and the name of the device it was `trained_on`.

    `snapshots` are state dicts, by the number of the epoch (from 1) whose test was passed.

    >>> from brainlib.timescales import CurriculumConfig, curricula, train
    >>> size = {"units": 8, "heads": 3, "steps_per_epoch": 1, "epochs": 1, "test_sequences": 8}
    >>> trained = train(CurriculumConfig("parity", curricula.single_head(), **size), 0, "cpu")
    >>> trained.finished, len(trained.history), trained.untrained().tau.shape
    (True, 1, torch.Size([8]))
    """

    config: CurriculumConfig
    seed: int
    network: Network
    history: list[Epoch]
    snapshots: dict[int, dict[str, Tensor]]
    trained_on: str

    @property
    def solved(self) -> dict[int, int]:
        """The epoch, counted from 1, whose test each span was first part of when it was passed; ascending spans."""
        solved: dict[int, int] = {}
        for number, epoch in enumerate(self.history, 1):
            for span in epoch.spans if epoch.passed else ():
                solved.setdefault(span, number)
        return dict(sorted(solved.items()))

    @property
    def longest(self) -> int:
        """The largest span solved; 1 if none was."""
        return max(self.solved, default=1)

    @property
    def stage(self) -> int:
        """The stage of the curriculum that is trained next."""
        return sum(epoch.passed for epoch in self.history)

    @property
    def finished(self) -> bool:
        """Whether the training is over."""
        through = bool(self.history) and self.history[-1].passed and self.config.is_last(self.stage - 1)
        return through or len(self.history) >= self.config.epochs

    def network_at(self, span: int) -> Network:
        """A copy of the network as it was when `span` was solved. Raises `ValueError` if that never happened."""
        solved = self.solved
        if span not in solved:
            raise ValueError(f"span: got {span}, expected one that was solved: {', '.join(map(str, solved)) or 'none'}")
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.snapshots[solved[span]])
        return network

    def untrained(self) -> Network:
        """The network as it was before training, if it began with new weights."""
        return self.config.new_network(seeded(self.seed)).to(self.network.readout_weight.device).eval()

    def to_dict(self) -> dict[str, Any]:
        """All but the config as numbers, texts and tensors, for `brainlib.runs.study`."""
        return {
            "seed": self.seed,
            "history": [asdict(epoch) for epoch in self.history],
            "network": dict(self.network.state_dict()),
            "snapshots": {str(number): state for number, state in self.snapshots.items()},
            "trained_on": self.trained_on,
        }

    @classmethod
    def from_dict(cls, config: CurriculumConfig, content: Mapping[str, Any], device: str = "cpu") -> "TrainedNetwork":
        """What `to_dict` took apart, also after a trip through a study, its network on `device`."""
        network = config.new_network(torch.Generator())
        network.load_state_dict(_tensors(content["network"]))
        history = [Epoch.from_dict(epoch) for epoch in content["history"]]
        snapshots = {int(number): _tensors(state) for number, state in content["snapshots"].items()}
        network = network.to(resolve_device(device)).eval()
        return cls(config, content["seed"], network, history, snapshots, content["trained_on"])


def train(
    config: CurriculumConfig,
    seed: int,
    device: str = "auto",
    folder: str | Path | None = None,
    start: Network | None = None,
) -> TrainedNetwork:
    """Trains a network by a curriculum, and returns it with its history.

    All random numbers (weights, sequences, initial states, tests) come from one generator that begins with `seed`, so
    that two configs whose stages begin alike train the same network up to there. `start` is a network to copy and to go
    on with instead of a new one. `folder` holds a checkpoint of the last epoch: a run that was interrupted goes on from
    there and ends, on a device of the same kind, bit for bit as if it had never stopped.

    Raises `ValueError` for a `start` of another size and for a checkpoint of another config or seed, and
    `FloatingPointError`, with span, epoch and step, when the loss or its gradient is no longer finite.

    >>> from brainlib.timescales import CurriculumConfig, curricula, train
    >>> size = {"units": 48, "heads": 4, "largest_span": 5, "batch_size": 64, "test_sequences": 1024}
    >>> config = CurriculumConfig("parity", curricula.multi_head(), steps_per_epoch=60, epochs=1, **size)
    >>> trained = train(config, seed=0, device="cpu")
    >>> trained.history[0].spans, trained.longest in (1, 2)
    ((2,), True)
    """
    if start is not None and (start.units, start.heads) != (config.units, config.heads):
        got = f"a network of {start.units} units and {start.heads} heads"
        raise ValueError(f"start: got {got}, expected {config.units} units and {config.heads} heads as of the config")
    keep_freed_memory()
    where, generator = resolve_device(device), seeded(seed)
    network = (config.new_network(generator) if start is None else copy.deepcopy(start)).to(where)
    run = _Run(TrainedNetwork(config, int(seed), network, [], {}, device_name(where)), generator)
    checkpoint = None if folder is None else Path(folder).expanduser() / "checkpoint.npz"
    if checkpoint is not None and (content := store.read(checkpoint)) is not None:
        run.load(content)
    trained = run.trained
    while not trained.finished:
        run.epoch()
        if checkpoint is not None:
            run.save(checkpoint)
    trained.network.eval()
    return trained


class _Run:
    """A training between two epochs."""

    def __init__(self, trained: TrainedNetwork, generator: torch.Generator) -> None:
        self.trained, self.generator, config = trained, generator, trained.config
        self.identity = {"config": store.plain("config", config), "seed": trained.seed}
        parameters = [parameter for parameter in trained.network.parameters() if parameter.requires_grad]
        rate = cast(float, config.learning_rate)
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(parameters, lr=rate, fused=True, momentum=MOMENTUM, nesterov=True)
            if config.network == "leaky"
            else torch.optim.Adam(parameters, lr=rate, fused=True)
        )

    def epoch(self) -> None:
        """Trains, tests and notes the outcome."""
        trained, config, network = self.trained, self.trained.config, self.trained.network
        spans, heads = config.curriculum.spans(trained.stage), config.curriculum.heads(trained.stage)
        operations = trained.history[-1].operations if trained.history else 0.0
        # A GPU need not wait for each step's numbers.
        measured = torch.empty(config.steps_per_epoch, 2, device=network.readout_weight.device)
        network.train()
        for step in range(config.steps_per_epoch):
            length, measured[step, 0], measured[step, 1] = self.step(spans, heads)
            operations += config.operations(length, len(spans))
        self.check(measured, spans)
        network.eval()
        tested = accuracy(network, config.task, spans, heads, config.test_sequences, self.generator, config.rate)
        passed = min(sum(tested.values()) / len(spans), tested[spans[-1]]) > config.threshold
        loss, tau = measured[:, 0].mean().item(), TauSummary.of(network)
        trained.history.append(Epoch(spans, tuple(tested.values()), passed, loss, tau, operations))
        if passed:
            state = network.state_dict().items()
            trained.snapshots[len(trained.history)] = {name: tensor.to("cpu", copy=True) for name, tensor in state}

    def step(self, spans: tuple[int, ...], heads: tuple[int, ...]) -> tuple[int, Tensor, Tensor]:
        """The sequences' length, the loss and its gradient's norm."""
        config, network = self.trained.config, self.trained.network
        device = network.readout_weight.device
        bits, answers = tasks.draw(config.task, spans, config.batch_size, self.generator, config.rate, device=device)
        logits = network(bits, network.initial_state(config.batch_size, self.generator), heads=heads)
        loss = cross_entropy(logits.flatten(0, 1), answers.flatten()) * len(spans)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        self.optimizer.step()
        network.project_()
        return len(bits), loss.detach(), norm

    def check(self, measured: Tensor, spans: tuple[int, ...]) -> None:
        unfit = ~measured.isfinite().all(dim=1)
        if unfit.any():
            step = int(unfit.int().argmax())
            loss, norm = measured[step].tolist()
            where = f"span {spans[-1]}, epoch {len(self.trained.history) + 1}, step {step + 1}"
            raise FloatingPointError(f"{where}: the loss is {loss}, its gradient's norm {norm}, expected finite ones")

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        moments = {str(number): state for number, state in self.optimizer.state_dict()["state"].items()}
        content = {"trained": self.trained.to_dict(), "optimizer": moments, "generator": self.generator.get_state()}
        store.write(path, store.pack(content | self.identity), {})

    def load(self, content: dict[str, Any]) -> None:
        for name, here in self.identity.items():
            if content[name] != here:
                raise ValueError(f"folder: got a checkpoint of another {name}, {content[name]}, expected {here}")
        trained, read = self.trained, TrainedNetwork.from_dict(self.trained.config, content["trained"])
        trained.network.load_state_dict(read.network.state_dict())
        trained.history, trained.snapshots, trained.trained_on = read.history, read.snapshots, read.trained_on
        moments = {int(number): _tensors(state) for number, state in content["optimizer"].items()}
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(torch.from_numpy(content["generator"]))


def _tensors(state: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value) for name, value in state.items()}
