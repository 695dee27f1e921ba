"""Simulated spikes and states against the truth they came from."""

import math

import pytest
import torch
from refusals import refused

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes

UNLIKELY = 4.5  # standard deviations


def glm(weights, transition=((1.0,),), initial=(1.0,)):
    return Parameters(weights, torch.tensor(transition).log(), torch.tensor(initial).log())


def excess(parameters, emission, plan, states):
    """Whether the weights are where the likelihood is highest, up to chance: the squared scores of each state's and
    neuron's weights over their variance are chi-squared; their sum, standardised.
    """
    total, degrees = 0.0, 0
    for s, weights in enumerate(parameters.weights.double()):
        here = (states == s) & plan.mask
        features, counts = plan.features[here], plan.counts[here]
        scores, information = emission.score_and_information(features @ weights.T, counts)
        for n in range(counts.shape[1]):
            score, variance = features.T @ scores[:, n], features.T @ (features * information[:, n, None])
            total += (score @ torch.linalg.solve(variance, score)).item()
            degrees += features.shape[1]
    return (total - degrees) / math.sqrt(2 * degrees)


@pytest.mark.parametrize("names", [("poisson", "softplus"), ("poisson", "exp"), ("poisson", "sigmoid"), ("bernoulli",)])
def test_spikes_come_at_the_rates_of_the_design(names):
    random, emission = seeded(3), Emission(*names)
    truth = glm(0.2 * torch.randn(2, 3, 7, generator=random) - 0.3, ((0.9, 0.1), (0.2, 0.8)), (0.5, 0.5))
    trials, states = sample_spikes(truth, emission, 8, 1500, random, basis=torch.eye(2))
    plan = design(trials, torch.eye(2), dtype=torch.float64)
    assert abs(excess(truth, emission, plan, states)) < UNLIKELY
    assert excess(truth, emission, plan, 1 - states) > 3 * UNLIKELY


def test_transitions_come_with_their_probabilities():
    p_true = ((0.5, 0.5, 0.0), (0.1, 0.6, 0.3), (0.3, 0.0, 0.7))
    truth = glm(torch.zeros(3, 1, 2), p_true, (0.2, 0.3, 0.5))
    _, states = sample_spikes(truth, Emission(), 10, 20_000, seeded(0))
    counted = torch.zeros(3, 3)
    counted.index_put_((states[:, :-1].flatten(), states[:, 1:].flatten()), torch.ones(()), accumulate=True)
    p = torch.tensor(p_true)
    deviation = (counted.sum(1, keepdim=True) * p * (1 - p)).sqrt()
    assert (counted[p == 0] == 0).all()
    assert ((counted - counted.sum(1, keepdim=True) * p).abs() <= UNLIKELY * deviation).all()


def test_the_first_state_is_the_initial_one_and_nothing_came_before():
    """In the official code it is drawn from the first row of the transitions instead."""
    truth = glm(torch.tensor([[[50.0, 1.0]], [[50.0, 1.0]]]), ((0.0, 1.0), (0.5, 0.5)), (0.75, 0.25))
    trials, states = sample_spikes(truth, Emission(link="sigmoid"), 40_000, 1, seeded(0))
    assert abs((states == 0).sum() - 30_000) < UNLIKELY * math.sqrt(40_000 * 0.75 * 0.25)
    rate = 1 / (1 + math.exp(-1))
    assert abs(trials.spikes - 40_000 * rate) < UNLIKELY * math.sqrt(40_000 * rate)


def test_counts_beyond_a_byte_take_more_room():
    trials, _ = sample_spikes(glm(torch.tensor([[[0.0, 6.0]]])), Emission(link="exp"), 1, 50, seeded(0))
    assert trials.counts.dtype == torch.int32 and trials.counts.max() > 400


WEIGHTS = torch.zeros(1, 2, 3)


def test_what_cannot_be_simulated():
    def simulated(message, truth, trials=1, bins=5, **options):
        refused(f"^{message}", sample_spikes, truth, Emission(), trials, bins, seeded(0), **options)

    simulated("trials: got 0", glm(WEIGHTS), trials=0)
    simulated("weights: got 3 features, expected 1 for 2 neurons", glm(WEIGHTS), coupling=False)
    simulated(r"weights: got shape \(1, 1, 2, 3\)", glm(WEIGHTS[None]))
    simulated("log_transition: got probabilities that sum to 0.5 to 0.5", glm(WEIGHTS, ((0.5,),)))
    simulated("log_initial: got probabilities that sum to 0.1 to 0.1", glm(WEIGHTS, initial=(0.1,)))
    simulated("weights: got a network that runs away to .* spikes", glm(torch.tensor([[[9.0, 1.0]]])), bins=500)
