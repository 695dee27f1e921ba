"""How heavy the tail of a degree distribution is: a power law fitted exactly, and set against an exponential.

The method of Clauset, Shalizi and Newman (2009): maximum likelihood for whole numbers, the tail's beginning where the
fit lies closest to the data, and a likelihood ratio (Vuong) against the alternative on the same tail.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from torch import Tensor

from brainlib.extras import extra

SMALLEST_TAIL = 50


class Tail(NamedTuple):
    """A power law p(k) ~ k^-exponent for k >= start, fitted to `size` of the values.

    `distance` is the largest difference between its cumulative distribution and that of the values (Kolmogorov and
    Smirnov). `against_exponential` is the log-likelihood ratio to the best exponential on the same tail, in standard
    deviations: above zero the tail is heavier than exponential, above 1.64 so at the one-sided 5 % level.
    """

    exponent: float
    start: int
    size: int
    distance: float
    against_exponential: float


def fit_tail(degrees: Int[Tensor, "neurons"]) -> Tail:
    """The power-law tail of whole numbers; zeros are left out. Used in chapters/bdh/04_anatomy.ipynb.

    Raises `ValueError` if fewer than `SMALLEST_TAIL` values are positive or all of them are equal.
    """
    values = np.sort(degrees.numpy(force=True))
    values = values[values > 0]
    if len(values) < SMALLEST_TAIL or values[0] == values[-1]:
        raise ValueError(
            f"degrees: got {len(values)} positive values, expected at least {SMALLEST_TAIL} that are not all equal"
        )
    starts = np.unique(values[: len(values) - SMALLEST_TAIL + 1])
    fits = [(*power_law(values[values >= start]), start) for start in starts if start < values[-1]]
    distance, exponent, start = min(fits)
    tail = values[values >= start]
    ratio = log_power_law(tail, exponent) - log_exponential(tail)
    return Tail(exponent, int(start), len(tail), distance, float(ratio.sum() / (ratio.std() * np.sqrt(len(ratio)))))


def power_law(tail: np.ndarray) -> tuple[float, float]:
    """Distance and exponent of the likeliest power law that begins at the smallest value of a sorted tail."""
    with extra("notebook"):
        from scipy.optimize import minimize_scalar
        from scipy.special import zeta

    mean_log = np.log(tail).mean()
    fit = minimize_scalar(
        lambda exponent: np.log(zeta(exponent, tail[0])) + exponent * mean_log, bounds=(1.01, 20), method="bounded"
    )
    values = np.unique((tail, tail - 1))[1:]  # between them only the fitted distribution grows
    fitted = 1 - zeta(fit.x, values + 1) / zeta(fit.x, tail[0])
    found = np.searchsorted(tail, values, side="right") / len(tail)
    return float(np.abs(fitted - found).max()), float(fit.x)


def log_power_law(tail: np.ndarray, exponent: float) -> np.ndarray:
    with extra("notebook"):
        from scipy.special import zeta

    return -exponent * np.log(tail) - np.log(zeta(exponent, tail[0]))


def log_exponential(tail: np.ndarray) -> np.ndarray:
    """Log-probabilities of the likeliest p(k) = (1 - q) q^(k - start)."""
    beyond = tail - tail[0]
    q = beyond.mean() / (1 + beyond.mean())
    return np.log1p(-q) + beyond * np.log(q)
