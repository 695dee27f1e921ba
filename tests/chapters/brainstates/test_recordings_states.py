"""States against bursts and places, wiring against distance, time rescaling."""

import math

import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.data import Trials
from chapters.brainstates import anatomy, states
from chapters.brainstates.anatomy import NAIVE, ONE_HOT, RAW, WITHIN
from chapters.brainstates.fits import Fits


def plain(rates: list[list[float]]) -> Parameters:
    """Poisson states without coupling."""
    bias = Emission().inverse_link(torch.tensor(rates))
    S = len(rates)
    return Parameters(bias[..., None], torch.full((S, S), -math.log(S)), torch.full((S,), -math.log(S)))


def test_rates_in_states_and_their_order():
    """The path ends with its trial."""
    counts = [torch.tensor([[0, 0], [0, 0], [9, 1], [9, 3]]), torch.tensor([[9, 2], [0, 0]])]
    made = design(Trials.from_sequences(counts, 100.0), coupling=False)
    parameters = plain([[9.0, 2.0], [0.01, 0.01]])
    rates = states.state_rates(parameters, made)
    assert torch.allclose(rates, torch.tensor([[9.0, 2.0], [0.0, 0.0]], dtype=torch.float64), atol=1e-4)
    order = states.quiet_to_busy(parameters, made)
    assert order.tolist() == [1, 0]
    assert states.decode(parameters, made, order).tolist() == [[0, 0, 1, 1], [1, 0, -1, -1]]


def test_a_path_against_bursts_by_hand():
    counts = torch.zeros(40, 3, dtype=torch.int64)
    counts[10:20] = 2
    trials = Trials.from_sequences([counts], 250.0)
    found = states.wave_state(states.bursts(trials).long(), trials)
    assert (found["precision"], found["recall"]) == (1, 1) and found["phi"] == pytest.approx(1)
    assert found["wave_ms"] == 2500 and found["silence_ms"] == 3750
    other = torch.zeros(1, 40, dtype=torch.int64)
    other[0, 15:25] = 1  # 5 both, 5 burst alone, 5 state alone, 25 neither
    found = states.wave_state(other, trials)
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert found["phi"] == pytest.approx((5 * 25 - 5 * 5) / (10 * 30))


@pytest.mark.parametrize(("bin_ms", "bins"), [(100.0, 5), (200.0, 1), (120.0, 3), (1000.0, 1)])
def test_bursts_are_averaged_over_half_a_second_at_most(bin_ms, bins):
    counts = torch.zeros(100, 1, dtype=torch.int64)
    counts[50] = 30
    found = states.bursts(Trials.from_sequences([counts], bin_ms))
    assert found.sum() == bins and found[0, 50]
    assert not states.bursts(Trials.from_sequences([0 * counts], bin_ms)).any()


def test_the_wave_state_of_a_brain_that_has_waves(fits):
    parameters, part = fits.parameters("Poisson HMM", 2, 0), fits.design("Poisson HMM", 0, held_out=True)
    order = states.quiet_to_busy(parameters, part)
    path = states.decode(parameters, part, order)
    found = states.wave_state(path, fits.sample.trials.pick(fits.places(0, held_out=True)))
    assert found["phi"] > 0.8


def test_nearness_by_hand():
    positions = torch.tensor([[0.0, 0.0], [0.0, 0.0], [100.0, 0.0], [400.0, 0.0], [1000.0, 0.0]], dtype=torch.float64)
    rates = torch.tensor([[4.0, 4.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]], dtype=torch.float64)
    found = states.nearness(rates, torch.tensor([0.5, 0.5], dtype=torch.float64), positions)
    everyone = (100 * 2 + 400 * 2 + 1000 * 2 + 300 + 900 + 600) / 9  # but for the pair on one electrode
    assert found == [pytest.approx(100 / everyone)]  # the second state's two busy neurons are too few


def test_wirings_of_all_kinds(fits):
    found = anatomy.wirings(fits, 0)
    assert all(wiring.shape == (6, 6) and wiring.isfinite().all() for wiring in found.values())
    apart = ~torch.eye(6, dtype=torch.bool)
    assert found[RAW][apart].mean() > 0.3 > 0.1 > found[f"{WITHIN} 2"][apart].mean().abs()
    assert torch.equal(found[NAIVE], fits.parameters("HG", 2, 0).coupling.double().mean(0))
    assert found[ONE_HOT].abs().max() <= 1


def test_rescaled_times_of_a_good_model_are_nearer_than_those_of_a_bad_one(fits):
    good = states.rescaled(fits, "Poisson HMM", 2, 0)
    assert 0 < good < 0.2
    parameters = fits.parameters("Poisson HMM", 2, 0)
    slower = {("Poisson HMM", 2, 0): parameters._replace(weights=parameters.weights - 3)._asdict()}
    assert states.rescaled(Fits(fits.sample, fits.setting, slower), "Poisson HMM", 2, 0) > good + 0.1
