"""What a fit is worth: held-out likelihood, states and wiring against the true ones."""

import math

import pytest
import torch
from refusals import refused

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import (
    bits_per_spike,
    edge_auc,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
    match_states,
    reorder,
    state_accuracy,
    weight_error,
)
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.kernels import reference
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials


def test_the_marginal_likelihood_by_all_paths():
    weights = 0.6 * torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    transition = torch.tensor([[0.95, 0.05], [0.05, 0.95]])
    parameters = Parameters(weights, transition.log(), torch.tensor([0.3, 0.7]).log())
    trials, _ = sample_spikes(parameters, Emission(), 2, 7, torch.Generator().manual_seed(1))
    whole = design(trials, dtype=torch.float64)
    regression = whole._replace(lengths=torch.tensor([7, 4]))
    evidence = log_emission(parameters, regression, Emission())
    marginal = marginal_log_likelihood(parameters, regression, Emission())
    for trial, length in enumerate([7, 4]):
        logs = evidence[trial, :length], parameters.log_transition, parameters.log_initial
        log_joint = reference.all_paths(*logs).log_joint
        assert marginal[trial].item() == pytest.approx(log_joint.logsumexp(0).item(), rel=1e-6)


def test_constant_rates_by_hand():
    """Means with half a spike and a bin added: 2.5 / 4 and .5 / 4, whatever the link."""
    train = design(Trials.from_sequences([torch.tensor([[1, 0], [0, 0]]), torch.tensor([[1, 0]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[2, 0]]), torch.tensor([[0, 1], [1, 0]])], 1.0))
    found = homogeneous_log_likelihood(train, test, Emission(link="sigmoid"))
    a, b = 2.5 / 4, 0.5 / 4
    first = 2 * math.log(a) - a - math.log(2) - b
    second = -a + math.log(b) - b + math.log(a) - a - b
    assert found.tolist() == pytest.approx([first, second])


def test_constant_probabilities_of_a_bernoulli_emission_by_hand():
    train = design(Trials.from_sequences([torch.tensor([[1], [0], [1]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[1], [0]])], 1.0))
    p = 2.5 / 4
    assert homogeneous_log_likelihood(train, test, Emission("bernoulli")).item() == pytest.approx(math.log(p * (1 - p)))


def test_unfit_rates(unchecked):
    one, other = (design(Trials.from_sequences([torch.ones(3, n)], 1.0)) for n in (1, 2))
    refused("test: got 2 neurons, expected 1", homogeneous_log_likelihood, one, other, Emission())
    refused("spikes: got 0", bits_per_spike, torch.zeros(2), torch.zeros(2), 0)
    refused(r"baseline: got the shape \(3,\)", bits_per_spike, torch.zeros(2), torch.zeros(3), 1)


TRUE = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 2, 0, 9, 9]])
FOUND = torch.tensor([[1, 1, 2, 2, 0, 1], [0, 0, 0, 1, -1, -1]])  # 0 -> 1, 1 -> 2, 2 -> 0, but for one bin
LENGTHS = torch.tensor([6, 4])


def test_the_states_that_share_most_bins_are_matched():
    assert match_states(TRUE, FOUND, LENGTHS, 3).tolist() == [1, 2, 0]
    assert state_accuracy(TRUE, FOUND, LENGTHS, 3) == pytest.approx(9 / 10)


def test_more_states_than_true_ones():
    true, found = torch.tensor([[0, 0, 0, 1, 1]]), torch.tensor([[2, 2, 0, 1, 1]])
    assert state_accuracy(true, found, torch.tensor([5]), 3) == pytest.approx(4 / 5)
    assert match_states(true, found, torch.tensor([5]), 3).tolist() == [2, 1, 0]


def test_models_follow_the_permutation():
    permutation = match_states(TRUE, FOUND, LENGTHS, 3)
    weights = torch.arange(3.0).view(3, 1, 1).expand(3, 2, 4)
    transition = 10 * torch.arange(3.0)[:, None] + torch.arange(3.0)
    ordered = reorder(Parameters(weights, transition, torch.arange(3.0)), permutation)
    assert ordered.log_initial.tolist() == ordered.weights[:, 0, 0].tolist() == [1, 2, 0]
    assert ordered.log_transition.tolist() == [[11, 12, 10], [21, 22, 20], [1, 2, 0]]
    runs = reorder(Parameters(*(torch.stack((part, part)) for part in ordered)), permutation)
    assert runs.weights.shape == (2, 3, 2, 4) and runs.log_transition[1, 0].tolist() == [22, 20, 21]


def test_unfit_arguments(unchecked):
    refused(r"estimated: got the shape \(2, 5\)", match_states, TRUE, FOUND[:, :5], LENGTHS, 3)
    refused(r"lengths: got \[6\], expected one of 1 to 6 bins", match_states, TRUE, FOUND, torch.tensor([6]), 3)
    refused("true: got states 0 to 9, expected 0 to 2", match_states, TRUE, FOUND, torch.tensor([6, 5]), 3)


def test_what_is_no_permutation():
    parameters = Parameters(torch.zeros(2, 1, 2), torch.zeros(2, 2), torch.zeros(2))
    refused("expected the states 0 to 1", reorder, parameters, torch.tensor([0, 2, 1]))


def test_weight_errors_by_hand():
    found = weight_error(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [3.0, 7.0]]))
    assert found.absolute == 1
    assert found.correlation == pytest.approx(10 / math.sqrt(5 * 24))
    assert math.isnan(weight_error(torch.ones(3), torch.arange(3.0)).correlation)


def test_the_area_is_the_probability_that_an_edge_outranks_another_pair():
    """With many ties."""
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(200, generator=generator) < 0.3
    scores = torch.randint(10, (200,), generator=generator).double() + 3 * true
    difference = scores[true][:, None] - scores[~true]
    assert edge_auc(true, scores) == pytest.approx(((difference > 0).double() + (difference == 0) / 2).mean().item())
    assert math.isnan(edge_auc(torch.zeros(3).bool(), torch.zeros(3)))


def test_unfit_wirings(unchecked):
    refused(r"estimated: got the shape \(2,\), expected true's \(3,\)", weight_error, torch.zeros(3), torch.zeros(2))
    refused("scores: got values that are not finite", edge_auc, torch.tensor([True]), torch.full((1,), torch.nan))
