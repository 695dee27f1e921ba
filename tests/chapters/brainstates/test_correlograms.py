import pytest
import torch

from brainlib.brainstates.design import exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials
from chapters.brainstates.correlograms import correlogram_wiring, cross_correlogram

TRIALS = Trials.from_sequences(
    [torch.poisson(torch.ones(length, 3), generator=torch.Generator().manual_seed(length)) for length in (40, 25)], 1.0
)


@pytest.mark.parametrize(("k", "to", "source"), [(0, 0, 1), (1, 2, 0), (3, 1, 1)])
def test_the_correlogram_is_the_correlation_of_pairs_within_trials(k, to, source):
    pairs = [
        (TRIALS.counts[b, t, to].item(), TRIALS.counts[b, t - k, source].item())
        for b, length in enumerate(TRIALS.lengths.tolist())
        for t in range(k, length)
    ]
    by_hand = torch.corrcoef(torch.tensor(pairs, dtype=torch.float64).T)[0, 1].item()
    assert cross_correlogram(TRIALS, 3)[k, to, source].item() == pytest.approx(by_hand)


def test_what_never_changes_correlates_with_nothing():
    counts = TRIALS.counts[0].clone()
    counts[:, 1] = 1
    found = cross_correlogram(Trials.from_sequences([counts], 1.0), 1)
    assert found.isfinite().all() and not found[:, 1].any() and not found[:, :, 1].any()
    assert found[0, 0, 0] == pytest.approx(1)


def test_planted_connections_and_their_signs_are_found():
    weights = torch.zeros(1, 4, 5)
    weights[0, 1, 0], weights[0, 2, 3] = 1.5, -1.5
    parameters = Parameters(weights, torch.zeros(1, 1), torch.zeros(1))
    trials, _ = sample_spikes(parameters, Emission(), 2, 20_000, torch.Generator().manual_seed(3))
    wiring = correlogram_wiring(trials, exponential_basis())
    assert wiring[1, 0] > 0.1 and wiring[2, 3] < -0.1
    wiring[1, 0] = wiring[2, 3] = 0
    assert wiring[~torch.eye(4).bool()].abs().max() < 0.03
