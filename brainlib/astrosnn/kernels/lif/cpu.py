"""The compiled scan from tensors to tensors."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from brainlib.astrosnn.kernels.lif import compiled
from brainlib.backend import torch_threads
from brainlib.lanes import VECTOR_BYTES

SEGMENT = compiled.SEGMENT


def forward(current, astro, beta, state, threshold, reset) -> tuple[Tensor, Tensor, Tensor]:
    outer, T, N = current.shape
    lanes = VECTOR_BYTES // current.itemsize
    if lanes > N:
        return narrowed(N, forward(*widened(lanes, current, astro, beta, state), threshold, reset))
    inputs = current, no_sequence(current) if astro is None else astro, beta, state
    outputs = torch.empty_like(current), torch.empty_like(state), current.new_empty(outer, -(-T // SEGMENT), N)
    with torch_threads():
        compiled.forward(*arrays(inputs), threshold, *taken(reset, threshold), lanes, *arrays(outputs))
    return outputs


def backward(
    d_spikes, d_last, current, astro, beta, kept, threshold, reset, surrogate, slope, detach_reset, learn_beta
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    outer, _, N = current.shape
    lanes = VECTOR_BYTES // current.itemsize
    options = threshold, reset, surrogate, slope, detach_reset, learn_beta
    if lanes > N:
        return narrowed(N, backward(*widened(lanes, d_spikes, d_last, current, astro, beta, kept), *options))
    inputs = (
        no_sequence(current) if d_spikes is None else d_spikes,
        current.new_zeros(outer, N) if d_last is None else d_last,
        current,
        no_sequence(current) if astro is None else astro,
        beta,
        kept,
    )
    outputs = (
        torch.empty_like(current),
        current.new_empty(0, 0, 0) if astro is None else torch.empty_like(astro),
        beta.new_empty(outer if learn_beta else 0, N),
        current.new_empty(outer, N),
    )
    bump = numbers(surrogate, slope)
    with torch_threads():
        compiled.backward(
            *arrays(inputs), threshold, *taken(reset, threshold), *bump, float(not detach_reset), lanes,
            *arrays(outputs),
        )  # fmt: skip
    d_current, d_astro, d_beta, d_state = outputs
    return d_current, d_astro, d_beta.sum(0) if learn_beta else d_beta.view(-1), d_state


def taken(reset: str, threshold: float) -> tuple[float, float]:
    """What a spike takes from the membrane: so much of it, and so much besides."""
    return float(reset == "hard"), threshold if reset == "soft" else 0.0


def numbers(surrogate: str, slope: float) -> tuple[int, float, float]:
    """A surrogate's name as `compiled` knows it, its height at the threshold and how steep it is."""
    return {
        "atan": (compiled.ATAN, slope / 2, (math.pi / 2 * slope) ** 2),
        "qgate": (compiled.QGATE, slope, slope**2),
        "sigmoid": (compiled.SIGMOID, slope / 4, slope),
        "fast_sigmoid": (compiled.FAST_SIGMOID, 1.0, slope),
    }[surrogate]


def no_sequence(current: Tensor) -> Tensor:
    """A row of zeros, which stands for no astrocyte or for no gradient."""
    return current.new_zeros(1, 1, current.shape[2])


def arrays(tensors) -> list:
    return [tensor.numpy() for tensor in tensors]


def widened(columns: int, *tensors: Tensor | None) -> list[Tensor | None]:
    """With columns of zeros, so that they fill a vector."""
    return [x if x is None else functional.pad(x, (0, columns - x.shape[-1])) for x in tensors]


def narrowed(columns: int, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x[..., :columns].contiguous() for x in tensors)
