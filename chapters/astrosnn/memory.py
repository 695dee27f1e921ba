"""The experiments of the chapter on memory: networks that differ in what they remember with are trained on a task, and
tested on sequences that they have not seen.

Sizes are those of a CPU; the paper's could not be read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from brainlib import runs
from brainlib.arguments import seeded
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from chapters.astrosnn import tasks
from chapters.astrosnn.networks import model_config, restored, trained, untrained
from chapters.astrosnn.tasks import IGNORED, Task

TASKS = {
    "recall": tasks.delayed_recall,
    "pairs": tasks.associative_recall,
    "copying": tasks.copying,
    "digits": tasks.read_digits,
}
TEST_SEED = 1_000_000  # streams of tests begin here, those of training at the seed of the network
TEST_BATCH = 256
COLUMNS = ("model", "seed", "value", "accuracy", "parameters", "state", "slowest")


@dataclass(frozen=True)
class Experiment:
    """One question, asked of several `models` (`networks.model_config`) that are trained in the same way.

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

    def at(self, value: int | str, **settings: Any) -> Task:
        """The task at one value."""
        return TASKS[self.task](value, **dict(self.settings), **settings)

    def chance(self, value: int | str) -> float:
        """What one without a memory gets."""
        return self.at(value).chance


@dataclass(frozen=True)
class Condition:
    """One model of an experiment, in the frame whose parameters all have."""

    model: str
    experiment: Experiment
    frame: AstroSNNConfig

    def config(self, value: int | str) -> AstroSNNConfig:
        """The model, with what the task at this value reads and asks for."""
        task = self.experiment.at(value)
        reads = {"vocab": task.vocab, "inputs": task.inputs, "outputs": task.outputs}
        return model_config(replace(self.frame, **reads), self.model)


def run(
    experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str = "auto"
) -> dict[str, dict[str, dict[str, Any]]]:
    """By model and seed {"accuracy": {value: share right}, "networks": {name: facts}}; all keys are strings."""
    return {
        model: {seed: {"accuracy": one["accuracy"], "networks": one["networks"]} for seed, one in results.items()}
        for model, results in _runs(experiment, frame, seeds, device).items()
    }


def networks(
    model: str, experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str = "auto"
) -> list[AstroSNN]:
    """The networks of one model, for each seed, of an experiment that trains all values together."""
    config = Condition(model, experiment, frame).config(experiment.values[0])
    found = _runs(replace(experiment, models=(model,)), frame, seeds, device)[model]
    return [restored(config, result["weights"]["all"], device) for result in found.values()]


def _runs(experiment: Experiment, frame: AstroSNNConfig, seeds: Iterable[int], device: str) -> dict[str, dict]:
    seeds, alone = list(seeds), replace(experiment, models=())
    conditions = {model: Condition(model, alone, frame) for model in experiment.models}
    found = runs.study(trained_and_tested, conditions, seeds, device=device)
    return {model: dict(zip(map(str, seeds), results, strict=True)) for model, results in found.items()}


def trained_and_tested(
    condition: Condition, seed: int, *, device: str = "auto", folder: Path | None = None
) -> dict[str, dict[str, Any]]:
    """{"accuracy": {value: share right}, "networks": {name: facts}, "weights": {name: state dict}}.

    AdamW, a tenth of the steps to warm up, then a cosine to nothing; without weight decay, which would pull the logits
    of slow decays towards a decay of one half.
    """
    experiment, found = condition.experiment, {"accuracy": {}, "networks": {}, "weights": {}}
    options = {"learning_rate": 3e-3, "final_fraction": 0.0, "weight_decay": 0.0, "checkpoint_every": 250}
    parts = {"all": experiment.values} if experiment.together else {str(value): (value,) for value in experiment.values}
    for name, values in parts.items():
        stream = tasks.Stream([experiment.at(value) for value in values], experiment.batch, seed)
        model = untrained(condition.config(values[0]), seed, device)
        history = trained(model, stream, experiment.steps, seed, folder and folder / name, **options)
        every = max(1, experiment.steps // 50)
        blocks = np.array_split(history.losses, range(every, experiment.steps, every))
        found["weights"][name] = model.state_dict()
        found["networks"][name] = {
            "dim": model.config.dim,
            "parameters": history.parameters,
            "state": model.state_size(max(task.steps for task in stream.tasks)),
            "slowest": slowest(model),
            "losses": [round(float(block.mean()), 4) for block in blocks],
        }
        for value in experiment.tested if experiment.together else values:
            found["accuracy"][str(value)] = accuracy(_logits(model), test_batches(experiment, value, seed))
    return found


def test_batches(experiment: Experiment, value: int | str, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Sequences, or all digits of the test, that no network was trained on."""
    task = experiment.at(value, test=True) if experiment.task == "digits" else experiment.at(value)
    generator = seeded(TEST_SEED + seed)
    return (task.draw(TEST_BATCH, generator) for _ in range(experiment.tests))


@torch.no_grad()
def accuracy(answer: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """The share of right answers; `answer` gives the logits of the last tokens, all that are asked among them."""
    right = total = 0
    for inputs, targets in batches:
        places, given = targets != IGNORED, answer(inputs).argmax(-1).cpu()
        right += int((given == targets[:, -given.shape[1] :])[places[:, -given.shape[1] :]].sum())
        total += int(places.sum())
    return right / total


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


def tidy(found: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """What `run` found, a row for each model, seed and value (a string)."""
    rows = [
        (model, int(seed), value, score, *(facts.get(name) for name in COLUMNS[4:]))
        for model, seeds in found.items()
        for seed, one in seeds.items()
        for facts in [next(iter(one["networks"].values()))]
        for value, score in one["accuracy"].items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def by_seed(table: pd.DataFrame, value: int | str) -> pd.DataFrame:
    """Accuracies at a value: a row a seed, a column a model."""
    return table[table.value == str(value)].pivot(index="seed", columns="model", values="accuracy")


def accuracies(table: pd.DataFrame, model: str, value: int | str) -> list[float]:
    """One accuracy a seed; empty if the model did not run or was not tested there."""
    return by_seed(table, value).get(model, pd.Series(dtype=float)).tolist()


def lead(table: pd.DataFrame, value: int | str, first: str, others: Sequence[str]) -> list[float]:
    """For each seed the accuracy of `first` less that of the best of `others` that ran; empty if none or it did not."""
    found = by_seed(table, value).reindex(columns=[first, *others])
    return (found[first] - found[list(others)].max(axis=1)).dropna().tolist()


def _logits(model: AstroSNN) -> Callable[[Tensor], Tensor]:
    return lambda inputs: model(inputs.to(model.readout.weight.device), return_state=False)[0]
