"""Calcium and IP3, one synapse by a loop of its own, fits of a decay, and that a form that differs is found."""

import numpy as np
import pytest
import torch

from chapters.astrosnn import equivalence
from chapters.astrosnn.biophysics import LASTING, SPIKE, STEP, Pulse, rates, resting_state, simulate, stimulate
from chapters.astrosnn.one_synapse import CUE, QUESTION, TOKENS, one_synapse
from chapters.astrosnn.physiology import decay_of, superposition_error


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


CUES = {"first_cue": 8, "second_cue": 40, "asked_for": "first"}
START = CUES | {"memory": 128.0, "gain": 0.35, "threshold": 1.0, "question": 90}


def by_hand(memory, gain, threshold, first_cue, second_cue, question, asked_for) -> list[tuple]:
    """The equations of the module's docstring, one token after the other."""
    m, H, tokens = 0.0, [0.0, 0.0], []
    for t in range(TOKENS):
        key = [float(start <= t < start + CUE) for start in (first_cue, second_cue)]
        asks = float(question <= t < question + QUESTION)
        H = [(1 - 1 / memory) * h + k for h, k in zip(H, key, strict=True)]
        o = gain * asks * H[("first", "second").index(asked_for)]
        current = 0.2 + sum(key)
        u = 0.5 * m + current
        s = float(u + o - threshold >= 0)
        m = u * (1 - s)
        tokens.append((current, u, threshold - o, s, *H, asks))
    return tokens


@pytest.mark.parametrize(
    "changes",
    [{}, {"asked_for": "second"}, {"memory": 1.0}, {"memory": 1e6, "gain": 0.13}, {"second_cue": 9, "threshold": 0.77}],
    ids=str,
)
def test_the_traces_are_the_equations(changes: dict) -> None:
    settings = START | changes
    expected = torch.tensor(by_hand(**settings), dtype=torch.float64).T
    assert torch.allclose(torch.stack(one_synapse(**settings)), expected, rtol=1e-12, atol=1e-12)


def test_the_membrane_has_forgotten_and_the_astrocyte_answers() -> None:
    told, untold = one_synapse(**START), one_synapse(**START | {"first_cue": TOKENS})
    before, during = slice(60, 90), slice(90, 90 + QUESTION)
    assert torch.allclose(told.membrane[before], untold.membrane[before], atol=1e-12)  # beta^50: nothing is left
    assert not told.spikes[before].any() and told.spikes[during].sum() >= 1 and not untold.spikes[during].any()


def test_a_form_that_differs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right, whole = equivalence.astrocyte_memory, equivalence.AMSU.forward

    def wrong(query, key, value, log_decay, write, state, **options):
        return right(query, key, value, log_decay - 1e-6, write, state, **options)

    monkeypatch.setattr(equivalence, "astrocyte_memory", wrong)
    assert min(map(min, equivalence.differences("fixed", 0).values())) > 1e-8
    monkeypatch.setattr(equivalence.AMSU, "forward", lambda self, x, **options: whole(self, x * 1.05, **options))
    assert equivalence.differing_spikes("fixed", 0) > 0
