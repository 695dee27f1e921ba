"""Bad input by its name: what came, and what was expected."""

import math
from typing import Any

import torch
from torch import Tensor


def one_of(name: str, got: str, names: tuple[str, ...]) -> None:
    if got not in names:
        raise ValueError(f"{name}: got {got!r}, expected one of {', '.join(names)}")


def require_positive(name: str, value: float) -> None:
    """One number, which all neurons share and none learns."""
    if isinstance(value, Tensor):
        got = f"a tensor of shape {tuple(value.shape)}"
        raise ValueError(f"{name}: got {got}, expected one number, which all neurons share and none learns")
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: got {value}, expected a positive number")


def require_time_constant(name: str, steps: float) -> None:
    require_positive(name, steps)
    if steps < 1:
        raise ValueError(f"{name}: got {steps}, expected a time constant of at least 1 step")


def require_tensor(
    name: str, tensor: Tensor | None, shape: tuple[int, ...] | None, like: Tensor, dtype: torch.dtype | None = None
) -> None:
    """A tensor of this shape, on the device of `like` and of its dtype unless another is given; None for no shape."""
    expected = None if shape is None else (dtype or like.dtype, tuple(shape), like.device)
    got = (tensor.dtype, tuple(tensor.shape), tensor.device) if isinstance(tensor, Tensor) else tensor
    if got != expected:
        raise ValueError(f"{name}: got {described(got)}, expected {described(expected)}")


def described(tensor) -> str:
    return (
        "{} {} on {}".format(*tensor) if type(tensor) is tuple else "None" if tensor is None else type(tensor).__name__
    )


def check_input(x: Tensor, dim: int, weight: Tensor) -> None:
    """Raises `ValueError` unless x, [batch, ..., dim], can be multiplied by `weight`."""
    if x.shape[-1] != dim:
        raise ValueError(f"x: got {x.shape[-1]} channels, expected {dim}")
    if not x.numel():
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected at least one sequence and token")
    autocast = torch.is_autocast_enabled(weight.device.type)
    require_tensor("x", x, x.shape, weight, x.dtype if autocast else None)


def check_state(state, kind: Any, shapes: tuple[tuple[int, ...] | None, ...], like: Tensor) -> Any:
    """`state`, or zeros if there is none. Raises `ValueError` unless it is a `kind` of such shapes, and like `like`."""
    if state is None:
        return kind(*(None if shape is None else like.new_zeros(shape) for shape in shapes))
    if type(state) is not kind:
        raise ValueError(f"state: got {type(state).__name__}, expected {kind.__name__}")
    for name, tensor, shape in zip(kind._fields, state, shapes, strict=True):
        require_tensor(f"state.{name}", tensor, shape, like)
    return state
