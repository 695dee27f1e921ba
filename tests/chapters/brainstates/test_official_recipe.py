"""The official recipe: its gradients, and what it learns."""

import pytest
import torch

from brainlib.brainstates.design import Design, design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import marginal_log_likelihood
from brainlib.brainstates.fitting import GaussianPrior
from brainlib.brainstates.fitting.model import log_prior
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.onehot.relaxation import log_concrete
from brainlib.brainstates.parameters import Parameters
from chapters.brainstates import official
from chapters.brainstates.brains import demo_brain, simulate
from chapters.brainstates.official import fit_officially


@pytest.fixture(scope="module")
def everything():
    generator = torch.Generator().manual_seed(3)
    return design(simulate(demo_brain(generator, states=2, neurons=6), 6, 600, generator)[0])


@pytest.mark.parametrize("link", ["sigmoid", "softplus"])
def test_gradients_of_a_trial(everything, link):
    trial = everything.pick([0])
    trial = trial._replace(features=trial.features.double())
    generator = torch.Generator().manual_seed(0)
    gamma = torch.rand(600, 2, generator=generator, dtype=torch.float64).softmax(-1)
    gamma[:100, 0] = 0
    weights = torch.randn(2, 6, 7, generator=generator, dtype=torch.float64).requires_grad_()
    parameters = Parameters(weights, torch.zeros(2, 2), torch.zeros(2))
    (gamma * log_emission(parameters, trial, Emission(link=link))[0]).sum().backward()
    torch.testing.assert_close(
        official.Rows.of(trial, gamma, Emission(link=link)).gradient(weights.detach()), weights.grad
    )


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


def first_epoch(kind: str, data: Design, monkeypatch) -> float:
    """The loss that the official demonstration prints: -(expected log-likelihood + log prior) at the last step of every
    trial, summed over the trials of the first epoch."""
    last, total = {}, []
    gradient, density, transitions = official.Rows.gradient, official.log_concrete_gradients, official._transitions

    def likelihood(rows, weights):
        shares = [rows.shares[a:b] for a, b in zip([0, *rows.ends], rows.ends, strict=False)]
        places = [slice(a, b) for a, b in zip([0, *rows.ends], rows.ends, strict=False)]
        drives = [rows.features[at] @ w.T for at, w in zip(places, weights, strict=True)]
        logs = [rows.emission.log_prob(drive, rows.counts[at]) for drive, at in zip(drives, places, strict=True)]
        last["data"] = sum(float((share * log).sum()) for share, log in zip(shares, logs, strict=True))
        if kind == "GHG":
            last["prior"] = float(log_prior(weights, GaussianPrior(), 0.0).sum())
        return gradient(rows, weights)

    def concrete(log_a, a0, temperature):
        last["prior"] = float(log_concrete(log_a, a0, temperature).sum())
        return density(log_a, a0, temperature)

    def ended(expected, previous):
        total.append(last["data"] + last.get("prior", 0.0) + float((expected * previous).sum()))
        return transitions(expected, previous)

    monkeypatch.setattr(official.Rows, "gradient", likelihood)
    monkeypatch.setattr(official, "log_concrete_gradients", concrete)
    monkeypatch.setattr(official, "_transitions", ended)
    fit_officially(kind, data, 5, epochs=1)
    return -sum(total)


@pytest.mark.parametrize(("kind", "printed"), [("HG", 1_009_413.6), ("GHG", 1_003_572.4), ("OHG", 650_083.75)])
def test_the_first_epoch_costs_what_the_official_demonstration_prints(kind, printed, monkeypatch):
    """On another brain of its kind: they agree to the spread over brains."""
    generator = torch.Generator().manual_seed(100)
    data = design(simulate(demo_brain(generator), 30, 2000, generator)[0])
    assert first_epoch(kind, data, monkeypatch) == pytest.approx(printed, rel=0.02)
