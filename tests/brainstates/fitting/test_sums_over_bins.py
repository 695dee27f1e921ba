import pytest
import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import sums

EMISSIONS = [Emission(kind, link) for kind in ("poisson", "bernoulli") for link in ("softplus", "exp")]


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
def test_the_gradient_is_that_of_the_objective(emission, monkeypatch):
    monkeypatch.setitem(sums.BLOCK, "cpu", 2**10)  # several blocks
    weights, data = some_data(emission)
    weights.requires_grad_()
    (expected,) = torch.autograd.grad(objective(weights, data).sum(), weights)
    weights = weights.detach()
    torch.testing.assert_close(sums.gradient(weights, data), expected)
    gained = objective(weights, data) - objective(weights + 0.1, data)
    torch.testing.assert_close(sums.gain(weights + 0.1, weights, data), gained)


@pytest.mark.parametrize("emission", EMISSIONS)
def test_the_information_is_the_expected_hessian(emission, monkeypatch):
    monkeypatch.setitem(sums.BLOCK, "cpu", 2**10)
    weights, data = some_data(emission, R=1)
    drive = torch.einsum("rsnd,md->rmsn", weights, data.features)
    _, per_drive = emission.score_and_information(drive, data.counts[:, None])
    expected = torch.einsum("rms,rmsn,md,me->rsnde", data.shares, per_drive, data.features, data.features)
    torch.testing.assert_close(sums.information(weights, data), expected)
    gradient, curvature = sums.gradient_and_curvature(weights, data)
    torch.testing.assert_close(gradient, sums.gradient(weights, data))
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
    assert sums.gradient(weights, data).isfinite().all() and sums.information(weights, data).isfinite().all()
    assert sums.gain(weights, weights + 1, data).isfinite().all()


def test_a_state_without_any_bin_has_sums_of_zero():
    weights, data = some_data(Emission(), R=1)
    data.shares[..., 1] = 0
    gradient, information = sums.gradient(weights, data), sums.information(weights, data)
    assert not gradient[0, 1].any() and not information[0, 1].any() and gradient[0, 0].any()


def test_some_bins_are_those_of_no_slight_share_if_enough_is_left():
    _, data = some_data(Emission(), R=1, S=2)
    data.shares[0, ::2] = 0.005
    data.shares[0, :, 1] = 0.005  # nothing would be left of this state
    taken = [0, 0]
    for (_, state), features, _, share in data.blocks(8, some=40):
        taken[state] += len(features)
        assert state == 1 or share.min() >= sums.SLIGHT
    assert all(40 <= bins < 80 for bins in taken)


def test_sums_in_float32_are_close_to_those_in_float64():
    weights, data = some_data(Emission(), M=20_000)
    narrow = data._replace(features=data.features.float(), shares=data.shares.float())
    for name in ("gradient", "information"):
        found, expected = getattr(sums, name)(weights.float(), narrow), getattr(sums, name)(weights, data)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
