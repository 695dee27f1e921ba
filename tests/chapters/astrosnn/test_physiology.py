"""Fits of a decay and of additivity, on traces whose answers are known and on the astrocyte's."""

import numpy as np
import pytest

from brainlib.astrosnn.biophysics import Pulse, resting_state, simulate
from chapters.astrosnn.physiology import SECONDS, decay_of, physiology, superposition_error

TIME = np.linspace(0, 50, 2001)


def test_an_exponential_is_found_exactly() -> None:
    trace = np.where(TIME < 5, 0.0, 3 * np.exp(-(TIME - 5) / 7))
    found = decay_of(TIME, trace)
    assert found.time_constant == pytest.approx(7, rel=1e-9) and found.straightness == pytest.approx(1, abs=1e-12)


def test_a_fall_that_is_not_exponential_is_less_straight() -> None:
    hyperbola, parabola = 1 / (1 + TIME) ** 2, np.maximum(1 - (TIME / 20) ** 2, 0)
    assert decay_of(TIME, hyperbola).straightness < 0.98
    assert decay_of(TIME, parabola).straightness < 0.9


@pytest.mark.parametrize("trace", [np.zeros(2001), -np.exp(-TIME)])
def test_a_trace_without_peak_is_refused(trace: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^excess: got a largest value"):
        decay_of(TIME, trace)


@pytest.mark.parametrize("trace", [np.exp(-TIME / 100), np.eye(1, 2001)[0]])
def test_a_trace_that_cannot_be_fitted_is_refused(trace: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^excess: it must fall to 0\.05"):
        decay_of(TIME, trace)


def test_superposition() -> None:
    one, two = np.exp(-TIME), np.exp(-TIME / 3)
    assert superposition_error(one + two, one, two) == 0
    assert superposition_error(one + two + 1, one, two) == pytest.approx(0.5)


def test_ip3_is_a_leaky_integrator_and_calcium_is_an_event() -> None:
    calcium, _, ip3 = resting_state()
    first, second = [Pulse(1.0, 0.2)], [Pulse(11.0, 0.2)]
    alone, later, both = (simulate(pulses, 50.0) for pulses in (first, second, first + second))
    messenger, event = decay_of(alone.time, alone.ip3 - ip3), decay_of(alone.time, alone.calcium - calcium)
    assert 6.5 < messenger.time_constant < 8.5 and messenger.straightness > 0.98  # 1 / tau_r is 7.1 s
    assert event.straightness < 0.9
    assert superposition_error(both.ip3 - ip3, alone.ip3 - ip3, later.ip3 - ip3) < 0.1
    assert superposition_error(both.calcium - calcium, alone.calcium - calcium, later.calcium - calcium) > 0.5


def test_a_seed_draws_its_cues_and_the_answers_follow() -> None:
    one, again, other = physiology(0), physiology(0), physiology(1)
    assert one.calcium == again.calcium and one.ip3 == again.ip3
    assert one.cue != other.cue and 0.15 <= one.cue <= 0.5 and 5 <= one.gap <= 20
    assert one.course.time[-1] == pytest.approx(SECONDS)
    assert np.abs(one.course.calcium[:90]).max() < 1e-8 and one.course.calcium.max() > 0.5  # rest, then the event
    assert 1 < one.calcium.fall.time_constant < 3 and 7 < one.ip3.fall.time_constant < 8
    assert one.ip3.superposition < one.calcium.superposition
