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


def test_the_estimated_information_has_the_diagonal_and_nearly_the_rest():
    weights, data = some_data(Emission(), R=1, M=30_000)
    data.features[:, 1] += data.features[:, 2]
    data.features[torch.arange(30_000) != 2, 3] = 0  # a feature that the sample does not have
    _, curvature = sums.gradient_and_curvature(weights, data)
    exact, found = sums.information(weights, data), sums.estimated_information(weights, data, curvature)
    torch.testing.assert_close(found.diagonal(dim1=-2, dim2=-1), exact.diagonal(dim1=-2, dim2=-1))
    scale = curvature.sqrt()
    apart = (found - exact) / scale[..., None] / scale[..., None, :]
    assert 0 < apart.abs().max() < 0.15
    assert torch.linalg.eigvalsh(found).min() > -1e-9 * float(exact.max())


def test_bins_of_no_share_are_never_looked_at():
    weights, data = some_data(Emission(), R=1)
    data.features[::3] = torch.nan
    data.shares[..., 1] = 0
    gradient, _ = sums.gradient_and_curvature(weights, data)
    information = sums.information(weights, data)
    for found in (gradient, information, sums.gain(weights, weights + 1, data)):
        assert found.isfinite().all() and not found[0, 1].any() and found[0, 0].any()
