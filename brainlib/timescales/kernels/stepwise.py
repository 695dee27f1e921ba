"""The recurrence in torch operations, on any device."""

import torch
from torch import Tensor

from brainlib.timescales.kernels.folding import fold, unfold

SLOPE = 0.01
aten = torch.ops.aten
ACTIVATIONS = {  # in place; and the gradient before it from the one after it and what it gave
    "leaky_relu": (
        lambda u: aten.leaky_relu_(u, SLOPE),
        lambda d_y, y: aten.leaky_relu_backward(d_y, y, SLOPE, True),
    ),
    "relu": (torch.relu_, lambda d_y, y: aten.threshold_backward(d_y, y, 0)),
    "tanh": (torch.tanh_, aten.tanh_backward),
    "sigmoid": (torch.sigmoid_, aten.sigmoid_backward),
}


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
