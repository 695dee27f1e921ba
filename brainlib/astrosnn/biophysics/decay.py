"""Two questions to a trace: does it fall like gamma^t, and do its answers to two events add up?

The memory of this package, H_t = gamma H_{t-1} + k_t v_t^T, does both exactly. A physiological variable that stands for
it has to do so nearly.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Decay(NamedTuple):
    """`time_constant` in the unit of the time given, and `straightness`, the share of the variance of the logarithm
    that a straight line explains: 1 for an exponential."""

    time_constant: float
    straightness: float


def decay_of(time: Float[np.ndarray, "points"], excess: Float[np.ndarray, "points"], down_to: float = 0.05) -> Decay:
    """The exponential that fits best as the excess over rest falls from its peak to the share `down_to` of it.

    A line is fitted to the logarithm by least squares; the trace must be sampled evenly and reach `down_to`. Raises
    `ValueError` if it has no positive peak or does not fall so far. Used in chapters/astrosnn/01_tripartite_synapse.
    """
    peak = int(np.argmax(excess))
    if not excess[peak] > 0:
        raise ValueError(f"excess: got a largest value of {excess[peak]:g}, expected a positive peak")
    low = np.flatnonzero(excess[peak:] <= down_to * excess[peak])
    if len(low) == 0 or low[0] < 3:
        raise ValueError(f"excess: it must fall to {down_to:g} of its peak within the trace and last three samples")
    fall = slice(peak, peak + int(low[0]))
    at, logarithm = time[fall], np.log(excess[fall])
    slope, level = np.polyfit(at, logarithm, 1)
    rest = logarithm - (slope * at + level)
    return Decay(float(-1 / slope), float(1 - rest.var() / logarithm.var()))


def superposition_error(
    both: Float[np.ndarray, "points"], first: Float[np.ndarray, "points"], second: Float[np.ndarray, "points"]
) -> float:
    """How far the answer to two events is from the sum of the answers to each, over the peak of that sum.

    0 for a linear memory. All three are excesses over rest, at the same times. Used in
    chapters/astrosnn/01_tripartite_synapse.
    """
    together = first + second
    return float(np.abs(both - together).max() / np.abs(together).max())
