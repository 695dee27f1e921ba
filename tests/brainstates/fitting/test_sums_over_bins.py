import pytest
import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import sums

EMISSIONS = [Emission(), Emission(link="exp"), Emission("bernoulli")]


def some_data(emission, R=2, S=3, N=4, D=5, M=900, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(M, D, generator=generator, dtype=dtype)
    counts = torch.randint(0, 2, (M, N), generator=generator).to(torch.uint8)
    shares = torch.rand(R, M, S, generator=generator, dtype=dtype)
    shares[:, ::3] = 0  # no part of any state
    weights = torch.randn(R, S, N, D, generator=generator, dtype=dtype) / 3
    return weights, sums.Weighted(features, counts, shares, emission)


def objective(weights, data):
    """Q_sn with all bins at once."""
    eta = torch.einsum("rsnd,md->rmsn", weights, data.features)
    return (data.shares[..., None] * data.emission.log_prob(eta, data.counts[:, None])).sum(1)


@pytest.mark.parametrize("emission", EMISSIONS)
def test_gradient_gain_and_information_are_those_of_the_objective(emission, monkeypatch):
    monkeypatch.setitem(sums.BLOCK, "cpu", 2**10)  # several blocks
    weights, data = some_data(emission)
    leaves = weights.clone().requires_grad_()
    (expected,) = torch.autograd.grad(objective(leaves, data).sum(), leaves)
    gradient, curvature = sums.gradient_and_curvature(weights, data)
    torch.testing.assert_close(gradient, expected)
    gained = objective(weights, data) - objective(weights + 0.1, data)
    torch.testing.assert_close(sums.gain(weights + 0.1, weights, data), gained)
    drive = torch.einsum("rsnd,md->rmsn", weights, data.features)
    _, per_drive = emission.score_and_information(drive, data.counts[:, None])
    expected = torch.einsum("rms,rmsn,md,me->rsnde", data.shares, per_drive, data.features, data.features)
    torch.testing.assert_close(sums.information(weights, data), expected)
    torch.testing.assert_close(curvature, expected.diagonal(dim1=-2, dim2=-1))
