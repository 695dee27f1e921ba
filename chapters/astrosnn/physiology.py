"""Whether an astrocyte's calcium, or the messenger IP3, behaves as the decaying sum H of the reconstruction (A10)."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from brainlib.astrosnn.biophysics import Course, Pulse, resting_state, simulate

SECONDS = 60.0
ONSET = 1.0  # s


class Decay(NamedTuple):
    """`time_constant` in the unit of the time given, and `straightness`, the share of the variance of the logarithm
    that a straight line explains: 1 for an exponential."""

    time_constant: float
    straightness: float


class Answer(NamedTuple):
    """One concentration: its fall after one cue, and how far it is from adding two cues up."""

    fall: Decay  # time constant in seconds
    superposition: float


class Physiology(NamedTuple):
    """Cues as a seed draws them, the answers to them, and the course after the first."""

    cue: float  # duration of glutamate, s
    gap: float  # from the start of one cue to the next, s
    calcium: Answer
    ip3: Answer
    course: Course  # concentrations over rest


@cache
def physiology(seed: int) -> Physiology:
    """Two cues of 0.15 to 0.5 s that come 5 to 20 s apart, drawn by `seed`: each alone, and both."""
    generator = np.random.default_rng(seed)
    cue, gap = generator.uniform(0.15, 0.5), generator.uniform(5, 20)
    first, second = Pulse(ONSET, cue), Pulse(ONSET + gap, cue)
    one, two, both = (over_rest(simulate(pulses, SECONDS)) for pulses in ([first], [second], [first, second]))
    calcium, ip3 = (
        Answer(
            decay_of(one.time, getattr(one, name)),
            superposition_error(*(getattr(course, name) for course in (both, one, two))),
        )
        for name in ("calcium", "ip3")
    )
    return Physiology(cue, gap, calcium, ip3, one)


def over_rest(course: Course) -> Course:
    """The course with the state of rest taken off."""
    calcium, gate, ip3 = resting_state()
    return Course(course.time, course.calcium - calcium, course.gate - gate, course.ip3 - ip3)


def decay_of(time: Float[np.ndarray, "points"], excess: Float[np.ndarray, "points"], down_to: float = 0.05) -> Decay:
    """The exponential that fits best as the excess over rest falls from its peak to the share `down_to` of it.

    A line is fitted to the logarithm by least squares; the trace must be sampled evenly and reach `down_to`. Raises
    `ValueError` if it has no positive peak or does not fall so far.
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

    0 for a linear memory. All three are excesses over rest, at the same times.
    """
    together = first + second
    return float(np.abs(both - together).max() / np.abs(together).max())


def two_cues(one: Physiology) -> tuple[Float[np.ndarray, "points"], ...]:
    """Times, calcium over rest after the two cues of a seed, and the sum of that after each alone; 40 s."""
    first, second = Pulse(ONSET, one.cue), Pulse(ONSET + one.gap, one.cue)
    both, early, late = (over_rest(simulate(pulses, 40.0)) for pulses in ([first, second], [first], [second]))
    return both.time, both.calcium, early.calcium + late.calcium
