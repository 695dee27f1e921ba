"""Arguments of the scan: checked, and laid out as the kernels want them."""

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from brainlib.astrosnn.kernels.lif.surrogates import require_number, resolve_slope

Reset = Literal["hard", "soft", "none"]


class Neurons(NamedTuple):
    """What the kernels take, and the way back to the caller's shapes."""

    tensors: tuple[Tensor, Tensor | None, Tensor, Tensor]  # current, astro [O, T, N], beta [N], state [O, N]
    options: tuple[float, str, str, float, bool]  # threshold, reset, surrogate, slope, detach_reset
    shape: torch.Size  # of current, with time moved in front if it was the last axis
    time_dim: int
    moved: bool


def as_sequence(tensor: Tensor, neurons: Neurons) -> Tensor:
    """[O, T, N] in the shape of `current`."""
    tensor = tensor.view(neurons.shape)
    return tensor.movedim(0, -1) if neurons.moved else tensor


def as_step(tensor: Tensor, neurons: Neurons) -> Tensor:
    """[O, N] in the shape of one step."""
    return tensor.view(step_shape(neurons.shape, neurons.time_dim))


def prepare(
    current: Tensor,
    astro: Tensor | None,
    beta: float | Tensor,
    threshold: float,
    reset: str,
    surrogate: str,
    slope: float | None,
    detach_reset: bool,
    state: Tensor | None,
    time_dim: int,
) -> Neurons:
    """Raises `ValueError` as `lif_scan` says."""
    if not -current.ndim <= time_dim < current.ndim:
        raise ValueError(f"time_dim: got {time_dim}, expected an axis of current's shape {tuple(current.shape)}")
    if not current.numel():
        raise ValueError(f"current: got shape {tuple(current.shape)}, expected at least one step of one neuron")
    if reset not in get_args(Reset):
        raise ValueError(f"reset: got {reset!r}, expected one of {', '.join(get_args(Reset))}")
    require_number("threshold", threshold)
    if not 0 < threshold < math.inf:
        raise ValueError(f"threshold: got {threshold}, expected a positive number")
    options = float(threshold), reset, surrogate, resolve_slope(surrogate, slope), detach_reset
    time_dim %= current.ndim
    expected = step_shape(current.shape, time_dim)
    leaks = check_leaks(beta, expected, current)
    check("astro", astro, current.shape, current.dtype, current)
    check("state", state, expected, inner_dtype(current), current)
    state = current.new_zeros(expected, dtype=inner_dtype(current)) if state is None else state
    moved = time_dim == current.ndim - 1 > 0
    if moved:  # the kernels go through the columns of a step, which must lie beside each other
        current, astro = (x if x is None else x.movedim(-1, 0) for x in (current, astro))
        time_dim = 0
    outer, T = math.prod(current.shape[:time_dim]), current.shape[time_dim]
    current_, astro_ = (x if x is None else x.contiguous().view(outer, T, -1) for x in (current, astro))
    N = current_.shape[2]
    beta = leaks.expand(step_shape(current.shape, time_dim)[time_dim:]).reshape(N)
    tensors = current_, astro_, beta.contiguous(), state.contiguous().view(outer, N)
    return Neurons(tensors, options, current.shape, time_dim, moved)


def step_shape(shape: torch.Size, time_dim: int) -> torch.Size:
    return shape[:time_dim] + shape[time_dim + 1 :]


def inner_dtype(current: Tensor) -> torch.dtype:
    """Of the membrane and the leak: single precision beside half."""
    return torch.promote_types(current.dtype, torch.float32)


def check_leaks(beta: float | Tensor, step: torch.Size, current: Tensor) -> Tensor:
    """As a tensor that broadcasts to one step."""
    if isinstance(beta, Tensor):
        channels = step[-1] if step else 1
        check("beta", beta, torch.Size((channels,)), inner_dtype(current), current)
        return beta if step else beta.view(())
    if not 0 <= beta <= 1:
        raise ValueError(f"beta: got {beta}, expected a number from 0 to 1")
    return current.new_full((), beta, dtype=inner_dtype(current))


def check(name: str, tensor: Tensor | None, shape: torch.Size, dtype: torch.dtype, current: Tensor) -> None:
    if tensor is None:
        return
    if tensor.shape != shape:
        raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {tuple(shape)} beside current's")
    if (tensor.dtype, tensor.device) != (dtype, current.device):
        got, expected = f"{tensor.dtype} on {tensor.device}", f"{dtype} on {current.device}"
        raise ValueError(f"{name}: got {got}, expected {expected} beside {current.dtype} of current")
