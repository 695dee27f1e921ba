"""The round as one differentiable formula in float64, and inputs for it."""

import torch
from torch.nn.functional import layer_norm

from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

SIZES = {  # batch, time, heads, dim, neurons a head
    "one token": (2, 1, 2, 16, 8),
    "less than a tile": (2, 37, 2, 24, 40),
    "odd tiles": (2, 131, 1, 20, 70),
    "whole tiles": (1, 128, 2, 64, 128),
    "wide": (1, 67, 2, 40, 130),
}


def inputs(size, synapses: bool, decay: bool, low=torch.float32):
    """In float64, rounded to `low`: v, Dx, Dy, E, rope, rho, decay."""
    B, T, H, D, K = size
    g = torch.Generator().manual_seed(T)

    def normal(*shape, scale=1.0):
        return (scale * torch.randn(*shape, generator=g)).to(low).double().requires_grad_()

    weights = normal(H, D, K, scale=D**-0.5), normal(H, D, K, scale=D**-0.5), normal(H, K, D, scale=K**-0.5)
    rope = rotation(rope_frequencies(K), 1000, T, torch.float64)
    rates = torch.linspace(0.01, 0.2, H, dtype=torch.float64).requires_grad_()
    return normal(B, T, D), *weights, rope, normal(B, H, K, D) if synapses else None, rates if decay else None


def formula(v, Dx, Dy, E, rope, rho, decay, mask=1.0, bptt=True):
    T, D = v.shape[1:]
    t = torch.arange(T, dtype=v.dtype)
    rate = torch.zeros(len(Dx), dtype=v.dtype) if decay is None else decay
    rate = rate[:, None, None]
    v = v[:, None]
    q = rotate(x := (v @ Dx).relu(), rope)
    keys, values, rho_ = (q, v, rho) if bptt else (q.detach(), v.detach(), None if rho is None else rho.detach())
    between = (-rate * (t[:, None] - t)).exp().tril(-1)
    a = ((q @ keys.mT) * between) @ values
    after = keys.mT @ ((-rate * (T - t)[:, None]).exp() * values)
    if rho is not None:
        a, after = a + (-rate * t[:, None]).exp() * (q @ rho_), after + (-rate * T).exp() * rho_
    y = (layer_norm(a, (D,), eps=1e-5) @ Dy).relu() * x * mask
    return (y @ E).sum(1), after


def lowered(tensors, device):
    return [
        None if t is None else t.detach().to(device, torch.complex64 if t.is_complex() else torch.float32)
        for t in tensors
    ]


def difference(found, expected) -> float:
    found, expected = found.detach().cpu().double(), expected.detach()
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def middling_difference(found, expected) -> float:
    """Of the neurons (last axis, and the heads before it) the one in the middle."""
    found, expected = found.detach().cpu().double(), expected.detach()
    return float(((found - expected).norm(dim=1) / expected.norm(dim=1)).median())
