"""The time scale on which a unit's activity forgets, tau_net: from its autocorrelation, by exponentials fitted to it.

tau is what a unit would do alone; tau_net is what it does within the network. As in the official code: the
autocovariance, averaged over trials; one exponential and a sum of two fitted to the first lags; the better of the two
by Akaike's criterion; of two time scales the longer.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.extras import extra

SHORTEST = 1.0  # bits; what decays faster is not counted, as in the official code
LONGEST = 100.0  # bits, the bound of the fits
MOST_EVALUATIONS = 2000
AT_ONCE = 2**24  # numbers in a Fourier transform
EXACT = 1e-5  # residuals that are rounding, and speak for no model


class TauNet(NamedTuple):
    """tau_net in bits of every unit, NaN where nothing could be fitted.

    Statistics are over the units that survive: those whose activity decays more slowly than within one bit. The others
    fluctuate from bit to bit or oscillate, which no sum of positive exponentials can follow. Always state the `share`.
    """

    values: Float[Tensor, "units"]

    @property
    def surviving(self) -> Float[Tensor, " surviving"]:
        """The values above 1 bit."""
        return self.values[self.values > SHORTEST]

    @property
    def share(self) -> float:
        """The share of all units that survive."""
        return len(self.surviving) / len(self.values)

    @property
    def mean(self) -> float:
        """The paper's figure; NaN if none survives.

        A second exponential of little weight and any length, up to the bound of 100 bits, is often what fits the noise
        of an autocorrelation best: a few such units move the mean, hardly the median.
        """
        return self.surviving.mean().item()

    @property
    def median(self) -> float:
        """NaN if none survives."""
        return self.surviving.quantile(0.5).item() if len(self.surviving) else float("nan")


def autocorrelation(states: Float[Tensor, "time batch units"], lags: int) -> Float[Tensor, "lags_and_0 units"]:
    """The autocorrelation of every unit at lags 0 to `lags`: the mean of its autocovariance over sequences, divided by
    that at lag 0. NaN for a unit that never changes. Float64.

    Raises `ValueError` for fewer than 2 lags or sequences that are not longer.
    """
    covariances = autocovariance(states, lags).mean(1)
    return covariances / covariances[0]


def autocovariance(states: Float[Tensor, "time batch units"], lags: int) -> Float[Tensor, "lags_and_0 batch units"]:
    """Of every sequence and unit, less its own mean: the sum over the T - k pairs that are k apart, divided by T - k.

    By Fourier transforms in float64, padded so that no pair wraps around. (The official code divides by T - k - 1: no
    difference once normalised by lag 0, but for a factor of 1 + k / T^2.)
    """
    time, batch, units = states.shape
    if not 2 <= lags < time:
        raise ValueError(f"lags: got {lags}, expected at least 2 and fewer than the {time} states")
    size = 2 ** (time + lags - 1).bit_length()
    found = []
    for series in states.flatten(1).split(max(1, AT_ONCE // size), dim=1):
        moved = series.double() - series[0]  # exactly 0 where nothing changes
        moved -= moved.mean(0)
        power = torch.fft.rfft(moved, size, dim=0).abs().square()
        found.append(torch.fft.irfft(power, size, dim=0)[: lags + 1])
    pairs = time - torch.arange(lags + 1, device=states.device)
    return torch.cat(found, dim=1).unflatten(1, (batch, units)) / pairs[:, None, None]


def fit_decay(correlations: Float[Tensor, "lags_and_0 units"]) -> TauNet:
    """tau_net of autocorrelations at lags 0, 1, 2 ... bits; NaN where they are not finite or no fit ends.

    Least squares by scipy's trust-region method, as in the official code and within its bounds:

        A exp(-t / tau)                                      0 <= A <= 1, 0 <= tau <= 100
        A (c exp(-t / tau_1) + (1 - c) exp(-t / tau_2))      likewise, 0 <= c <= 1

    The lower 2 k + n log(RSS / n) wins: k parameters, n lags, RSS the sum of squared residuals. Of two time constants
    the longer is taken, however small its part.
    """
    curves = correlations.T.double().numpy(force=True)
    return TauNet(torch.tensor([_time_constant(curve) for curve in curves], dtype=torch.float64))


def _time_constant(curve: np.ndarray) -> float:
    if not np.isfinite(curve).all():
        return np.nan
    t = np.arange(len(curve), dtype=np.float64)
    one, (amplitude, tau) = _fit(_one, t, curve, [0.5, LONGEST / 2])
    two, (_, tau_1, tau_2, _) = _fit(_two, t, curve, [amplitude, tau / 2, 2 * tau, 0.5])
    return max(tau_1, tau_2) if two < one else tau if np.isfinite(one) else np.nan


def _fit(model: Callable, t: np.ndarray, curve: np.ndarray, start: list[float]) -> tuple[float, np.ndarray]:
    """Akaike's criterion, infinite if the fit did not end, and the parameters."""
    with extra("notebook"):
        from scipy.optimize import least_squares

    largest = [1.0, LONGEST, LONGEST, 1.0][: len(start)]
    fit = least_squares(
        lambda p: model(t, *p)[0] - curve,
        np.clip(start, 1e-6, 0.99 * np.array(largest)),  # within the bounds
        jac=lambda p: model(t, *p)[1],
        bounds=(0, largest),
        max_nfev=MOST_EVALUATIONS,
    )
    squares = max(2 * fit.cost / len(t), EXACT**2)
    criterion = 2 * len(start) + len(t) * np.log(squares)
    return (criterion if fit.success else np.inf), fit.x


def _one(t: np.ndarray, amplitude: float, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """The curve and its derivatives by the parameters."""
    decay = np.exp(-t / tau)
    return amplitude * decay, np.stack((decay, amplitude * decay * t / tau**2), 1)


def _two(t: np.ndarray, amplitude: float, tau_1: float, tau_2: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    first, d_first = _one(t, amplitude * share, tau_1)
    second, d_second = _one(t, amplitude * (1 - share), tau_2)
    by_share = amplitude * (d_first[:, 0] - d_second[:, 0])
    by_amplitude = share * d_first[:, 0] + (1 - share) * d_second[:, 0]
    return first + second, np.stack((by_amplitude, d_first[:, 1], d_second[:, 1], by_share), 1)
