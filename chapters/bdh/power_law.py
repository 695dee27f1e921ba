"""Straight lines on logarithmic axes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class PowerLaw(NamedTuple):
    """y = scale * x^exponent, with the 95 % interval of the exponent."""

    scale: float
    exponent: float
    low: float
    high: float

    def __call__(self, x: float) -> float:
        return self.scale * x**self.exponent


def power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw:
    """The least-squares line through the logarithms. Raises `ValueError` unless there are three points above 0."""
    if len(x) != len(y) or len(y) < 3 or min(*x, *y) <= 0:
        raise ValueError(f"x, y: got {list(x)}, {list(y)}, expected as many, at least 3, all above 0")
    line = stats.linregress(np.log(x), np.log(y))
    wide = float(stats.t.ppf(0.975, len(y) - 2) * line.stderr)
    return PowerLaw(float(np.exp(line.intercept)), float(line.slope), line.slope - wide, line.slope + wide)
