"""What neurons with and without astrocytes share: heads, time constants, and a count of what is learned."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

SMALLEST = 1e-6  # added to squares under a root, so that silence has a gradient


def learned_by(module: Callable[..., nn.Module], *arguments) -> int:
    """How many numbers `module(*arguments)` learns; none of them is made."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in module(*arguments).parameters())


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
