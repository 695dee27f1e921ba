"""Attention with linear biases (ALiBi, arXiv 2108.12409): a head hears a token less the further back it lies."""

import torch
from jaxtyping import Float
from torch import Tensor


def alibi_slopes(heads: int) -> Float[Tensor, "heads"]:
    """How much a head's scores fall a token of distance: 2^(-8/n), 2^(-16/n), ..., 2^-8 for n heads (section 3)."""
    return 2.0 ** (torch.arange(1, heads + 1) * -8 / heads)


def alibi_bias(
    slopes: Float[Tensor, "heads"], time: int, past: int, memory: int
) -> Float[Tensor, "heads time past_and_time"]:
    """What is added to the scores of `time` tokens that follow `past` remembered ones, in the dtype of `slopes`.

    A token hears itself and the `memory` tokens before it, each by minus its slope times its distance; for all others
    the bias is minus infinity.
    """
    distance = torch.arange(past, past + time, device=slopes.device)[:, None]
    distance = distance - torch.arange(past + time, device=slopes.device)
    unheard = (distance < 0) | (distance > memory)
    return (-slopes[:, None, None] * distance).masked_fill_(unheard, -torch.inf)
