"""Rotary positions (RoPE) whose phases stay exact however long the stream.

A frequency is kept as a 64-bit integer, in units of 2^-64 turns a token. Position times frequency then wraps around
at whole turns by itself, so the phase at token 10^9 is as exact as at token 1, and no cast of the model's floats can
touch it.
"""

import math

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

TURN = 2.0**64  # integer units in one full turn
BASE = 2.0**16  # the paper's theta: periods from 2 pi to about 4e5 tokens


def rope_frequencies(neurons: int) -> Int[Tensor, "pairs"]:
    """Of one head's neuron pairs (2i, 2i+1): BASE^(-2i/neurons) / 2 pi turns a token, in units of 2^-64 turns."""
    exponents = torch.arange(0, neurons, 2, dtype=torch.float64) / neurons
    return from_turns(BASE**-exponents / (2 * math.pi))


def from_turns(turns: Float[Tensor, "pairs"]) -> Int[Tensor, "pairs"]:
    """Turns a token as integers; float32 values above 2^-40 turns are kept exactly."""
    return (turns.double() * TURN).round().to(torch.int64)


def to_turns(frequencies: Int[Tensor, "pairs"]) -> Float[Tensor, "pairs"]:
    """The inverse of `from_turns`, in float64."""
    return frequencies.double() / TURN


def rotation(
    frequencies: Int[Tensor, "pairs"], start: int, length: int, dtype: torch.dtype
) -> Complex[Tensor, "length pairs"]:
    """exp(i phase) of every pair at positions start .. start+length-1; `dtype` is the real dtype of either part."""
    positions = torch.arange(start, start + length, device=frequencies.device)
    phases = (positions[:, None] * frequencies).double() * (2 * math.pi / TURN)  # the product wraps at whole turns
    return torch.complex(phases.cos().to(dtype), phases.sin().to(dtype))


def rotate(
    x: Float[Tensor, "*batch length neurons"], by: Complex[Tensor, "length pairs"]
) -> Float[Tensor, "*batch length neurons"]:
    """Turns every pair (x[2i], x[2i+1]) by its phase."""
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * by).flatten(-2)
