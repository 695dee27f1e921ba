import math

import pytest
import torch
from refusals import refused

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.fitting.starts import kmeans_start
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from chapters.brainstates.brains import demo_brain, simulate

CONCAVE = [Emission(), Emission(link="exp"), Emission("bernoulli")]


def random_problem(seed: int):
    """A small model of any kind whose log-likelihood is concave in the drive, and noise for it to be fitted to."""
    g = seeded(seed)
    states, neurons, trials = (int(torch.randint(1, 4, (), generator=g)) for _ in range(3))
    emission = CONCAVE[seed % 3]
    sequences = [
        torch.poisson(torch.rand(neurons, generator=g).mul(2).expand(int(length), neurons), generator=g)
        for length in torch.randint(3, 60, (trials,), generator=g)
    ]
    if emission.kind == "bernoulli":
        sequences = [counts.clamp(max=1) for counts in sequences]
    prior = GaussianPrior(sd=0.5, weight=float(1 + seed % 3)) if seed // 4 % 2 else None
    model = Model(states, emission, prior, l1=1.0 * (seed // 8 % 2))
    return model, design(Trials.from_sequences([counts.int() for counts in sequences], 10.0), dtype=torch.float64)


@pytest.mark.parametrize("some", range(3))
def test_the_objective_never_falls(some):
    for seed in range(16 * some, 16 * some + 16):
        model, data = random_problem(seed)
        objective = fit(model, data, iterations=7, tolerance=0.0, seed=seed).objective
        assert (objective.diff() > -1e-9 * objective.abs().max()).all(), (seed, model)


def test_a_glm_ends_where_nothing_is_better():
    brain = demo_brain(seeded(0), states=1, neurons=4)
    trials, _ = simulate(brain, 3, 200, seeded(1))
    data = design(trials, dtype=torch.float64)
    found = fit(Model(1, brain.emission), data, tolerance=0.0)
    weights = found.parameters.weights[0].clone().requires_grad_()
    drive = data.features @ weights.T
    brain.emission.log_prob(drive, data.counts).sum().backward()
    assert weights.grad.abs().max() < 1e-3
    assert found.parameters.log_transition.exp() == 1
    likelihood = brain.emission.log_prob(drive, data.counts).sum()
    torch.testing.assert_close(found.objective[0, -1], likelihood.detach(), rtol=1e-9, atol=0)


def test_histories_tell_of_the_parameters_returned():
    trials, _ = simulate(demo_brain(seeded(0), 2, 4), 4, 150, seeded(1))
    data = design(trials.pick([0, 1]), dtype=torch.float64)
    model = Model(3, Emission(link="sigmoid"), GaussianPrior())
    found = fit(model, data, restarts=3, iterations=30, tolerance=1e-3)
    assert found.log_likelihoods.shape == found.objective.shape
    final = found.log_likelihoods[found.best_run]
    likelihood = posterior(found.parameters, data, model.emission).log_likelihood.sum()
    torch.testing.assert_close(final[~final.isnan()][-1], likelihood)
    assert found.objective.nan_to_num(-math.inf).max() == found.objective[found.best_run].nan_to_num(-math.inf).max()
    assert found.objective.shape[1] < 31  # it settled


def test_what_stands_beyond_the_end_of_a_trial_does_not_matter():
    g = seeded(0)
    trials = Trials.from_sequences([torch.randint(0, 3, (t, 3), generator=g).int() for t in (7, 50, 1, 23)], 10.0)
    data = design(trials, dtype=torch.float64)
    dirty = data.features.masked_fill(~data.mask[..., None], 1e3)
    for start in ("random", "kmeans"):
        found = [fit(Model(2), d, iterations=5, start=start) for d in (data, data._replace(features=dirty))]
        torch.testing.assert_close(found[0].objective, found[1].objective)


def test_an_l1_penalty_leaves_weights_at_zero_and_more_of_it_more():
    brain = demo_brain(seeded(0), states=2, neurons=8)
    trials, _ = simulate(brain, 5, 400, seeded(1))
    data = design(trials)
    zeros = [
        (fit(Model(2, brain.emission, l1=l1), data, iterations=30).parameters.coupling == 0).double().mean()
        for l1 in (0.0, 5.0, 40.0)
    ]
    assert zeros[0] == 0 and 0.1 < zeros[1] < zeros[2]


def test_bad_arguments_are_refused():
    data = design(Trials.from_sequences([torch.full((9, 3), 2)], 10.0))
    unknown = Parameters(torch.full((2, 3, 4), torch.nan), torch.zeros(2, 2), torch.zeros(2))
    larger = Parameters(torch.zeros(3, 3, 4), torch.zeros(3, 3), torch.zeros(3))
    refused("tolerance", fit, Model(2), data, tolerance=math.nan)
    refused("weights: got NaN", fit, Model(2), data, start=unknown)
    refused("start", fit, Model(2), data, start=larger)
    refused("states: got 10", fit, Model(10), data)
    refused("counts", fit, Model(2, Emission("bernoulli")), data)


# ---- Starts ----


def test_kmeans_wants_a_window_for_every_state():
    data = design(Trials.from_sequences([torch.ones(40, 2).int()], 10.0))
    refused("start: got 'kmeans' for 2 windows", fit, Model(3), data, start="kmeans")


def test_a_neuron_that_never_fires_has_a_finite_start():
    counts = torch.poisson(torch.ones(50, 3), generator=seeded(0)).int()
    counts[:, 1] = 0
    data = design(Trials.from_sequences([counts], 10.0))
    for start in ("random", "kmeans"):
        found = fit(Model(2), data, iterations=20, start=start)
        assert found.parameters.weights.isfinite().all() and found.objective.isfinite().all()


@pytest.mark.parametrize("coupling", [True, False])
def test_kmeans_starts_with_states_of_different_rates(coupling):
    """Neurons fire a lot and little in turns of 100 bins."""
    high = torch.arange(400) // 100 % 2
    rates = torch.where(high[:, None] > 0, 1.5, 0.2).expand(400, 5)
    sequences = [torch.poisson(rates, generator=seeded(trial)).int() for trial in range(3)]
    data = design(Trials.from_sequences(sequences, 10.0), coupling=coupling)
    model = Model(2)
    start = kmeans_start(model, data, 1, seeded(0))
    agrees = (posterior(start.run(0), data, model.emission).states.argmax(-1) == high).double().mean()
    assert max(agrees, 1 - agrees) > 0.98
    found, again = (fit(model, data, start="kmeans", iterations=5) for _ in range(2))
    assert torch.equal(found.objective, again.objective)
