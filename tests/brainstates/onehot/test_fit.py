"""The one-hot HMM-GLM as a whole: it recovers small simulated brains, and better than the Gaussian model does."""

from dataclasses import replace

import pytest
import torch
from refusals import refused

from brainlib.brainstates.design import Design, design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from chapters.brainstates.brains import Brain, demo_brain, paper_brain, simulate

SOLVERS = ["integrated", "relaxed"]


class Case:
    """A brain of two states, 6 trials to learn from and 6 more, and the Gaussian model of the former.

    The Gaussian model starts from the truth, so that states need no matching.
    """

    def __init__(self, brain: Brain, model: OneHot, seed: int) -> None:
        self.brain = brain
        trials, _ = simulate(brain, 12, 1_000, torch.Generator().manual_seed(seed))
        everything = design(trials)
        self.seen, self.unseen = everything.pick(list(range(6))), everything.pick(list(range(6, 12)))
        gaussian = Model(2, brain.emission, prior=GaussianPrior())
        self.gaussian = fit(gaussian, self.seen, start=brain.parameters, iterations=20).parameters
        self.model = model

    def score(self, parameters: Parameters, data: Design) -> float:
        return float(posterior(parameters, data, self.brain.emission).log_likelihood.sum())


@pytest.fixture(scope="module")
def case() -> Case:
    """Of the official demonstration, whose strengths log(1 + 3 u) are about exp(-0.5)."""
    brain = demo_brain(torch.Generator().manual_seed(1), states=2, neurons=8)
    return Case(brain, OneHot(2, brain.emission, strength_mean=-0.5, strength_sd=0.7), 1)


@pytest.mark.parametrize("solver", SOLVERS)
def test_it_recovers_the_wiring(solver, case):
    """The relaxation is further from it, and not better than the Gaussian model on new data: it keeps false edges."""
    found = fit_one_hot(case.model, case.seen, start=case.gaussian, solver=solver)
    signs = found.adjacency.argmax(-1) - 1
    assert (signs == case.brain.adjacency).double().mean() > (0.9 if solver == "integrated" else 0.7)
    truth = case.brain.parameters.coupling
    assert (found.parameters.coupling - truth).abs().mean() < 0.9 * (case.gaussian.coupling - truth).abs().mean()
    if solver == "integrated":
        assert case.score(found.parameters, case.unseen) > case.score(case.gaussian, case.unseen) + 5
    assert torch.equal(found.parameters.coupling, signs * found.strengths) and (found.strengths > 0).all()
    for probabilities in (found.adjacency, found.adjacency_prior):
        torch.testing.assert_close(probabilities.sum(-1), torch.ones(probabilities.shape[:-1]), rtol=0, atol=1e-5)


def test_strengths_over_orders_of_magnitude():
    """Most connections of the paper's brain are too weak to be seen and are left out; strong ones have their sign.

    Of what the Gaussian model loses on new data to the true parameters, most is won back.
    """
    case = Case(paper_brain(torch.Generator().manual_seed(2), states=2, neurons=12), OneHot(2), 2)
    found = fit_one_hot(case.model, case.seen, start=case.gaussian)
    scores = (case.score(fitted, case.unseen) for fitted in (case.gaussian, found.parameters, case.brain.parameters))
    gaussian, one_hot, oracle = scores
    assert one_hot > gaussian + 0.5 * (oracle - gaussian) > gaussian
    strong = case.brain.parameters.coupling.abs() > 0.25
    signs = found.adjacency.argmax(-1) - 1
    assert strong.sum() >= 2 and torch.equal(signs[strong], case.brain.adjacency[strong])
    none = case.brain.adjacency == 0
    assert found.parameters.coupling[none].abs().mean() < 0.3 * case.gaussian.coupling[none].abs().mean()


def test_a_brain_that_obeys_dales_law():
    """Each source's sign is found, and no other is told; the strengths are refitted from a prior that is off."""
    random = torch.Generator().manual_seed(5)
    brain = demo_brain(random, states=2, neurons=8)
    signs = torch.where(torch.arange(8) < 5, 1, -1)
    weights = brain.parameters.weights.clone()
    weights[..., :-1] = weights[..., :-1].abs() * signs
    lawful = brain._replace(
        parameters=brain.parameters._replace(weights=weights), adjacency=brain.adjacency.abs() * signs
    )
    known = lawful.adjacency != 0
    options = {"concentration": (0.5, 4.0, 0.5), "empirical": True}
    case = Case(lawful, OneHot(2, brain.emission, -2.0, 2.0, **options, dale=True), 5)
    found = fit_one_hot(case.model, case.seen, start=case.gaussian)
    free = fit_one_hot(replace(case.model, dale=False), case.seen, start=case.gaussian)
    told = found.parameters.coupling.sign()
    between = ~torch.eye(8, dtype=torch.bool)
    assert all(len(told[:, between[:, m], m].unique().abs().unique()) <= 2 for m in range(8))
    assert ((told * signs)[:, between] >= 0).all()  # no sign is wrong
    right = [(f.adjacency.argmax(-1) - 1 == lawful.adjacency)[:, between].double().mean() for f in (found, free)]
    assert right[0] >= right[1] and right[0] > 0.9
    logs = lawful.strengths[known].log()
    assert abs(found.strength_mean - logs.mean()) < 0.3 and found.strength_sd < 1
    assert found.objectives.diff().min() > -0.5
    assert (found.adjacency_prior > 0).all()


@pytest.mark.parametrize("name, value", [("concentration", (1.0, 1.0, 1.0)), ("empirical", True), ("dale", True)])
def test_the_relaxed_solver_refuses_what_it_does_not_know(name, value, case):
    with pytest.raises(ValueError, match=f"{name}: got .* for the solver 'relaxed'"):
        fit_one_hot(replace(case.model, **{name: value}), case.seen, start=case.gaussian, solver="relaxed")


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_objective_rises(solver, case):
    found = fit_one_hot(case.model, case.seen, start=case.gaussian, solver=solver, iterations=8, tolerance=0.0)
    assert found.objectives[-1] > found.objectives[0] + 1
    assert found.objectives.diff().min() > -0.5
    assert len(found.log_likelihoods) == len(found.objectives) <= 8


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_with_runaway_weights(solver, case):
    """As a fit without a prior may end with; another local optimum is found, but no number is infinite or absurd."""
    start = case.gaussian._replace(weights=case.gaussian.weights.clone())
    start.weights[0, 0, 1], start.weights[1, 3, 5] = 2_000.0, -2_000.0
    found = fit_one_hot(case.model, case.seen, start=start, solver=solver)
    assert start.weights.max() == 2_000 and found.parameters.coupling.abs().max() < 20
    lost = case.score(case.gaussian, case.seen) - case.score(found.parameters, case.seen)
    assert lost < 0.1 * (case.score(case.gaussian, case.seen) - case.score(start, case.seen))


def test_without_a_start_the_seed_decides(case):
    few = case.seen.pick([0, 1])
    one, two, other = (fit_one_hot(case.model, few, iterations=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.parameters.weights, two.parameters.weights)
    assert not torch.equal(one.parameters.weights, other.parameters.weights)


@pytest.mark.parametrize("solver", SOLVERS)
def test_another_emission_and_trials_of_unequal_length(solver):
    generator = torch.Generator().manual_seed(0)
    sequences = [torch.rand(bins, 4, generator=generator).lt(0.3).int() for bins in (200, 130, 61)]
    uneven = design(Trials.from_sequences(sequences, 1.0))
    found = fit_one_hot(OneHot(2, Emission("bernoulli")), uneven, solver=solver, iterations=3)
    assert found.parameters.weights.isfinite().all() and found.parameters.weights.shape == (2, 4, 5)


@pytest.mark.parametrize("name, value", [
    ("states", 0), ("strength_sd", -1.0), ("strength_mean", float("nan")), ("concentration", (1.0, 1.0)),
    ("concentration", (0.0, 1.0, 1.0)),
])  # fmt: skip
def test_a_model_says_what_is_wrong_with_it(name, value):
    with pytest.raises(ValueError, match=f"{name}: got"):
        OneHot(**({"states": 2} | {name: value}))


def test_bad_input(case):
    for name, value in (("solver", "magic"), ("iterations", 0), ("tolerance", -1.0)):
        refused(f"{name}: got", fit_one_hot, case.model, case.seen, start=case.gaussian, **{name: value})
    trials, _ = simulate(case.brain, 2, 30, torch.Generator().manual_seed(0))
    for other in (design(trials, coupling=False), design(trials, torch.eye(2))):
        refused(r"design: got 1?[17] features for 8 neurons", fit_one_hot, case.model, other)
    with pytest.raises(ValueError, match="states: got 90, expected at most one a bin, 60"):
        short = design(simulate(case.brain, 2, 30, torch.Generator().manual_seed(0))[0])
        fit_one_hot(OneHot(90, case.brain.emission), short)
    refused("start: got weights of shape", fit_one_hot, OneHot(3, case.brain.emission), case.seen, start=case.gaussian)
