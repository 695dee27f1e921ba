"""The layer in float64, and inputs for it."""

import torch

from brainlib.bdh.kernels.reference import activities
from brainlib.bdh.rotation import rope_frequencies, rotation


def formula(v, Dx, Dy, E, rope, rho=None, decay=None, mask=1.0, bptt=True):
    _, y, after = activities(v, Dx, Dy, rope, rho, decay, bptt)
    return (y * mask @ E).sum(1), after


def inputs(B, T, H, D, K, synapses=True, decay=True, rounded=torch.float64, start=1000):
    """v, Dx, Dy, E, rope, rho, decay: values that `rounded` can tell, with gradients but for the last."""
    g = torch.Generator().manual_seed(T)

    def normal(*shape, scale=1.0):
        return (scale * torch.randn(*shape, generator=g, dtype=torch.float64)).to(rounded).double().requires_grad_()

    weights = normal(H, D, K, scale=D**-0.5), normal(H, D, K, scale=D**-0.5), normal(H, K, D, scale=K**-0.5)
    rope = rotation(rope_frequencies(K), start, T, torch.float64)
    rates = torch.linspace(0.01, 0.2, H, dtype=torch.float64) if decay else None
    return [normal(B, T, D), *weights, rope, normal(B, H, K, D) if synapses else None, rates]


def lowered(tensors, device="cpu"):
    """In single precision, without gradients."""
    return [
        None if t is None else t.detach().to(device, torch.complex64 if t.is_complex() else torch.float32)
        for t in tensors
    ]
