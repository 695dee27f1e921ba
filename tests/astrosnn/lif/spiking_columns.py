"""Small groups of neurons, and what a loss sends back to everything that moves them."""

import torch
from torch import Tensor

RESETS = "hard", "soft", "none"
SHAPE = 2, 9, 5  # sequences, steps, columns


def neurons(
    shape: tuple[int, ...] = SHAPE, time_dim: int = 1, dtype: torch.dtype = torch.float64, seed: int = 0
) -> dict[str, Tensor]:
    """current, astro, beta of each column and a state, with as many spikes as silences."""
    g = torch.Generator().manual_seed(seed)
    step = shape[:time_dim] + shape[time_dim + 1 :]
    found = {
        "current": 0.5 + torch.randn(shape, generator=g, dtype=torch.float64),
        "astro": 0.5 * torch.randn(shape, generator=g, dtype=torch.float64),
        "beta": torch.rand(step[-1:], generator=g, dtype=torch.float64),
        "state": torch.randn(step, generator=g, dtype=torch.float64),
    }
    return {name: tensor.to(dtype) for name, tensor in found.items()}


def everything(scan, inputs: dict[str, Tensor], from_spikes: bool = True, from_last: bool = True, **options) -> dict:
    """Values, and the gradients of a loss that reads all spikes, the last membrane, or both, each in its own way."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in inputs.items()}
    spikes, last = scan(**leaves, **options)
    loss = 0.0
    if from_spikes:
        loss = loss + (spikes * torch.linspace(-1, 2, spikes.numel(), dtype=spikes.dtype).view_as(spikes)).sum()
    if from_last:
        loss = loss + (last * torch.linspace(2, -1, last.numel(), dtype=last.dtype).view_as(last)).sin().sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {"spikes": spikes.detach(), "last": last.detach()} | {
        f"d_{name}": torch.zeros_like(leaf) if d is None else d
        for (name, leaf), d in zip(leaves.items(), gradients, strict=True)
    }


def assert_same(found: dict, expected: dict, tolerance: float) -> None:
    """No entry further from what is expected than `tolerance` of the largest one."""
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        scale = float(wanted.abs().max())
        torch.testing.assert_close(
            found[name], wanted, rtol=0, atol=tolerance * scale, msg=lambda m, name=name: f"{name}: {m}"
        )
