"""The lesion study of the chapter on memory: networks that were taught, lesioned in the middle of what they read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from brainlib.astrosnn.experiments.lesions import LESIONS, after_lesion, by_pair
from brainlib.astrosnn.experiments.memory import TEST_BATCH, TEST_SEED, Experiment, draw_task, path_of, taught
from brainlib.astrosnn.experiments.memory_profiles import Plan

UNIT = "AM-SU"


def study(plan: Plan, seeds: range, device: str = "auto", folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """By seed, what lesions leave of the units that `plan.retention` and `plan.pairs` taught.

    "delay": the longest delay that was taught, and for each lesion the accuracies by the place `at` of the lesion (1 is
    just after the cue). "pairs": the most pairs that were taught, the lesion in the middle of telling them (`at`), and
    for each lesion the accuracy of every pair. "heads": the time constants of each layer's heads, and the accuracy at
    the longest delay with one of them emptied in all layers (`without`), or all but one (`alone`), before the probe.
    """
    return {str(seed): _study(plan, seed, device, folder) for seed in seeds}


def _study(plan: Plan, seed: int, device: str, folder: Path | None) -> dict[str, Any]:
    retention, pairs = plan.retention, plan.pairs

    def network(name: str, experiment: Experiment):
        place = folder and folder / path_of(name, UNIT, "all", seed)
        return taught(experiment, UNIT, experiment.taught, plan.frame, seed, device, place)[0]

    model, delay = network("retention", retention), max(retention.taught)
    places = sorted({1, 2, *(delay * part // 4 for part in (1, 2, 3)), delay, delay + 1})
    recalled = {
        lesion: [after_lesion(model, _tests(retention, delay, seed), at, lesion) for at in places] for lesion in LESIONS
    }
    heads = range(plan.frame.heads)
    emptied = {
        "without": [[head] for head in heads],
        "alone": [[other for other in heads if other != head] for head in heads],
    }
    kept = {
        kind: [after_lesion(model, _tests(retention, delay, seed), delay + 1, "astrocyte", each) for each in choices]
        for kind, choices in emptied.items()
    }
    constants = [(1 / (1 - block.mixer.astrocyte.gamma().double())).tolist() for block in model.blocks]

    model, count = network("pairs", pairs), max(pairs.taught)
    at = count // 2 * 2
    told = {lesion: by_pair(model, _tests(pairs, count, seed), count, at, lesion) for lesion in LESIONS}
    return {
        "delay": {"delay": delay, "at": places, **recalled},
        "pairs": {"pairs": count, "at": at, **told},
        "heads": {"time_constants": constants, **kept},
    }


def _tests(experiment: Experiment, value: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    task = draw_task(experiment, value, TEST_BATCH, TEST_SEED + seed)
    return (task.next_batch() for _ in range(experiment.tests))
