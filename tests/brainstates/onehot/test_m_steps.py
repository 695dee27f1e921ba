"""The one-hot prior's densities, and the two M-steps on quadratics that are given."""

import itertools
import math

import numpy as np
import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting.sums import Weighted, gain
from brainlib.brainstates.onehot import edges
from brainlib.brainstates.onehot.edges import Integrated, Quadratic, integrate_strength, update_edges
from brainlib.brainstates.onehot.model import OneHot
from brainlib.brainstates.onehot.relaxation import (
    DEPTH,
    Relaxed,
    bounded,
    log_concrete,
    log_concrete_gradients,
)
from brainlib.data import Trials


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quadratic_of(S: int, N: int, D: int, seed: int = 0) -> Quadratic:
    root = random(S, N, D, 2 * D, seed=seed)
    return Quadratic(0.3 * random(S, N, D, seed=seed + 1), 5 * random(S, N, D, seed=seed + 2), root @ root.mT)


PRIORS = [(1 / 3, 1 / 3, 1 / 3), (0.02, 0.18, 0.8)]


def class_evidence(linear: float, precision: float, mean: float, sd: float, points: int = 400_001) -> tuple[float, ...]:
    """Of a likelihood exp(linear w - precision w^2 / 2) and ln w ~ N(mean, sd^2): the log evidence, and the posterior's
    means of w, ln w and (ln w)^2. The trapezoidal rule in ln w, fine enough for the tests' sharpest likelihood.
    """
    u = np.linspace(mean - 12 * sd - 10, mean + 12 * sd, points)
    w = np.exp(u)
    log_p = linear * w - precision * w**2 / 2 - ((u - mean) / sd) ** 2 / 2
    p = np.exp(log_p - log_p.max())
    evidence = np.log(p.sum() * (u[1] - u[0]) / (sd * math.sqrt(2 * math.pi))) + log_p.max()
    return float(evidence), *(float((p * x).sum() / p.sum()) for x in (w, u, u**2))


@pytest.mark.parametrize("temperature", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("prior", PRIORS)
def test_the_density_integrates_to_one(temperature, prior):
    """Over the simplex, in coordinates that have its corners far away: a = softmax(x, y, 0), da = a_1 a_2 a_3 dx dy."""
    reach = max(28 / temperature, 30)
    step = 0.5 / max(temperature, 1)
    x = torch.arange(-reach, reach, step, dtype=torch.float64)
    logits = torch.stack((*torch.meshgrid(x, x, indexing="ij"), torch.zeros(len(x), len(x), dtype=torch.float64)), -1)
    log_a = logits.log_softmax(-1)
    log_density = log_concrete(log_a, torch.tensor(prior, dtype=torch.float64).log(), temperature)
    mass = float((log_density + log_a.sum(-1)).exp().sum()) * step**2
    assert mass == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
def test_extreme_logits_stay_finite(dtype, size):
    logits = bounded(size * random(200, 3).to(dtype))
    assert logits.max() == 0 and logits.min() >= -DEPTH
    log_a, log_a0 = logits.log_softmax(-1), bounded(-logits).log_softmax(-1)
    for found in (log_concrete(log_a, log_a0, 0.2), *log_concrete_gradients(log_a, log_a0, 0.2)):
        assert found.isfinite().all()


@pytest.mark.parametrize("precision", [1e-8, 1.0, 1200.0, 1e6])
@pytest.mark.parametrize("mean, sd", [(-5.0, 2.0), (-1.0, 0.5), (-5.0, 0.2)])
def test_strengths_are_integrated_out(precision, mean, sd):
    for z in (-100.0, -8.0, -1.0, 0.0, 0.5, 2.0, 4.0, 7.9, 8.1, 12.0, 60.0):
        linear = z * math.sqrt(precision)
        if linear / precision > math.exp(mean + 6 * sd):
            continue  # a strength that the prior hardly has
        found = integrate_strength(torch.tensor(linear).double(), torch.tensor(precision).double(), mean, sd)
        expected = class_evidence(linear, precision, mean, sd)
        for i, (value, true) in enumerate(zip(found, expected, strict=True)):
            assert float(value) == pytest.approx(true, rel=1e-5, abs=0 if i == 1 else 1e-4)


def test_strengths_stay_finite_in_extremes():
    z = torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4]).double()
    for precision in (1e-9, 1.0, 1e12):
        for value in integrate_strength(z * precision**0.5, torch.full_like(z, precision), -5.0, 2.0):
            assert value.isfinite().all()


def test_edges_that_do_not_touch_have_their_exact_posterior():
    """With a diagonal information nothing is approximate but a_0, which is the mean of the states' probabilities."""
    S, N = 2, 3
    quadratic = quadratic_of(S, N, N + 1)
    diagonal = quadratic.precision.clone()
    quadratic = quadratic._replace(information=torch.diag_embed(diagonal))
    model = OneHot(S)
    found = update_edges(quadratic, torch.full((N, N, 3), 1 / 3).double(), model)
    a0 = torch.full((N, N, 3), 1 / 3).double()
    for _ in range(3):
        probabilities = torch.zeros(S, N, N, 3, dtype=torch.float64)
        for s, n, m in torch.cartesian_prod(*(torch.arange(size) for size in (S, N, N))).tolist():
            precision = float(diagonal[s, n, m])
            linear = float(quadratic.slope[s, n, m]) + precision * float(quadratic.centre[s, n, m])
            evidence = [class_evidence(sign * linear, precision, -5.0, 2.0, 20_001) for sign in (-1, 1)]
            joint = torch.tensor([evidence[0][0], 0.0, evidence[1][0]]).double() + a0[n, m].log()
            probabilities[s, n, m] = joint.softmax(-1)
            mean = probabilities[s, n, m, 2] * evidence[1][1] - probabilities[s, n, m, 0] * evidence[0][1]
            assert float(found.strengths[s, n, m, 1]) == pytest.approx(evidence[1][1], rel=1e-5)
        a0 = probabilities.mean(0)
    torch.testing.assert_close(found.probabilities, probabilities, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.adjacency_prior(found.shares), a0, rtol=1e-4, atol=1e-6)
    assert float(found.weights[s, n, m]) == pytest.approx(float(mean), rel=1e-4)


FLAT = (1.0, 1.0, 1.0)
OPTIONS = [{"concentration": FLAT}, {"concentration": (0.4, 2.0, 0.4), "dale": True}, {"dale": True, "empirical": True}]


@pytest.mark.parametrize("concentration, dale", [(FLAT, False), ((0.4, 2.0, 0.4), False), (FLAT, True)])
def test_the_bound_is_just_below_the_exact_evidence(concentration, dale):
    """Sources that do not touch, and a_0 integrated out: all classes of a pair's states are enumerated, and with Dale's
    law both signs of each source, its own history apart. The spikes tell the classes, so that what factors lose is
    little.
    """
    S, N = 2, 3
    precision = 1500 + 500 * random(S, N, N + 1).square()
    centre = 0.4 * random(S, N, N + 1, seed=1).round().clamp(-1, 1)
    quadratic = Quadratic(centre, precision.sqrt() * random(S, N, N + 1, seed=2), torch.diag_embed(precision))
    strength = {"strength_mean": -1.0, "strength_sd": 0.5}
    model = OneHot(S, **strength, concentration=concentration, dale=dale)
    shares = torch.full((N, N, 3), 1 / 3).double()
    for _ in range(3):
        found = update_edges(quadratic, shares, model)
        shares = found.shares
    bias = quadratic.slope[..., N] + quadratic.precision[..., N] * quadratic.centre[..., N]
    at_bias = bias.square() / (quadratic.precision[..., N] + 1 / 4) / 2  # N(0, 2^2), at its best
    linear = quadratic.slope + quadratic.precision * quadratic.centre
    at_zero = quadratic.gain(torch.zeros_like(linear)).sum()
    inhibitory, none, excitatory = concentration

    def log_prior(classes: tuple[int, ...], alpha: tuple[float, ...]) -> float:
        """Polya's: of the classes of all states, a_0 integrated out."""
        visits = [classes.count(c) for c in range(len(alpha))]
        rising = sum(math.lgamma(a + n) - math.lgamma(a) for a, n in zip(alpha, visits, strict=True))
        return rising + math.lgamma(sum(alpha)) - math.lgamma(sum(alpha) + S)

    def pair(n: int, m: int, sign: int) -> float:
        """The log evidence of a pair in all states, of one sign or, 0, of any."""
        each = [
            [class_evidence(k * float(linear[s, n, m]), float(precision[s, n, m]), -1.0, 0.5, 20_001)[0]
             if k else 0.0 for k in ((-1, 0, 1) if not sign else (0, sign))]
            for s in range(S)
        ]  # fmt: skip
        alpha = concentration if not sign else (none, inhibitory + excitatory)
        every = itertools.product(range(len(alpha)), repeat=S)
        return np.logaddexp.reduce([log_prior(c, alpha) + sum(each[s][k] for s, k in enumerate(c)) for c in every])

    exact, excites = float(at_zero + at_bias.sum()), torch.zeros(N, N)
    for m in range(N):
        for group in ([n for n in range(N) if n != m], [m]) if dale else ():
            both = [sum(pair(n, m, sign) for n in group) - math.log(2) for sign in (-1, 1)]
            exact += np.logaddexp(*both)
            excites[group, m] = 1 / (1 + math.exp(both[0] - both[1]))
        exact += 0 if dale else sum(pair(n, m, 0) for n in range(N))
    bound = float(quadratic.gain(found.weights).sum() - found.cost)
    assert exact - 0.05 * N * N < bound < exact + 1e-6
    if dale:
        torch.testing.assert_close(found.excites, excites.double(), atol=0.01, rtol=0)
    assert torch.allclose(model.adjacency_prior(found.shares).sum(-1), torch.ones(N, N).double())


@pytest.mark.parametrize("options", [{}, *OPTIONS])
def test_the_bound_never_falls(options, monkeypatch):
    """Sweep by sweep, on a quadratic whose weights hang together."""
    monkeypatch.setattr(edges, "SWEEPS", 1)
    S, N = 2, 4
    quadratic, model, shares = quadratic_of(S, N, N + 1), OneHot(S, **options), torch.full((4, 4, 3), 1 / 3).double()
    here, bounds = quadratic, []
    for _ in range(12):
        found = update_edges(here, shares, model)
        bounds.append(float(quadratic.gain(found.weights).sum() - found.cost))
        here = Quadratic(found.weights, quadratic.slope_at(found.weights), quadratic.information)
        shares, model = found.shares, edges.refitted(model, found) if model.empirical else model
    assert np.diff(bounds).min() > -1e-6 and bounds[-1] > bounds[0]


def test_strengths_are_refitted_to_what_was_found():
    """With connections that the data tell exactly, mu_w and sigma_w become mean and deviation of their ln wt."""
    S, N = 2, 12
    logs = -1 + 0.5 * random(S, N, N)
    centre = torch.cat((logs.exp() * random(S, N, N, seed=1).sign(), torch.zeros(S, N, 1).double()), -1)
    quadratic = Quadratic(centre, torch.zeros_like(centre), torch.diag_embed(torch.full_like(centre, 1e5)))
    found = update_edges(quadratic, torch.full((N, N, 3), 1 / 3).double(), OneHot(S))
    model = edges.refitted(OneHot(S), found)
    assert model.strength_mean == pytest.approx(float(logs.mean()), abs=0.02)
    assert model.strength_sd == pytest.approx(float(logs.std()), abs=0.02)
    none = found._replace(probabilities=torch.zeros_like(found.probabilities))
    assert edges.refitted(model, none) is model


def test_gradients_of_the_relaxation():
    S, N = 2, 3
    quadratic = quadratic_of(S, N, N + 1)
    sizes = {"logits": (S, N, N, 3), "prior_logits": (N, N, 3), "log_strength": (S, N, N), "bias": (S, N)}
    counts = torch.ones(1, 5, N, dtype=torch.int32)
    step = Relaxed(OneHot(S), design(Trials(counts, torch.tensor([5]), 1.0)))
    step.values = values = {
        name: random(*size, seed=i).requires_grad_() for i, (name, size) in enumerate(sizes.items())
    }
    normal = torch.distributions.Normal
    prior = log_concrete(values["logits"].log_softmax(-1), values["prior_logits"].log_softmax(-1), 0.2).sum()
    prior = prior + normal(-5.0, 2.0).log_prob(values["log_strength"]).sum()
    prior = prior + normal(0.0, 2.0).log_prob(values["bias"]).sum()
    with torch.no_grad():
        assert step.log_prior() == pytest.approx(prior.item())
    objective = quadratic.gain(step.weights()).sum() + prior
    expected = torch.autograd.grad(objective, list(values.values()))
    with torch.no_grad():
        found = step.gradients(quadratic)
    for name, gradient in zip(sizes, expected, strict=True):
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", [-5.0, -14.0])
def test_what_an_m_step_tells_is_of_the_weights_that_it_took(bias, monkeypatch):
    """Also where Fisher's quadratic is no guide: rates so low that its step would raise them by orders of magnitude."""
    S, N, T = 2, 3, 400
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(0, 4, (1, T, N), generator=generator, dtype=torch.int32)
    known = design(Trials(counts, torch.tensor([T]), 1.0))
    weights = torch.zeros(S, N, known.features.shape[-1], dtype=torch.float64)
    weights[..., -1] = bias
    weights[0, 0, 1] = -2.0
    emission, model = Emission(), OneHot(S)
    data = Weighted.of(known, torch.full((1, 1, T, S), 1 / S), emission)
    tries = []
    monkeypatch.setattr(edges, "update_edges", lambda *given: tries.append(1) or update_edges(*given))
    step = Integrated(model, known)
    after = step.maximise(weights, data)
    assert len(tries) > 1  # a step was rejected
    assert after.equal(step.edges.weights)

    def gained(new: torch.Tensor) -> torch.Tensor:
        return gain(weights[None].to(data.features), new[None].to(data.features), data).sum()

    assert gained(after) > 0
    probabilities, strengths = step.edges.probabilities, step.edges.strengths
    mean = probabilities[..., 2] * strengths[..., 1] - probabilities[..., 0] * strengths[..., 0]
    torch.testing.assert_close(after[..., :N], mean)
    hard, told, prior, _ = step.outcome()
    assert told is probabilities
    torch.testing.assert_close(prior, probabilities.mean(0))
    assert gained(hard) > gained(after) / 2
