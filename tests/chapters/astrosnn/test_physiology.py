"""Fits of a decay and of additivity, on traces whose answers are known."""

import numpy as np
import pytest

from chapters.astrosnn.physiology import decay_of, superposition_error

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
