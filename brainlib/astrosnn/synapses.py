"""What neurons with and without astrocytes share: linear maps, time constants, and the checks of input and state."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 1e-6  # added to squares under a root, so that silence has a gradient


def linear(inputs: int, outputs: int, *, bias: bool = True, generator: torch.Generator | None = None) -> nn.Linear:
    """A linear map with torch's own start, U(-1, 1) / sqrt(inputs), drawn from `generator` (None: torch's own)."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    return layer


def in_heads(x: Float[Tensor, "*batch dim"], heads: int) -> Float[Tensor, "*batch heads head_dim"]:
    return x.unflatten(-1, (heads, -1))


def unit_length(x: Float[Tensor, "*batch head_dim"]) -> Float[Tensor, "*batch head_dim"]:
    """x / sqrt(|x|^2 + 1e-6): each head's vector at length 1."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + SMALLEST)


def positive(x: Float[Tensor, "*batch head_dim"]) -> Float[Tensor, "*batch head_dim"]:
    """elu(x) + 1, the feature map of linear attention."""
    return functional.elu(x) + 1


def unit_power(x: Float[Tensor, "*batch head_dim"]) -> Float[Tensor, "*batch head_dim"]:
    """x / sqrt(mean(x^2) + 1e-6): each head's vector at a root mean square of 1."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + SMALLEST)


def logit_of_time_constant(steps: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The number whose sigmoid is the decay 1 - 1 / tau of time constants tau > 1 in steps: log(tau - 1)."""
    return (steps - 1).log()


def spread(fastest: float, slowest: float, channels: int) -> Float[Tensor, "channels"]:
    """`channels` time constants from `fastest` to `slowest`, evenly apart on a logarithmic scale."""
    return torch.logspace(math.log10(fastest), math.log10(slowest), channels)


def check_input(x: Tensor, dim: int, weight: Tensor) -> None:
    """Raises `ValueError` unless x, [batch, ..., dim], can be multiplied by `weight`."""
    if x.shape[-1] != dim:
        raise ValueError(f"x: got {x.shape[-1]} channels, expected {dim}")
    if not x.numel():
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected at least one sequence and token")
    dtype = x.dtype if torch.is_autocast_enabled(weight.device.type) else weight.dtype
    if (x.dtype, x.device) != (dtype, weight.device):
        got, expected = f"{x.dtype} on {x.device}", f"{dtype} on {weight.device}"
        raise ValueError(f"x: got {got}, expected {expected} as the weights have it")


def zeros(kind: type, shapes: tuple[tuple[int, ...] | None, ...], like: Tensor) -> tuple:
    """A state of the NamedTuple `kind` that nothing came before, its dtype and device those of `like`."""
    return kind(*(None if shape is None else like.new_zeros(shape) for shape in shapes))


def check_state(state, kind: type, shapes: tuple[tuple[int, ...] | None, ...], like: Tensor) -> tuple:
    """`state`, or zeros if there is none. Raises `ValueError` unless it is a `kind` of such shapes, and like `like`."""
    if state is None:
        return zeros(kind, shapes, like)
    if type(state) is not kind:
        raise ValueError(f"state: got {type(state).__name__}, expected {kind.__name__}")
    for name, tensor, shape in zip(kind._fields, state, shapes, strict=True):
        got = None if tensor is None else (tuple(tensor.shape), tensor.dtype, tensor.device)
        expected = None if shape is None else (shape, like.dtype, like.device)
        if got != expected:
            raise ValueError(f"state.{name}: got {describe(got)}, expected {describe(expected)}")
    return state


def describe(tensor: tuple | None) -> str:
    return "None" if tensor is None else "{1} {0} on {2}".format(*tensor)


def require_state(name: str, state: Tensor, shape: tuple[int, ...], like: Tensor) -> None:
    """Raises `ValueError` unless `state` is a tensor of this shape, and of the dtype and on the device of `like`."""
    if not isinstance(state, Tensor):
        raise ValueError(f"state: got a {name} of {type(state).__name__}, expected a tensor of shape {shape}")
    if (tuple(state.shape), state.dtype, state.device) != (shape, like.dtype, like.device):
        raise ValueError(
            f"state: got a {name} of shape {tuple(state.shape)}, {state.dtype} on {state.device}, "
            f"expected {shape}, {like.dtype} on {like.device}"
        )
