"""The official recipe: its gradients, what it learns, and what it asks for."""

import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.parameters import Parameters
from chapters.brainstates import official
from chapters.brainstates.brains import demo_brain, simulate
from chapters.brainstates.official import fit_officially


@pytest.fixture(scope="module")
def recording():
    generator = torch.Generator().manual_seed(3)
    brain = demo_brain(generator, states=2, neurons=6)
    trials, _ = simulate(brain, 6, 600, generator)
    return brain, trials, design(trials)


@pytest.mark.parametrize("emission", [Emission(link="sigmoid"), Emission(), Emission("bernoulli", "sigmoid")])
def test_gradients_of_a_trial(emission, recording):
    _, _, everything = recording
    trial = everything.pick([0])
    trial = trial._replace(
        features=trial.features.double(), counts=trial.counts.clamp(max=1 if emission.kind == "bernoulli" else 255)
    )
    generator = torch.Generator().manual_seed(0)
    gamma = torch.rand(600, 2, generator=generator, dtype=torch.float64).softmax(-1)
    gamma[:100, 0] = 0
    weights = torch.randn(2, 6, 7, generator=generator, dtype=torch.float64).requires_grad_()
    parameters = Parameters(weights, torch.zeros(2, 2), torch.zeros(2))
    (gamma * log_emission(parameters, trial, emission)[0]).sum().backward()
    found = official._Rows.of(trial, gamma).gradient(weights.detach(), emission)
    torch.testing.assert_close(found, weights.grad)


@pytest.mark.parametrize("kind", ["HG", "GHG", "OHG"])
def test_it_learns_and_can_be_repeated(kind, recording):
    brain, _, everything = recording
    found = fit_officially(kind, everything, 2, brain.emission, epochs=3, steps=20, seed=1)
    once, again = (fit_officially(kind, everything, 2, brain.emission, epochs=1, steps=5, seed=1) for _ in "ab")
    assert torch.equal(once.parameters.weights, again.parameters.weights)
    assert found.log_likelihoods[-1] > found.log_likelihoods[0] + 20
    assert (found.parameters.bias == found.parameters.bias[:1]).all()
    assert found.parameters.log_transition.exp().sum(-1).tolist() == pytest.approx([1, 1], abs=1e-5)
    if kind == "OHG":
        other = fit_officially(kind, everything, 2, brain.emission, epochs=1, steps=5, seed=2)
        assert not torch.equal(once.parameters.weights, other.parameters.weights)


def test_the_gaussian_prior_draws_states_together(recording):
    brain, _, everything = recording
    apart = {}
    for kind in ("HG", "GHG"):
        found = fit_officially(kind, everything, 2, brain.emission, epochs=4, steps=20)
        apart[kind] = float(found.parameters.coupling.std(0).mean())
    assert 0.01 < apart["GHG"] < apart["HG"]


def test_bad_input(recording):
    brain, trials, everything = recording
    with pytest.raises(ValueError, match="kind: got 'XHG'"):
        fit_officially("XHG", everything, 2, brain.emission)
    with pytest.raises(ValueError, match="design: got 13 features for 6 neurons"):
        fit_officially("HG", design(trials, torch.eye(2)), 2, brain.emission)
