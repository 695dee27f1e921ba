"""The leak folded into the matrix, and the gradients of the parameters from those of what was folded (README.md)."""

from typing import NamedTuple

import torch
from torch import Tensor


class Folded(NamedTuple):
    """h_t = keep h_{t-1} + gain phi(matrix h_{t-1} + bias + input_weight x_t)."""

    matrix: Tensor  # [n, n]
    input_weight: Tensor  # this and all below [n]
    bias: Tensor
    keep: Tensor
    gain: Tensor


def fold(weight: Tensor, input_weight: Tensor, bias: Tensor, leak: Tensor, inside: bool) -> Folded:
    if not inside:
        return Folded(weight, input_weight, bias, 1 - leak, leak)
    matrix = weight * leak[:, None]
    matrix.diagonal().add_(1 - leak)
    return Folded(matrix, leak * input_weight, leak * bias, torch.zeros_like(leak), torch.ones_like(leak))


def unfold(
    deltas, d_leak, bits, h0, states, weight, input_weight, bias, leak, inside
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of weight, input_weight, bias and leak.

    `deltas` [T, B, n] are the gradients of what phi is applied to. `d_leak` is the leak's gradient outside: the sum
    over t of g_t (h_t - h_{t-1}) / a; inside it falls out of the others and what is given is not read.
    """
    d_matrix = deltas[0].T @ h0
    d_matrix.addmm_(deltas[1:].flatten(0, 1).T, states[:-1].flatten(0, 1))
    deltas = deltas.flatten(0, 1)  # [T B, n]
    d_input_weight, d_bias = bits.flatten() @ deltas, deltas.sum(0)
    if not inside:
        return d_matrix, d_input_weight, d_bias, d_leak
    d_leak = (d_matrix * weight).sum(1) - d_matrix.diagonal() + input_weight * d_input_weight + bias * d_bias
    return d_matrix.mul_(leak[:, None]), leak * d_input_weight, leak * d_bias, d_leak
