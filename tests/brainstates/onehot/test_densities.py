"""The one-hot prior's densities: they are densities, agree with their plain forms, and stay finite at the corners."""

import math

import numpy as np
import pytest
import torch
from onehot_reference import concrete_density, gaussian_density, log_joint_prior

from brainlib.brainstates.onehot.densities import DEPTH, bounded, log_concrete, log_concrete_gradients, log_gaussian
from brainlib.brainstates.onehot.model import OneHot
from brainlib.brainstates.onehot.relaxation import Relaxed

PRIORS = [(1 / 3, 1 / 3, 1 / 3), (0.1, 0.8, 0.1), (0.02, 0.18, 0.8)]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0, 2.0])
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


@pytest.mark.parametrize("temperature", [0.2, 1.5])
def test_the_logarithm_is_that_of_the_plain_form(temperature):
    a = (2 * random(20, 3)).softmax(-1)
    prior = random(20, 3, seed=1).softmax(-1)
    plain = [math.log(concrete_density(one.numpy(), by.numpy(), temperature)) for one, by in zip(a, prior, strict=True)]
    found = log_concrete(a.log(), prior.log(), temperature)
    torch.testing.assert_close(found, torch.tensor(plain, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(log_concrete(a.log(), prior.log() + 7, temperature), found, rtol=1e-12, atol=1e-12)


def test_samples_of_equation_4_have_the_density():
    """Frequencies of a region of the simplex, a_inh below 0.01, against the integral of the density over it."""
    generator = torch.Generator().manual_seed(0)
    prior = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)
    gumbel = -torch.empty(200_000, 3, dtype=torch.float64).exponential_(generator=generator).log()
    a = ((prior.log() + gumbel) / 0.5).softmax(-1)
    x = torch.arange(-40, 40, 0.2, dtype=torch.float64)
    logits = torch.stack((*torch.meshgrid(x, x, indexing="ij"), torch.zeros(len(x), len(x), dtype=torch.float64)), -1)
    log_a = logits.log_softmax(-1)
    mass = (log_concrete(log_a, prior.log(), 0.5) + log_a.sum(-1)).exp() * 0.2**2
    assert float((a[:, 0] < 0.01).double().mean()) == pytest.approx(
        float(mass[log_a[..., 0].exp() < 0.01].sum()), abs=0.01
    )


def test_gradients():
    logits, prior_logits = random(4, 5, 3).requires_grad_(), random(5, 3, seed=1).requires_grad_()

    def density(logits, prior_logits):
        return log_concrete(logits.log_softmax(-1), prior_logits.log_softmax(-1), 0.2)

    assert torch.autograd.gradcheck(density, (logits, prior_logits))
    by_logits, by_log_a0 = log_concrete_gradients(logits.log_softmax(-1), prior_logits.log_softmax(-1), 0.2)
    expected = torch.autograd.grad(density(logits, prior_logits).sum(), (logits, prior_logits))
    torch.testing.assert_close(by_logits, expected[0], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(by_log_a0.sum(0), expected[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
def test_extreme_logits_stay_finite(dtype, size):
    logits = bounded(size * random(200, 3).to(dtype))
    assert logits.max() == 0 and logits.min() >= -DEPTH
    log_a, log_a0 = logits.log_softmax(-1), bounded(-logits).log_softmax(-1)
    for found in (log_concrete(log_a, log_a0, 0.2), *log_concrete_gradients(log_a, log_a0, 0.2)):
        assert found.isfinite().all()


def test_a_corner_is_as_deep_as_it_is_said_to_be():
    """(2 - tau) DEPTH nats above the middle, up to what does not grow with the depth; at double the depth, double."""
    flat = torch.full((3,), -math.log(3), dtype=torch.float64)

    def height(depth: float) -> float:
        return float(log_concrete(torch.tensor([0.0, -depth, -depth]).double().log_softmax(-1), flat, 0.2))

    assert height(2 * DEPTH) - height(DEPTH) == pytest.approx(1.8 * DEPTH, abs=0.1)


def test_log_gaussian_is_a_density():
    x = torch.arange(-40, 40, 0.01, dtype=torch.float64)
    assert float(log_gaussian(x, -5.0, 2.0).exp().sum()) * 0.01 == pytest.approx(1)
    assert float(log_gaussian(torch.tensor(1.0).double(), -5.0, 2.0).exp()) == pytest.approx(
        gaussian_density(1.0, -5.0, 2.0)
    )


def test_the_joint_prior_is_the_sum_of_all():
    S, N = 2, 3
    state = Relaxed(random(S, N, N, 3), random(N, N, 3, seed=1), random(S, N, N, seed=2) - 4, random(S, N, 1, seed=3))
    model = OneHot(S, bias_mean=0.5)
    expected = log_joint_prior(
        state.logits.softmax(-1).numpy(),
        state.prior_logits.softmax(-1).numpy(),
        np.exp(state.log_strength.numpy()),
        state.free[..., 0].numpy(),
        model.temperature,
        (model.strength_mean, model.strength_sd),
        (model.bias_mean, model.bias_sd),
    )
    assert state.log_prior(model) == pytest.approx(expected, rel=1e-12)
