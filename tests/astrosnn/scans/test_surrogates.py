"""Surrogates: derivatives of the curves that the field names them after."""

import math

import pytest
import torch

from brainlib.astrosnn.kernels.lif import SURROGATES, surrogate_gradient

CURVES = {  # what rises from 0 to 1, or from -1/a to 1/a, in place of the step
    "atan": lambda z, a: torch.atan(math.pi / 2 * a * z) / math.pi,
    "qgate": lambda z, a: torch.where(z.abs() < 1 / a, a * z - a**2 * z * z.abs() / 2, 0.5 * z.sign()),
    "sigmoid": lambda z, a: torch.sigmoid(a * z),
    "fast_sigmoid": lambda z, a: z / (1 + a * z.abs()),
}


@pytest.mark.parametrize("slope", [None, 0.5, 7.0])
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_a_surrogate_is_the_derivative_of_its_curve(surrogate, slope):
    z = torch.linspace(-4, 4, 1001, dtype=torch.float64, requires_grad=True)
    usual = {"atan": 2.0, "qgate": 2.0, "sigmoid": 4.0, "fast_sigmoid": 25.0}[surrogate]
    (expected,) = torch.autograd.grad(CURVES[surrogate](z, slope or usual).sum(), z)
    torch.testing.assert_close(surrogate_gradient(z.detach(), surrogate, slope), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_far_from_the_threshold_it_vanishes(surrogate):
    far = surrogate_gradient(torch.tensor([-1e30, -1e4, 1e4, 1e30]), surrogate)
    assert far.isfinite().all() and (far < 1e-7).all() and (far >= 0).all()


def test_bad_surrogates():
    z = torch.zeros(2)
    with pytest.raises(ValueError, match="surrogate: got 'relu', expected one of atan, qgate, sigmoid, fast_sigmoid"):
        surrogate_gradient(z, "relu")
    with pytest.raises(ValueError, match=r"slope: got 0\.0, expected a positive number"):
        surrogate_gradient(z, "atan", 0.0)
