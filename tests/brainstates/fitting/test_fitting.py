"""Expectation maximisation never falls and finds what was simulated; one M-step ends where nothing is better."""

import math

import pytest
import torch
from refusals import refused

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import GaussianPrior, Model, fit, sums
from brainlib.brainstates.fitting.model import log_prior
from brainlib.brainstates.fitting.scoring import FLOOR, improve, most_likely_transitions
from brainlib.brainstates.fitting.starts import kmeans_start
from brainlib.brainstates.fitting.sums import Weighted, gain
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


D = 6
PRIORS = [None, GaussianPrior(0.5, 30.0)]


def spikes(emission, seed=0, M=200, dtype=torch.float64, R=1, S=2, N=3):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(M, D, generator=generator, dtype=dtype)
    features[:, -1] = 1
    bounded = emission.kind == "bernoulli" or emission.link == "sigmoid"
    counts = torch.randint(0, 2 if bounded else 6, (M, N), generator=generator).to(torch.uint8)
    shares = torch.randn(R, M, S, generator=generator, dtype=dtype).mul(4).softmax(-1)
    weights = torch.randn(R, S, N, D, generator=generator, dtype=dtype)
    return weights, Weighted(features, counts, shares, emission)


@pytest.mark.parametrize("l1", [0.0, 2.0])
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(
    "emission", [Emission(), Emission(link="exp"), Emission("bernoulli"), Emission(link="sigmoid")]
)
def test_a_step_never_loses_and_ends_at_the_maximum(emission, prior, l1):
    weights, data = spikes(emission)
    model = Model(2, emission, prior, l1)

    def objective(before, after):
        parts = gain(before, after, data) + log_prior(after, prior, l1) - log_prior(before, prior, l1)
        return parts.sum(1) if model.coupled else parts

    for _ in range(20):
        after = improve(weights, data, model)
        gained = objective(weights, after)
        assert (gained > -1e-9).all()
        weights = after
    assert gained.max() < 1e-3
    for seed in range(5):  # nowhere near is it higher
        nudge = 0.01 * torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        nudge[..., -1] = nudge[:, :1, :, -1]
        assert objective(weights, weights + nudge).max() < 1e-3


def q(weights, data):
    """Q_sn with all bins at once, and the drives [R, M, S, N] and counts that it is of."""
    drive, counts = torch.einsum("rsnd,md->rmsn", weights, data.features), data.counts[:, None]
    return (data.shares[..., None] * data.emission.log_prob(drive, counts)).sum(1), drive, counts


@pytest.mark.parametrize("emission", [Emission(), Emission(link="exp"), Emission("bernoulli")])
def test_gradient_gain_and_information_are_those_of_the_objective(emission, monkeypatch):
    monkeypatch.setitem(sums.BLOCK, "cpu", 2**10)  # several blocks
    weights, data = spikes(emission, M=900, R=2, S=3, N=4)
    data.shares[:, ::3] = 0  # no part of any state
    weights = (weights / 3).requires_grad_()
    before, drive, counts = q(weights, data)
    (expected,) = torch.autograd.grad(before.sum(), weights)
    gradient, curvature = sums.gradient_and_curvature(weights.detach(), data)
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(gain(weights + 0.1, weights, data), before - q(weights + 0.1, data)[0])
    _, per_drive = emission.score_and_information(drive, counts)
    expected = torch.einsum("rms,rmsn,md,me->rsnde", data.shares, per_drive, data.features, data.features)
    torch.testing.assert_close(sums.information(weights, data), expected)
    torch.testing.assert_close(curvature, expected.diagonal(dim1=-2, dim2=-1))


# ---- Transitions ----

UNIFORM = torch.full((3, 3), -math.log(3), dtype=torch.float64)


@pytest.mark.parametrize("floor", [0.0, FLOOR, 0.1])
def test_no_other_transitions_above_the_floor_are_more_likely(floor):
    generator = torch.Generator().manual_seed(0)
    expected = torch.rand(200, 4, 4, generator=generator, dtype=torch.float64).pow(8) * 100
    found = most_likely_transitions(expected, UNIFORM[:1, :1].expand(200, 4, 4), floor)
    probability = found.exp()
    assert probability.min() >= floor * (1 - 1e-12)
    torch.testing.assert_close(probability.sum(-1), torch.ones(200, 4, dtype=torch.float64))
    likelihood = (expected * found).sum(-1)
    for _ in range(50):
        other = torch.rand(200, 4, 4, generator=generator, dtype=torch.float64).pow(4)
        other = floor + (1 - 4 * floor) * other / other.sum(-1, keepdim=True)
        for share in (1.0, 0.01):  # far and near
            mixed = (1 - share) * probability + share * other
            assert ((expected * mixed.log()).sum(-1) <= likelihood + 1e-9).all()


def test_a_state_that_was_never_left_keeps_its_row():
    expected = torch.tensor([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    assert torch.equal(most_likely_transitions(expected, UNIFORM)[1], UNIFORM[1])
    assert most_likely_transitions(torch.full((1, 1), 7.0), torch.zeros(1, 1)).exp() == 1
