"""The neurons beside an astrocyte: rest, spikes, the glutamate they release, and what reaches the astrocyte."""

import numpy as np
import pytest

from brainlib.astrosnn.biophysics import LASTING, SPIKE, STEP, stimulate


def test_neurons_without_current_rest() -> None:
    zone = stimulate(np.zeros(16), 0.0, 0.05, 0.05)
    assert np.allclose(zone.voltage, -70.0) and not zone.glutamate.any() and zone.pulses == []


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


@pytest.mark.parametrize(("start", "end", "duration"), [(-0.1, 0.1, 1.0), (0.2, 0.2, 1.0), (0.5, 1.5, 1.0)])
def test_a_stimulus_lies_within_the_duration(start: float, end: float, duration: float) -> None:
    with pytest.raises(ValueError, match=r"^start, end, duration: got"):
        stimulate(np.zeros(2), start, end, duration)
