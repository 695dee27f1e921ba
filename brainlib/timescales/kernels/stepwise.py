"""The recurrence in torch operations, on any device; and the leak folded into the matrix, which all share."""

from typing import NamedTuple

import torch
from torch import Tensor

SLOPE = 0.01
aten = torch.ops.aten
ACTIVATIONS = {  # in place; and the gradient before it from the one after it and what it gave
    "leaky_relu": (
        lambda u: aten.leaky_relu_(u, SLOPE),
        lambda d_y, y: aten.leaky_relu_backward(d_y, y, SLOPE, True),
    ),
    "relu": (torch.relu_, lambda d_y, y: aten.threshold_backward(d_y, y, 0)),
    "tanh": (torch.tanh_, aten.tanh_backward),
}


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
    """Gradients of weight, input_weight, bias and leak (README.md).

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


def forward(bits, h0, weight, input_weight, bias, leak, inside, activation) -> Tensor:
    folded, phi_ = fold(weight, input_weight, bias, leak, inside), ACTIVATIONS[activation][0]
    states = folded.bias + bits[..., None] * folded.input_weight  # [T, B, n]
    h = h0
    for state in states:
        phi_(state.addmm_(h, folded.matrix.T))
        if not inside:
            kept = folded.keep * h
            state.mul_(folded.gain).add_(kept)
        h = state
    return states


def backward(
    d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    folded, before_phi = fold(weight, input_weight, bias, leak, inside), ACTIVATIONS[activation][1]
    d_h = torch.zeros_like(h0) if d_last is None else d_last
    deltas = torch.empty_like(states)
    d_leak = torch.zeros_like(leak)
    for t in reversed(range(len(states))):
        if d_states is not None:
            d_h = d_h + d_states[t]
        if inside:
            deltas[t] = before_phi(d_h, states[t])
            d_h = deltas[t] @ folded.matrix
        else:
            h, previous = states[t], states[t - 1] if t else h0
            kept = folded.keep * previous
            deltas[t] = before_phi(folded.gain * d_h, (h - kept) / folded.gain)
            d_leak += (d_h * (h - previous) / leak).sum(0)
            d_h = torch.addmm(folded.keep * d_h, deltas[t], folded.matrix)
    return d_h, *unfold(deltas, d_leak, bits, h0, states, weight, input_weight, bias, leak, inside)
