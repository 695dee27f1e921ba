"""The experiments of the chapter on memory: networks that differ in what they remember with are trained on a task, and
tested on sequences that they have not seen.

Sizes are those of a CPU; the paper's could not be read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib import data, runs
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.backend import resolve_device
from brainlib.training import History, TrainingConfig, train
from chapters.astrosnn.memory_models import model_config
from chapters.astrosnn.tasks import (
    IGNORED,
    AssociativeRecall,
    Copying,
    DelayedRecall,
    Mixture,
    ReadDigits,
    Task,
    held_out,
)

TEST_SEED = 1_000_000  # streams of tests begin here, those of training at the seed of the network
TEST_BATCH = 256


@dataclass(frozen=True)
class Experiment:
    """One question, asked of several `models` (`memory_models`) that are trained in the same way.

    - `task`: "recall" after a delay, "pairs" of associative recall, "copying" or "digits"; `settings` of it.
    - `values` (delays, numbers of pairs, lengths, ways to read) in training: all by one network, a batch each at
      random (`together`), or each by a network of its own. `test_values`: those of the test, if they are others.
    - `steps` of `batch` sequences; `tests`: batches of 256 sequences behind one accuracy.
    """

    task: str
    models: tuple[str, ...]
    values: tuple[int | str, ...]
    steps: int
    batch: int = 64
    test_values: tuple[int | str, ...] = ()
    together: bool = False
    tests: int = 2
    settings: tuple[tuple[str, int], ...] = ()

    @property
    def tested(self) -> tuple[int | str, ...]:
        """The values of the test."""
        return self.test_values or self.values

    def networks(self) -> dict[str, tuple[int | str, ...]]:
        """For each network of a model its name and the values that it is trained on."""
        return {"all": self.values} if self.together else {str(value): (value,) for value in self.values}


@dataclass(frozen=True)
class Condition:
    """One model of an experiment, in the frame whose parameters all have."""

    model: str
    experiment: Experiment
    frame: AstroSNNConfig


def run(
    experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str = "auto"
) -> dict[str, dict[str, dict[str, Any]]]:
    """By model and seed {"accuracy": {value: share right}, "networks": {name: what `described` tells}}.

    Seeds and values are strings, as in JSON.
    """
    return {
        model: {seed: {"accuracy": one["accuracy"], "networks": one["networks"]} for seed, one in results.items()}
        for model, results in _runs(experiment, frame, seeds, device).items()
    }


def networks(
    model: str, experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str = "auto"
) -> list[AstroSNN]:
    """The networks of one model, for each seed, of an experiment that trains all values together."""
    found = []
    for seed, result in _runs(replace(experiment, models=(model,)), frame, seeds, device)[model].items():
        network = AstroSNN(model_config(model, frame, training_task(experiment, experiment.values, int(seed))))
        network.load_state_dict({name: torch.as_tensor(weight) for name, weight in result["weights"]["all"].items()})
        found.append(network.to(resolve_device(device)).eval())
    return found


def _runs(experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str) -> dict[str, dict]:
    seeds, alone = list(seeds), replace(experiment, models=())
    conditions = {model: Condition(model, alone, frame) for model in experiment.models}
    found = runs.study(trained_and_tested, conditions, seeds, device=device)
    return {model: dict(zip(map(str, seeds), results, strict=True)) for model, results in found.items()}


def trained_and_tested(
    condition: Condition, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, dict[str, Any]]:
    """{"accuracy": {value: share right}, "networks": {name: what `described` tells}, "weights": {name: state dict}}."""
    experiment, accuracies, networks, weights = condition.experiment, {}, {}, {}
    for name, values in experiment.networks().items():
        task = training_task(experiment, values, seed)
        config = model_config(condition.model, condition.frame, task)
        model, history = trained(config, task, experiment.steps, seed, device, folder and folder / name)
        networks[name], weights[name] = (described(model, history, task.steps), model.state_dict())
        for value in experiment.tested if experiment.together else values:
            accuracies[str(value)] = accuracy(model, test_batches(experiment, value, seed))
    return {"accuracy": accuracies, "networks": networks, "weights": weights}


def trained(
    config: AstroSNNConfig, task: Task, steps: int, seed: int, device: str = "auto", folder: Path | None = None
) -> tuple[AstroSNN, History]:
    """A network that begins at random, by `seed`, and is trained on `task`; resumable from `folder`.

    AdamW, a tenth of the steps to warm up, then a cosine to nothing; without weight decay, which would pull the logits
    of slow decays towards a decay of one half.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AstroSNN(config).to(resolve_device(device))
    options = TrainingConfig(
        steps=steps, learning_rate=3e-3, warmup_steps=steps // 10, decay="cosine", final_fraction=0.0,
        weight_decay=0.0, checkpoint_every=250, seed=seed,
    )  # fmt: skip
    history = train(model, _loss, task, options, folder=folder, progress=False)
    return model.eval(), history


def training_task(experiment: Experiment, values: tuple[int | str, ...], seed: int) -> Task:
    """The task at one value, or at several, a batch each at random."""
    tasks = [draw_task(experiment, value, experiment.batch, seed) for value in values]
    return Mixture(tasks, seed) if len(tasks) > 1 else tasks[0]


def draw_task(experiment: Experiment, value: int | str, batch: int, seed: int, test: bool = False) -> Task:
    """The task at one value; `test`: the digits of the test. Raises `ValueError` for an unknown task."""
    settings = dict(experiment.settings) | {"batch": batch, "seed": seed}
    if experiment.task == "digits":
        images, labels = data.digits()
        chosen = held_out(len(images))[test]
        return ReadDigits(images[chosen], labels[chosen], str(value), **settings)
    tasks = {
        "recall": partial(DelayedRecall, value),
        "pairs": partial(AssociativeRecall, value),
        "copying": partial(Copying, value),
    }
    if experiment.task not in tasks:
        raise ValueError(f"task: got {experiment.task!r}, expected {', '.join(tasks)} or digits")
    return tasks[experiment.task](**settings)


def test_batches(experiment: Experiment, value: int | str, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Sequences, or all digits, that no network was trained on."""
    task = draw_task(experiment, value, TEST_BATCH, TEST_SEED + seed, test=True)
    if isinstance(task, ReadDigits):
        yield task.all()
    else:
        for _ in range(experiment.tests):
            yield task.next_batch()


@torch.no_grad()
def accuracy(model: AstroSNN, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The share of right answers among all that the batches ask for."""
    right = total = 0
    for inputs, targets in batches:
        logits = model(inputs.to(model.readout.weight.device), return_state=False)[0]
        places = targets != IGNORED
        right += int((logits.argmax(-1).cpu()[places] == targets[places]).sum())
        total += int(places.sum())
    return right / total


def described(model: AstroSNN, history: History, context: int) -> dict[str, Any]:
    """What is worth knowing of a trained network beside its answers; state after `context` tokens."""
    every = max(1, len(history.losses) // 50)
    blocks = [history.losses[first : first + every] for first in range(0, len(history.losses), every)]
    return {
        "dim": model.config.dim,
        "parameters": history.parameters,
        "state": model.state_size(context),
        "slowest": slowest(model),
        "losses": [round(sum(block) / len(block), 4) for block in blocks],
    }


def slowest(model: AstroSNN) -> float | None:
    """The longest time constant in tokens of a spiking network's membranes and slow variables, as they were learned;
    None for the memories of the field."""
    if model.config.mixer == "lif":
        return max(block.mixer.neurons.tau for block in model.blocks)
    if model.config.mixer not in ("plif", "alif", "calcium", "amsu"):
        return None
    decays = [value for name, value in model.named_parameters() if name.endswith(".decay")]
    if not decays:
        return model.config.unit_config.tau
    return float(max((-logits.detach().double()).sigmoid().reciprocal().max() for logits in decays))


def chances(experiment: Experiment) -> dict[str, float]:
    """What one without a memory gets, by value."""
    return {str(value): draw_task(experiment, value, 1, 0).chance for value in experiment.tested}


def _loss(model: AstroSNN, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    return model(*batch, return_state=False)[1], None
