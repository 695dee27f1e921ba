"""Which bins of padded trials hold data."""

import torch
from jaxtyping import Bool, Int64
from torch import Tensor


def inside(lengths: Int64[Tensor, "trials"], time: int) -> Bool[Tensor, "trials time"]:
    """True within each trial, False in the padding.

    Raises `ValueError` for lengths that are not between 1 and `time`.
    """
    if not len(lengths) or lengths.min() < 1 or lengths.max() > time:
        raise ValueError(f"lengths: got {lengths.tolist()[:10]}, expected trials of 1 to {time} bins")
    return torch.arange(time, device=lengths.device) < lengths[:, None]


def same_shape(**named: Tensor) -> None:
    """Raises `ValueError` unless all of these tensors have one shape."""
    (first, expected), *others = named.items()
    for name, tensor in others:
        if tensor.shape != expected.shape:
            raise ValueError(f"{name}: got the shape {tuple(tensor.shape)}, expected {first}'s {tuple(expected.shape)}")
