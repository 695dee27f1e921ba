"""What every state says of the counts: against loops, in blocks, with gradients; and the posterior of every run."""

import itertools

import pytest
import torch
from refusals import refused
from torch.nn.functional import softplus

from brainlib.brainstates import inference
from brainlib.brainstates.design import design, exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.kernels import forward_backward
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from chapters.brainstates import equations

LINKS = {"softplus": softplus, "exp": torch.exp, "sigmoid": torch.sigmoid}


def trials(*lengths, neurons=3, most=4):
    random = torch.Generator().manual_seed(sum(lengths))
    sequences = [torch.randint(0, most, (length, neurons), generator=random) for length in lengths]
    return Trials.from_sequences(sequences, 1.0)


def parameters(*runs, states=2, neurons=3, features=4, dtype=torch.float64):
    random = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*runs, *shape, generator=random, dtype=dtype)

    return Parameters(
        draw(states, neurons, features), draw(states, states).log_softmax(-1), draw(states).log_softmax(-1)
    )


@pytest.mark.parametrize("link", ["softplus", "exp", "sigmoid"])
def test_the_paper_s_equations(link):
    data, truth = trials(12, 5), parameters(states=3)
    found = log_emission(truth, design(data, dtype=torch.float64), Emission(link=link))
    assert found.shape == (2, 12, 3) and found.dtype == torch.float64
    phi = exponential_basis()[:, 0]
    for b, length in enumerate(data.lengths):
        counts = data.counts[b, :length]
        loops = equations.log_emission(counts, truth.coupling, truth.bias, phi, LINKS[link])
        torch.testing.assert_close(found[b, :length], loops, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["poisson", "bernoulli"])
def test_runs_and_blocks_make_no_difference(kind, monkeypatch):
    data = trials(11, 7, most=2 if kind == "bernoulli" else 300)
    plan = design(data, torch.eye(2), dtype=torch.float64)
    plan = plan._replace(features=plan.features / 100)
    several = parameters(2, 3, features=plan.features.shape[-1])
    whole = log_emission(several, plan, Emission(kind))
    assert whole.shape == (2, 3, 2, 11, 2)
    monkeypatch.setitem(inference.CACHED, "cpu", 1)
    torch.testing.assert_close(log_emission(several, plan, Emission(kind)), whole, rtol=1e-13, atol=1e-13)
    one = Parameters(*(field[1, 2] for field in several))
    torch.testing.assert_close(log_emission(one, plan, Emission(kind)), whole[1, 2], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("emission", [*(Emission(link=link) for link in LINKS), Emission("bernoulli")])
def test_gradients(emission, monkeypatch):
    monkeypatch.setitem(inference.CACHED, "cpu", 50)
    plan, start = design(trials(6, 4, most=2), dtype=torch.float64), parameters(2)

    def of(weights):
        return log_emission(start._replace(weights=weights), plan, emission)

    assert torch.autograd.gradcheck(of, start.weights.clone().requires_grad_())


def test_the_posterior_of_every_run():
    runs = 2, 2
    plan, emission = design(trials(9, 1, 5), dtype=torch.float64), Emission()
    several = parameters(*runs)
    found = posterior(several, plan, emission)
    assert found.states.shape == (*runs, 3, 9, 2) and found.log_likelihood.shape == (*runs, 3)
    evidence = log_emission(several, plan, emission)
    for place in itertools.product(*(range(n) for n in runs)):
        one = (evidence[place], several.log_transition[place], several.log_initial[place])
        for ours, theirs in zip(found, forward_backward(*one, plan.lengths), strict=True):
            torch.testing.assert_close(ours[place], theirs)


def test_what_does_not_fit():
    plan = design(trials(5))
    refused("weights: got 3 neurons and 5 features", log_emission, parameters(features=5), plan, Emission())
    refused("weights: got 2 neurons and 4 features", log_emission, parameters(neurons=2), plan, Emission())
    broken = parameters()
    broken.weights[1, 2, 0] = float("nan")
    refused("weights: got NaN or infinite values", log_emission, broken, plan, Emission())
