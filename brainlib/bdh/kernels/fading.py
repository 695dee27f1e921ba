"""How much of what was learned is left after a time, and the scale that keeps scores small."""

from typing import NamedTuple

import torch
from torch import Tensor


class Fading(NamedTuple):
    """exp(-decay * tokens) of every head between two tokens, and to either end of the text; ones if nothing fades."""

    between: Tensor | None  # [H, T, T]: from token s (column) to token t (row); zero unless s < t
    before: Tensor  # [H, T, 1]: from before the text to token t
    left: Tensor  # [H, T, 1]: from token s to after the text
    whole: Tensor  # [H]


def fading(decay: Tensor | None, heads: int, length: int, like: Tensor) -> Fading:
    if decay is None:
        ones = like.new_ones(heads, 1, 1)
        return Fading(None, ones, ones, like.new_ones(heads))
    rate, t = decay.to(like.dtype)[:, None], torch.arange(length, device=like.device, dtype=like.dtype)
    between = (rate[..., None] * (t - t[:, None])).exp().tril(-1)
    return Fading(
        between, (-rate * t).exp()[..., None], (rate * (t - length)).exp()[..., None], (-rate * length).exp()[:, 0]
    )


def key_scale(head_neurons: int) -> float:
    """The power of two, about 1 / sqrt(head_neurons), that queries and keys are multiplied by.

    It is exact, it keeps scores within float16 and bfloat16, and the layer norm after it takes it out again if its eps
    is multiplied by the fourth power.
    """
    return 2.0 ** -(head_neurons.bit_length() // 2)
