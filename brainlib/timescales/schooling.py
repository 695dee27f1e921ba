"""Training by curriculum: `attend(school, seed) -> Report`, resumable at every epoch.

After each epoch the network is tested on fresh sequences; when the mean accuracy over the spans and the accuracy of the
largest both exceed the gate, it moves on to the curriculum's next stage. Nothing is reset then. Used in
chapters/timescales/02_curricula.ipynb and 03_lesions.ipynb; the procedure is that of the official code.
"""

import copy
import json
import operator
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.backend import device_name, keep_freed_memory, resolve_device
from brainlib.timescales import tasks
from brainlib.timescales.network import Network
from brainlib.timescales.report import Epoch, Report, TimeConstants
from brainlib.timescales.school import School
from brainlib.timescales.testing import accuracy
from brainlib.training import CheckpointError, checkpoint
from brainlib.training.checkpoint import Checkpoint
from brainlib.training.parallel import Processes


def attend(
    school: School,
    seed: int,
    device: str = "auto",
    folder: str | Path | None = None,
    start: Network | None = None,
    progress: bool = True,
) -> Report:
    """Trains a network at `school`, and returns it with its history.

    All random numbers (weights, sequences, initial states, tests) come from one generator that begins with `seed`, so
    that two schools whose stages begin alike teach the same network up to there. `start` is a network to copy and to go
    on with instead of a new one. `folder` holds a checkpoint after every epoch: a run that was interrupted goes on from
    there, on a device of the same kind, and ends bit for bit as if it had never stopped; a finished one is loaded on
    any. `progress` shows a bar.

    Raises `ValueError` for a `start` of another size, `CheckpointError` for a checkpoint that is damaged or of another
    run, and `FloatingPointError`, with span, epoch and step, when the loss or its gradient is no longer finite; the
    last epoch's checkpoint stays as it is.
    """
    if start is not None and (start.units, start.heads) != (school.units, school.heads):
        got = f"a network of {start.units} units and {start.heads} heads"
        raise ValueError(f"start: got {got}, expected {school.units} units and {school.heads} heads as of the school")
    keep_freed_memory()
    course = _Course(school, seed, resolve_device(device), start)
    folder = None if folder is None else Path(folder).expanduser()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint.clean(folder)
        newest = checkpoint.load_newest(folder, rank=0)
        if newest is not None:
            course.restore(newest)
    with _bar(progress, course) as bar:
        while not course.over:
            course.epoch()
            if folder is not None:
                checkpoint.save(folder, len(course.report.history), course.written(), Processes(0, 1, course.device))
            bar.set_postfix_str(_describe(course.report.history[-1]), refresh=False)
            bar.update()
    course.report.network.eval()
    return course.report


class _Course:
    """A run between two epochs."""

    def __init__(self, school: School, seed: int, device: torch.device, start: Network | None) -> None:
        self.school, self.device = school, device
        self.generator = seeded(seed)
        network = (school.new_network(self.generator) if start is None else copy.deepcopy(start)).to(device)
        self.report = Report(int(seed), network, history=[], snapshots={}, trained_on=device_name(device))
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if school.network == "leaky":
            momentum = school.momentum
            self.optimizer = torch.optim.SGD(
                trained, lr=school.learning_rate, momentum=momentum, nesterov=momentum > 0, fused=True
            )
        else:
            self.optimizer = torch.optim.Adam(trained, lr=school.learning_rate, fused=True)

    @property
    def over(self) -> bool:
        return _over(self.school, self.report.history)

    def epoch(self) -> None:
        """Trains, tests and notes the outcome."""
        began, history, school, network = time.perf_counter(), self.report.history, self.school, self.report.network
        stage = _stage(history)
        spans, heads = school.curriculum.spans(stage), school.curriculum.heads(stage)
        operations, seconds = (history[-1].operations, history[-1].seconds) if history else (0.0, 0.0)
        measured = torch.empty(school.steps, 2, device=self.device)  # a GPU need not wait for each step's numbers
        network.train()
        for step in range(school.steps):
            length, loss, norm = self._step(spans, heads)
            operations += school.operations(length, len(spans))
            measured[step, 0], measured[step, 1] = loss, norm
        self._check(measured, spans)
        network.eval()
        tested = accuracy(network, school.task, spans, heads, school.tests, self.generator, school.rate)
        passed = min(sum(tested.values()) / len(spans), tested[spans[-1]]) > school.gate
        history.append(
            Epoch(
                spans=spans,
                accuracy=tuple(tested[span] for span in spans),
                passed=passed,
                loss=measured[:, 0].mean().item(),
                tau=TimeConstants.of(network),
                operations=operations,
                seconds=seconds + time.perf_counter() - began,
            )
        )
        if passed:
            state = network.state_dict().items()
            self.report.snapshots[len(history)] = {name: tensor.to("cpu", copy=True) for name, tensor in state}

    def _step(self, spans: tuple[int, ...], heads: tuple[int, ...]) -> tuple[int, Tensor, Tensor]:
        school, network = self.school, self.report.network
        bits, answers = tasks.draw(school.task, spans, school.batch, self.generator, school.rate, device=self.device)
        logits = network(bits, network.initial_state(school.batch, self.generator), heads=heads)
        loss = cross_entropy(logits.flatten(0, 1), answers.flatten()) * len(spans)
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), school.clip)
        self.optimizer.step()
        network.project_()
        return len(bits), loss.detach(), norm

    def _check(self, measured: Tensor, spans: tuple[int, ...]) -> None:
        unfit = ~measured.isfinite().all(dim=1)
        if unfit.any():
            step = int(unfit.int().argmax())
            loss, norm = measured[step].tolist()
            where = f"span {spans[-1]}, epoch {len(self.report.history) + 1}, step {step + 1}"
            raise FloatingPointError(
                f"{where}: the loss is {loss}, its gradient's norm {norm}, expected finite numbers"
            )

    def written(self) -> Checkpoint:
        """All of the run; the first process's own file holds the snapshots."""
        epochs = [asdict(epoch) for epoch in self.report.history]
        moments = self.optimizer.state_dict()["state"]
        tensors = {
            "model": self.report.network.state_dict(),
            "optimizer": _flat(moments),
            "batches": {"generator": self.generator.get_state()},
            "rank-0": _flat(self.report.snapshots),
        }
        history = {"processes": 1, "epochs": epochs, "trained_on": self.report.trained_on}
        return Checkpoint(self._identity() | {"history": history}, tensors)

    def restore(self, written: Checkpoint) -> None:
        """Makes this run the checkpointed one. Raises `CheckpointError`, and changes nothing, if that is another."""
        history = list(map(Epoch.from_dict, written.progress["history"]["epochs"]))
        may_differ = {"device"} if _over(self.school, history) else set()
        for name, here in self._identity().items():
            found = written.progress.get(name)
            if found != here and name not in may_differ:
                raise CheckpointError(f"checkpoint of another run: its {name} is {found!r}, here it is {here!r}")
        self.report.network.load_state_dict(written.tensors["model"])
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": _nested(written.tensors["optimizer"]), "param_groups": groups})
        self.generator.set_state(written.tensors["batches"]["generator"])
        self.report.history[:] = history
        self.report.trained_on = written.progress["history"]["trained_on"]
        self.report.snapshots.update(_nested(written.tensors["rank-0"]))

    def _identity(self) -> dict[str, Any]:
        facts = {f"school.{name}": value for name, value in asdict(self.school).items()}
        facts |= {"seed": self.report.seed, "device": self.device.type}
        return json.loads(json.dumps(facts, default=operator.index))  # as it reads from a file: tuples are lists


def _stage(history: list[Epoch]) -> int:
    return sum(epoch.passed for epoch in history)


def _over(school: School, history: list[Epoch]) -> bool:
    through = bool(history) and history[-1].passed and school.ends(_stage(history) - 1)
    return through or len(history) >= school.epochs


def _flat(states: dict[int, dict[str, Any]]) -> dict[str, Tensor]:
    # In a file "12/weight".
    named = {f"{number}/{name}": value for number, state in states.items() for name, value in state.items()}
    return {name: value for name, value in named.items() if isinstance(value, Tensor)}


def _nested(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, own = name.partition("/")
        states.setdefault(int(number), {})[own] = tensor
    return states


def _bar(shown: bool, course: _Course) -> Any:
    from tqdm.auto import tqdm  # in a notebook it loads ipywidgets

    # `disable` is left unset where a bar is wanted, so that TQDM_DISABLE can speak.
    hidden = {} if shown else {"disable": True}
    done, school = len(course.report.history), course.school
    name = f"{school.task}, {school.curriculum.name}"
    return tqdm(initial=done, total=school.epochs, desc=name, unit="epoch", mininterval=0.5, **hidden)


def _describe(epoch: Epoch) -> str:
    spans = f"{epoch.spans[0]}..{epoch.spans[-1]}" if len(epoch.spans) > 1 else f"{epoch.spans[0]}"
    return f"N = {spans}: {epoch.accuracy[-1]:.1%}, mean tau {epoch.tau.mean:.3f}"
