import pytest
import torch

from brainlib.brainstates.design import exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials
from chapters.brainstates.correlograms import correlogram_wiring, cross_correlogram
from chapters.brainstates.wiring import soft_adjacency

TRIALS = Trials.from_sequences(
    [torch.poisson(torch.ones(length, 3), generator=torch.Generator().manual_seed(length)) for length in (40, 25)], 1.0
)
STATES = torch.rand(2, 40, 2, generator=torch.Generator().manual_seed(1)).softmax(-1)


@pytest.mark.parametrize(("state", "k", "to", "source"), [(0, 0, 0, 1), (1, 1, 2, 0), (0, 3, 1, 1), (1, 2, 0, 2)])
def test_the_correlogram_is_the_weighted_correlation_of_pairs_within_trials(state, k, to, source):
    spoiled = STATES.clone()
    spoiled[1, 25:] = torch.nan  # beyond the trial's end
    found = cross_correlogram(TRIALS, spoiled, 3)
    assert found.shape == (2, 4, 3, 3)
    pairs = [
        (STATES[b, t, state].item(), TRIALS.counts[b, t, to].item(), TRIALS.counts[b, t - k, source].item())
        for b, length in enumerate(TRIALS.lengths.tolist())
        for t in range(k, length)
    ]
    w, x, y = torch.tensor(pairs, dtype=torch.float64).T
    w = w / w.sum()
    x, y = x - (w * x).sum(), y - (w * y).sum()
    by_hand = (w * x * y).sum() / ((w * x * x).sum() * (w * y * y).sum()).sqrt()
    assert found[state, k, to, source].item() == pytest.approx(by_hand.item())


def test_what_never_changes_correlates_with_nothing():
    counts = TRIALS.counts[0].clone()
    counts[:, 1] = 1
    states = torch.cat((torch.ones(1, 40, 1), torch.zeros(1, 40, 1)), -1)  # the second never occurs
    found = cross_correlogram(Trials.from_sequences([counts], 1.0), states, 1)
    assert found.isfinite().all() and not found[:, :, 1].any() and not found[:, :, :, 1].any() and not found[1].any()
    assert found[0, 0, 0, 0] == pytest.approx(1)


def test_wiring_is_the_bases_mean_over_lags():
    correlogram = cross_correlogram(TRIALS, STATES, 2)
    expected = 0.75 * correlogram[:, 1] + 0.25 * correlogram[:, 2]
    torch.testing.assert_close(correlogram_wiring(TRIALS, STATES, torch.tensor([[3.0], [1.0]])), expected)


def test_a_planted_connection_its_sign_and_its_state_are_found():
    """In state 0, neuron 0 excites neuron 1; in state 1, it inhibits neuron 2. Rates differ between the states."""
    weights = torch.zeros(2, 4, 5)
    weights[0, 1, 0], weights[1, 2, 0] = 1.5, -1.5
    weights[0, :, -1], weights[1, :, -1] = -0.5, 0.5
    transition = torch.tensor([[0.99, 0.01], [0.01, 0.99]]).log()
    parameters = Parameters(weights, transition, torch.tensor([0.5, 0.5]).log())
    trials, path = sample_spikes(parameters, Emission(), 2, 20_000, torch.Generator().manual_seed(3))
    wiring = correlogram_wiring(trials, torch.nn.functional.one_hot(path).float(), exponential_basis())
    assert wiring[0, 1, 0] > 0.1 and wiring[1, 2, 0] < -0.1
    rest = wiring.clone()
    rest[0, 1, 0] = rest[1, 2, 0] = 0
    assert rest[:, ~torch.eye(4).bool()].abs().max() < 0.03
    assert (soft_adjacency(wiring).argmax(-1) - 1).nonzero().tolist() == [[0, 1, 0], [1, 2, 0]]
    together = correlogram_wiring(trials, torch.ones(*path.shape, 1), exponential_basis())[0]
    assert together[3, 0] > 0.05 and together[0, 3] > 0.05  # states that are not told apart look like wiring
