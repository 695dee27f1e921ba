"""What stands for the derivative of a spike, which has none: bumps around the threshold."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.astrosnn.checks import one_of

Surrogate = Literal["atan", "qgate", "sigmoid", "fast_sigmoid"]
SLOPES = {"atan": 2.0, "qgate": 2.0, "sigmoid": 4.0, "fast_sigmoid": 25.0}
SURROGATES = tuple(SLOPES)


def surrogate_gradient(z: Float[Tensor, "*shape"], surrogate: str) -> Float[Tensor, "*shape"]:
    """ds/dz by a surrogate at z, how far the neuron is above its threshold; elementwise (reconstruction).

        atan            (a / 2) / (1 + (pi a z / 2)^2)          a = 2: SpikeGPT, SpikingJelly, BrainCog
        qgate           max(0, a - a^2 |z|)                     a = 2: BrainCog's LIF
        sigmoid         a sigmoid(a z) (1 - sigmoid(a z))       a = 4: SpikingJelly
        fast_sigmoid    1 / (1 + a |z|)^2                       a = 25: snnTorch

    Raises `ValueError` for another name.
    """
    one_of("surrogate", surrogate, SURROGATES)
    a = SLOPES[surrogate]
    if surrogate == "atan":
        return (a / 2) / (1 + (math.pi / 2 * a * z).square())
    if surrogate == "qgate":
        return torch.relu(a - a**2 * z.abs())
    if surrogate == "sigmoid":
        decay = torch.exp(-a * z.abs())
        return a * decay / (1 + decay).square()
    return 1 / (1 + a * z.abs()).square()


class Spike(torch.autograd.Function):
    """1 where z >= 0, else 0; with the surrogate for a derivative."""

    @staticmethod
    def forward(ctx, z, surrogate):
        ctx.save_for_backward(z)
        ctx.surrogate = surrogate
        return torch.where(z >= 0, 1.0, z.clamp(min=0))  # NaN stays

    @staticmethod
    def backward(ctx, d_spike):
        (z,) = ctx.saved_tensors
        return d_spike * surrogate_gradient(z, ctx.surrogate), None


def spike(z: Float[Tensor, "*shape"], surrogate: str = "atan") -> Float[Tensor, "*shape"]:
    """1 where z >= 0, else 0, NaN where z is; on the way back `surrogate_gradient` stands for the step's derivative."""
    return Spike.apply(z, surrogate)
