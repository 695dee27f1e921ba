"""The official recipe: its gradients, and what it learns."""

import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import marginal_log_likelihood
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.parameters import Parameters
from chapters.brainstates import official
from chapters.brainstates.brains import demo_brain, simulate
from chapters.brainstates.official import fit_officially


@pytest.fixture(scope="module")
def everything():
    generator = torch.Generator().manual_seed(3)
    return design(simulate(demo_brain(generator, states=2, neurons=6), 6, 600, generator)[0])


def test_gradients_of_a_trial(everything):
    trial = everything.pick([0])
    trial = trial._replace(features=trial.features.double())
    generator = torch.Generator().manual_seed(0)
    gamma = torch.rand(600, 2, generator=generator, dtype=torch.float64).softmax(-1)
    gamma[:100, 0] = 0
    weights = torch.randn(2, 6, 7, generator=generator, dtype=torch.float64).requires_grad_()
    parameters = Parameters(weights, torch.zeros(2, 2), torch.zeros(2))
    (gamma * log_emission(parameters, trial, official.EMISSION)[0]).sum().backward()
    torch.testing.assert_close(official.Rows.of(trial, gamma).gradient(weights.detach()), weights.grad)


@pytest.mark.parametrize("kind", ["HG", "GHG", "OHG"])
def test_it_learns_and_can_be_repeated(kind, everything):
    found = fit_officially(kind, everything, 2, epochs=3, steps=20, seed=1)
    once, again, other = (fit_officially(kind, everything, 2, epochs=1, steps=5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(once.weights, again.weights) and not torch.equal(once.weights, other.weights)
    late, early = (marginal_log_likelihood(p, everything, official.EMISSION).sum() for p in (found, once))
    assert late > early + 20 and (found.bias == found.bias[:1]).all()
    assert found.log_transition.exp().sum(-1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_the_gaussian_prior_draws_states_together(everything):
    naive, gaussian = (fit_officially(kind, everything, 2, epochs=4, steps=20) for kind in ("HG", "GHG"))
    assert 0.01 < gaussian.coupling.std(0).mean() < naive.coupling.std(0).mean()
