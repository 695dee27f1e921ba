"""Which model predicts best: rows of `held_out_table` compared split by split."""

import math
from collections.abc import Iterable, Sequence

from brainlib.extras import extra

BASELINES = ("Poisson HMM", "HG", "HG-L1", "GHG")


def gains(rows: Sequence[dict], family: str, states: int, value: str = "bits") -> list[float]:
    """`value` of a family with so many states in every split, in order. Raises `ValueError` if it was not fitted."""
    found = [row for row in rows if (row["family"], row["states"]) == (family, states)]
    if not found:
        raise ValueError(f"states: got {states} for {family}, expected numbers that were fitted")
    return [row[value] for row in sorted(found, key=lambda row: row["split"])]


def numbers(rows: Sequence[dict], family: str, least: int = 1) -> list[int]:
    """The numbers of states that were fitted, of at least `least`."""
    return sorted({row["states"] for row in rows if row["family"] == family and row["states"] >= least})


def best(rows: Sequence[dict], families: Iterable[str], least: int = 2) -> tuple[str, int]:
    """The family and the number of states with the highest mean over splits, of at least `least` states.

    Raises `ValueError` if nothing of that kind was fitted. Used in chapters/brainstates/03_recordings.
    """
    means = {
        (family, states): sum(gains(rows, family, states))
        for family in families
        for states in numbers(rows, family, least)
    }
    if not means:
        raise ValueError(f"families: got {tuple(families)} with {least} states or more, expected some that were fitted")
    return max(means, key=means.__getitem__)


def lead(rows: Sequence[dict], one: tuple[str, int], other: tuple[str, int]) -> list[float]:
    """By how many bits a spike one model is ahead of another, split by split. Used in
    chapters/brainstates/03_recordings."""
    return [a - b for a, b in zip(gains(rows, *one), gains(rows, *other), strict=True)]


def favourites(rows: Sequence[dict], family: str, value: str = "bits") -> list[int]:
    """The number of states with the highest `bits`, or the lowest `bic`, in every split."""
    sign = {"bits": 1, "bic": -1}[value]
    tried = numbers(rows, family)
    columns = zip(*(gains(rows, family, states, value) for states in tried), strict=True)
    return [tried[max(range(len(tried)), key=lambda place, column=c: sign * column[place])] for c in columns]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half of its 95 % interval, Student's t over the blocks of time; NaN for one value.

    Blocks share most of what was trained on and are not independent, so that intervals are somewhat too narrow. Used in
    chapters/brainstates/03_recordings.
    """
    with extra("notebook"):
        from scipy.stats import t

    count, mean = len(values), sum(values) / len(values)
    if count < 2:
        return mean, math.nan
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return mean, float(t.ppf(0.975, count - 1)) * spread / math.sqrt(count)
