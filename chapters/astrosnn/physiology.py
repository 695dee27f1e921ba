"""Whether an astrocyte's calcium, or the messenger IP3, behaves as the decaying sum H of the reconstruction (A10)."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from chapters.astrosnn.biophysics import Course, Pulse, resting_state, simulate

SECONDS = 60.0
ONSET = 1.0  # s
DOWN_TO = 0.05  # of its peak falls what a fit of the decay sees

Points = Float[np.ndarray, "points"]


class Answer(NamedTuple):
    """One concentration after one cue: the `time_constant` of its fall in seconds; its `straightness`, the share of the
    variance of the logarithm that a straight line explains, 1 for an exponential; and how far it is from adding two
    cues up."""

    time_constant: float
    straightness: float
    superposition: float


class Physiology(NamedTuple):
    """Cues as a seed draws them, the answers to them, and the courses of concentrations over rest."""

    gap: float  # from the start of one cue to the next, s
    calcium: Answer
    ip3: Answer
    first: Course  # after the first cue alone
    second: Course
    both: Course


@cache
def physiology(seed: int) -> Physiology:
    """Two cues of 0.15 to 0.5 s that come 5 to 20 s apart, drawn by `seed`: each alone, and both."""
    generator = np.random.default_rng(seed)
    cue, gap = generator.uniform(0.15, 0.5), generator.uniform(5, 20)
    first, second = Pulse(ONSET, cue), Pulse(ONSET + gap, cue)
    courses = [over_rest(simulate(pulses, SECONDS)) for pulses in ([first], [second], [first, second])]
    answers = []
    for name in ("calcium", "ip3"):
        one, two, both = (getattr(course, name) for course in courses)
        answers.append(Answer(*decay_of(courses[0].time, one), superposition_error(both, one, two)))
    return Physiology(gap, *answers, *courses)


def over_rest(course: Course) -> Course:
    """The course with the state of rest taken off."""
    return Course(course.time, *(values - rest for values, rest in zip(course[1:], resting_state(), strict=True)))


def decay_of(time: Points, excess: Points) -> tuple[float, float]:
    """Time constant and straightness of the exponential that fits best as the excess over rest falls from its peak to a
    twentieth of it: a line is fitted to the logarithm by least squares, of a trace that falls so far."""
    peak = int(np.argmax(excess))
    fall = slice(peak, peak + int(np.flatnonzero(excess[peak:] <= DOWN_TO * excess[peak])[0]))
    at, logarithm = time[fall], np.log(excess[fall])
    slope, level = np.polyfit(at, logarithm, 1)
    rest = logarithm - (slope * at + level)
    return float(-1 / slope), float(1 - rest.var() / logarithm.var())


def superposition_error(both: Points, first: Points, second: Points) -> float:
    """How far the answer to two events is from the sum of the answers to each, over the peak of that sum.

    0 for a linear memory. All three are excesses over rest, at the same times.
    """
    together = first + second
    return float(np.abs(both - together).max() / np.abs(together).max())
