"""The calcium and IP3 of an astrocyte, and the neurons beside it whose glutamate reaches it."""

import numpy as np
import pytest

from chapters.astrosnn.biophysics import LASTING, SPIKE, STEP, Pulse, rates, resting_state, simulate, stimulate


def test_at_rest_nothing_changes() -> None:
    rest = resting_state()
    assert np.abs(rates(rest)).max() < 1e-12
    calm = simulate([], 5.0)
    assert len(calm.time) == 501 and calm.time[-1] == pytest.approx(5)
    for values, level in zip(calm[1:], rest, strict=True):
        assert np.allclose(values, level, atol=1e-9)


def test_pulses_are_never_stepped_over_and_add_up() -> None:
    short = simulate([Pulse(20.0, 0.001, 1000.0)], 21.0)
    assert short.ip3[-1] - short.ip3[0] == pytest.approx(1.0, rel=0.2)
    twice = simulate([Pulse(1.0, 0.1), Pulse(1.0, 0.1)], 3.0)
    strong = simulate([Pulse(1.0, 0.1, 10.0)], 3.0)
    assert np.allclose(twice.calcium, strong.calcium, atol=1e-6)


def test_more_current_more_spikes_and_every_spike_releases_as_much() -> None:
    zone = stimulate(np.array([2.0, 10.0, 20.0]), 0.02, 0.12, 0.15)
    spikes = zone.voltage >= SPIKE
    counts = spikes.sum(0)
    assert counts[0] == 0 < counts[1] < counts[2] and not spikes[: round(0.02 / STEP)].any()
    released = np.zeros_like(zone.glutamate)
    for step in range(1, len(zone.time)):
        released[step] = released[step - 1] * (1 - 10 * STEP) + 0.06 * spikes[step]
    assert np.allclose(zone.glutamate, released, atol=1e-12)


def test_the_astrocyte_hears_when_half_of_the_neurons_are_active() -> None:
    current = np.where(np.arange(16) < 8, 25.0, 0.0)
    zone = stimulate(current, 0.05, 0.2, 0.4)
    (pulse,) = zone.pulses
    active = np.flatnonzero((zone.glutamate >= 0.7).sum(1) >= 8)
    assert pulse.start == pytest.approx(active[0] * STEP)
    assert pulse.start + pulse.duration == pytest.approx(active[-1] * STEP + LASTING)
    assert stimulate(np.where(np.arange(16) < 7, 25.0, 0.0), 0.05, 0.2, 0.3).pulses == []
