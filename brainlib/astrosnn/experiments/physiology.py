"""Whether an astrocyte's calcium, or the messenger IP3, behaves as the decaying sum H of the reconstruction: claim A10.

Used in chapters/astrosnn/01_tripartite_synapse.
"""

from typing import NamedTuple

import numpy as np

from brainlib.astrosnn.biophysics import Course, Decay, Pulse, decay_of, resting_state, simulate, superposition_error

SECONDS = 60.0
ONSET = 1.0  # s


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
