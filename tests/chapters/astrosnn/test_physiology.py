"""Fits of a decay and of additivity, on traces whose answers are known and on the astrocyte's."""

import numpy as np
import pytest

from chapters.astrosnn.physiology import SECONDS, decay_of, physiology, superposition_error

TIME = np.linspace(0, 50, 2001)


def test_an_exponential_is_found_exactly() -> None:
    trace = np.where(TIME < 5, 0.0, 3 * np.exp(-(TIME - 5) / 7))
    assert decay_of(TIME, trace) == pytest.approx((7, 1), rel=1e-9)


def test_a_fall_that_is_not_exponential_is_less_straight() -> None:
    hyperbola, parabola = 1 / (1 + TIME) ** 2, np.maximum(1 - (TIME / 20) ** 2, 0)
    assert decay_of(TIME, hyperbola)[1] < 0.98
    assert decay_of(TIME, parabola)[1] < 0.9


def test_superposition() -> None:
    one, two = np.exp(-TIME), np.exp(-TIME / 3)
    assert superposition_error(one + two, one, two) == 0
    assert superposition_error(one + two + 1, one, two) == pytest.approx(0.5)


def test_ip3_is_a_leaky_integrator_and_calcium_is_an_event() -> None:
    one, other = physiology(0), physiology(1)
    assert one.gap != other.gap and 5 <= one.gap <= 20 and one.first.time[-1] == pytest.approx(SECONDS)
    assert np.abs(one.first.calcium[:90]).max() < 1e-8 and one.first.calcium.max() > 0.5  # rest, then the event
    assert 1 < one.calcium.time_constant < 3 and one.calcium.straightness < 0.9
    assert 6.5 < one.ip3.time_constant < 8.5 and one.ip3.straightness > 0.98  # 1 / tau_r is 7.1 s
    assert one.ip3.superposition < 0.1 and one.calcium.superposition > 0.5
