"""Reading what the experiments on memory found: by model, value and seed, and who leads by how much.

`found` is what `memory.run` returns, of one run or of several `merged` ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import log
from statistics import fmean
from typing import Any

Found = Mapping[str, Mapping[str, Any]]


def merged(runs: Iterable[Found]) -> dict[str, dict[str, Any]]:
    """The seeds of several runs together, model by model."""
    together: dict[str, dict[str, Any]] = {}
    for found in runs:
        for name, seeds in found.items():
            together.setdefault(name, {}).update(seeds)
    return together


def accuracies(found: Found, name: str, value: int | str) -> list[float]:
    """One accuracy a seed, in the order of the seeds; empty if the model did not run or was not tested there."""
    seeds = found.get(name, {})
    return [one["accuracy"][str(value)] for _, one in by_seed(seeds) if str(value) in one["accuracy"]]


def lead(found: Found, value: int | str, first: str, others: Sequence[str]) -> list[float]:
    """For each seed the accuracy of `first` less that of the best of `others` that ran; empty if none or it did not."""
    own = accuracies(found, first, value)
    rivals = [scores for name in others if (scores := accuracies(found, name, value))]
    if not own or not rivals:
        return []
    return [mine - max(theirs) for mine, *theirs in zip(own, *rivals, strict=True)]


def facts(found: Found, name: str, field: str) -> list[Any]:
    """One fact of every network of a model, such as its "state" (`memory.described`)."""
    return [network[field] for _, one in by_seed(found.get(name, {})) for network in one["networks"].values()]


def remaining(found: Found, name: str, delay: int) -> float | None:
    """What is left of the cue's trace at the probe, (1 - 1 / tau)^(delay + 1) with the slowest time constant that the
    networks learned; mean over seeds, None where there is no time constant."""
    constants = [tau for tau in facts(found, name, "slowest") if tau is not None]
    return fmean((1 - 1 / tau) ** (delay + 1) for tau in constants) if constants else None


def exponent(sizes: Sequence[int | float], numbers: Sequence[int | float]) -> float:
    """The slope of log(numbers) on log(sizes), by least squares.

    Raises `ValueError` for fewer than two points, or for points that are not above 0.
    """
    if len(sizes) < 2 or len(sizes) != len(numbers) or min(*sizes, *numbers) <= 0:
        raise ValueError(f"numbers: got {list(numbers)} at {list(sizes)}, expected two points or more, all above 0")
    x, y = [log(size) for size in sizes], [log(number) for number in numbers]
    spread = [value - fmean(x) for value in x]
    return sum(a * b for a, b in zip(spread, y, strict=True)) / sum(a * a for a in spread)


def by_seed(seeds: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(seeds.items(), key=lambda pair: int(pair[0]))
