import inspect

import pytest
import torch

from brainlib.brainstates.design import design, exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import edge_auc, match_states, soft_adjacency, state_accuracy
from brainlib.brainstates.fitting import Model, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials
from chapters.brainstates import correlograms as module
from chapters.brainstates.correlograms import correlogram_wiring, cross_correlogram


def drawn(lengths=(40, 25), neurons: int = 3, seed: int = 0) -> Trials:
    generator = torch.Generator().manual_seed(seed)
    return Trials.from_sequences(
        [torch.poisson(torch.ones(length, neurons), generator=generator) for length in lengths], 1.0
    )


def weights_of(trials: Trials, states: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*trials.counts.shape[:2], states, generator=generator).softmax(-1)


def by_hand(trials: Trials, states: torch.Tensor, state: int, k: int, to: int, source: int) -> float:
    pairs = [
        (states[b, t, state].item(), trials.counts[b, t, to].item(), trials.counts[b, t - k, source].item())
        for b, length in enumerate(trials.lengths.tolist())
        for t in range(k, length)
    ]
    w, x, y = torch.tensor(pairs, dtype=torch.float64).T
    w = w / w.sum()
    x, y = x - (w * x).sum(), y - (w * y).sum()
    return ((w * x * y).sum() / ((w * x * x).sum() * (w * y * y).sum()).sqrt()).item()


def test_the_correlogram_is_the_weighted_correlation_of_pairs_within_trials(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 7)
    trials = drawn()
    states = weights_of(trials, 2)
    found = cross_correlogram(trials, states, 3)
    assert found.shape == (2, 4, 3, 3)
    for state, k, to, source in [(0, 0, 0, 1), (1, 1, 2, 0), (0, 3, 1, 1), (1, 2, 0, 2)]:
        assert found[state, k, to, source].item() == pytest.approx(by_hand(trials, states, state, k, to, source))


def test_what_lies_beyond_the_lengths_is_not_looked_at():
    trials = drawn((40, 25))
    states = weights_of(trials, 2)
    spoiled = states.clone()
    spoiled[1, 25:] = torch.nan
    assert cross_correlogram(trials, spoiled, 2).equal(cross_correlogram(trials, states, 2))


def test_lag_0_is_the_usual_correlation():
    trials = drawn((200,))
    found = cross_correlogram(trials, torch.ones(1, 200, 1), 0)[0, 0]
    torch.testing.assert_close(found, torch.corrcoef(trials.counts[0].double().T))


def test_what_never_changes_correlates_with_nothing():
    counts = drawn((50,)).counts[0].clone()
    counts[:, 1] = 1
    trials = Trials.from_sequences([counts], 1.0)
    states = torch.cat((torch.ones(1, 50, 1), torch.zeros(1, 50, 1)), -1)  # the second never occurs
    found = cross_correlogram(trials, states, 1)
    assert found.isfinite().all() and not found[:, :, 1].any() and not found[:, :, :, 1].any() and not found[1].any()
    assert found[0, 0, 0, 0] == pytest.approx(1)


def test_wiring_is_the_bases_mean_over_lags():
    trials = drawn()
    states, basis = weights_of(trials, 2), torch.tensor([[3.0], [1.0]])
    correlogram = cross_correlogram(trials, states, 2)
    expected = 0.75 * correlogram[:, 1] + 0.25 * correlogram[:, 2]
    torch.testing.assert_close(correlogram_wiring(trials, states, basis), expected)


def planted(bins: int = 20_000) -> tuple[Trials, torch.Tensor]:
    """In state 0, neuron 0 excites neuron 1; in state 1, it inhibits neuron 2. Rates differ between the states."""
    weights = torch.zeros(2, 4, 5)
    weights[0, 1, 0], weights[1, 2, 0] = 1.5, -1.5
    weights[0, :, -1], weights[1, :, -1] = -0.5, 0.5
    transition = torch.tensor([[0.99, 0.01], [0.01, 0.99]]).log()
    parameters = Parameters(weights, transition, torch.tensor([0.5, 0.5]).log())
    return sample_spikes(parameters, Emission(), 2, bins, torch.Generator().manual_seed(3))


def test_a_planted_connection_its_sign_and_its_state_are_found():
    trials, path = planted()
    wiring = correlogram_wiring(trials, torch.nn.functional.one_hot(path).float(), exponential_basis())
    assert wiring[0].flatten().argmax() == 4 and wiring[0, 1, 0] > 0.1  # to 1 from 0
    assert wiring[1].flatten().argmin() == 8 and wiring[1, 2, 0] < -0.1  # to 2 from 0
    rest = wiring.clone()
    rest[0, 1, 0] = rest[1, 2, 0] = 0
    assert rest[:, ~torch.eye(4).bool()].abs().max() < 0.03
    assert rest.abs().max() < 0.1  # of a neuron with itself: what drives it goes on over several bins
    assert (soft_adjacency(wiring).argmax(-1) - 1).nonzero().tolist() == [[0, 1, 0], [1, 2, 0]]


def test_a_fitted_hmm_and_its_correlograms():
    """HMM Corr from the data on: states by their rates, matched, then wiring."""
    trials, path = planted()
    regression = design(trials, coupling=False)
    found = fit(Model(2), regression, iterations=30).parameters
    states = posterior(found, regression, Emission()).states
    order = match_states(path, states.argmax(-1), trials.lengths, 2)
    assert state_accuracy(path, states.argmax(-1), trials.lengths, 2) > 0.85
    wiring = correlogram_wiring(trials, states, exponential_basis())[order]
    assert wiring[0].flatten().argmax() == 4 and wiring[1].flatten().argmin() == 8
    assert edge_auc(torch.tensor([4, 16 + 8])[:, None].eq(torch.arange(32)).any(0), wiring.flatten().abs()) > 0.95


def test_states_that_are_not_told_apart_look_like_wiring():
    """Rates that rise and fall together correlate all neurons: what weighting by the state takes away."""
    trials, _ = planted()
    together = correlogram_wiring(trials, torch.ones(*trials.counts.shape[:2], 1), exponential_basis())[0]
    assert together[3, 3] > 0.05 and together[3, 0] > 0.05 and together[0, 3] > 0.05


def test_unfit_arguments():
    trials = drawn()
    states = weights_of(trials, 2)
    with pytest.raises(ValueError, match=r"states: got the shape \(2, 39, 2\), expected \(2, 40\) and states"):
        cross_correlogram(trials, states[:, 1:], 1)
    with pytest.raises(ValueError, match="lags: got 40, expected 0 to 39"):
        cross_correlogram(trials, states, 40)
    with pytest.raises(ValueError, match="lags: got -1"):
        cross_correlogram(trials, states, -1)
    for spoil in (-0.1, torch.nan):
        with pytest.raises(ValueError, match="states: got values that are negative or not finite"):
            cross_correlogram(trials, torch.full_like(states, spoil), 1)
    for basis in (torch.ones(3, 2), torch.tensor([[1.0], [-0.1]]), torch.zeros(2, 1)):
        with pytest.raises(ValueError, match="basis: got"):
            inspect.unwrap(correlogram_wiring)(trials, states, basis)
