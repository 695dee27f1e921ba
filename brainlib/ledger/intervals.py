"""The mean of a few seeds and how well they know it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from brainlib.extras import extra

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; one value alone has an endless one.

    >>> print(Interval(2.0, 1.5, 2.5))
    2 (1.5 to 2.5)
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.mean:.3g}"
        return f"{self.mean:.3g} ({self.low:.3g} to {self.high:.3g})"

    def __neg__(self) -> "Interval":
        return Interval(-self.mean, -self.high, -self.low)


def interval(values: Sequence[float | int]) -> Interval:
    """Student's t interval of the mean, 95 %; raises `ValueError` if there is no value.

    >>> print(interval([1.0, 2.0, 3.0]))
    2 (-0.484 to 4.48)
    """
    if not values:
        raise ValueError("values: got none, expected at least one")
    mean = statistics.fmean(values)
    half = _half(statistics.stdev(values), len(values)) if len(values) > 1 else math.inf
    return Interval(mean, mean - half, mean + half)


def seeds_needed(values: Sequence[float | int], distance: float | int) -> int | None:
    """At how many seeds of this spread the half interval would be below `distance`; None if above a thousand."""
    if len(values) < 2:
        return None
    spread = statistics.stdev(values)
    return next((n for n in range(len(values), MOST_SEEDS + 1) if _half(spread, n) < distance), None)


def _half(spread: float, seeds: int) -> float:
    with extra("notebook"):
        from scipy.stats import t
    return float(t.ppf(0.975, seeds - 1)) * spread / math.sqrt(seeds)
