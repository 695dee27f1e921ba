"""One M-step: it never loses, and nothing is better where it ends."""

import math

import pytest
import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import GaussianPrior, Model, sums
from brainlib.brainstates.fitting.model import log_prior
from brainlib.brainstates.fitting.scoring import FLOOR, improve, most_likely_transitions
from brainlib.brainstates.fitting.sums import Weighted, gain

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
