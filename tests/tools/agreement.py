"""A loss in which every entry counts in its own way, and how near what a kernel computes is to what is expected."""

import torch
from torch import Tensor


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float, least: float = 0.0) -> None:
    """No entry further from what is expected than `tolerance` of the largest one, taken as `least` if it is smaller."""
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        found_, wanted = found[name].detach().cpu().double(), wanted.detach().cpu().double()
        atol = tolerance * max(least, float(wanted.nan_to_num(0, 0, 0).abs().max()))  # of the finite ones
        torch.testing.assert_close(found_, wanted, rtol=0, atol=atol, msg=lambda m, name=name: f"{name}: {m}")


def shares(tensor: Tensor, first: float, last: float) -> Tensor:
    """A share of a loss for every entry, from `first` to `last`."""
    return torch.linspace(first, last, tensor.numel(), dtype=tensor.dtype, device=tensor.device).view_as(tensor)


def difference(found: Tensor, expected: Tensor) -> float:
    """The norm of the difference as a share of what is expected."""
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))
