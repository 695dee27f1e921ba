"""The network's equations, one step after another: what runs where there is no kernel, and the truth of their tests."""

import torch
from torch import Tensor
from torch.nn import functional

ACTIVATIONS = {
    "leaky_relu": functional.leaky_relu,  # slope 0.01
    "relu": torch.relu,
    "tanh": torch.tanh,
}


def recurrence(bits, h0, weight, input_weight, bias, leak, inside, activation):
    """`recurrence` of recurrence.py; its gradients are autograd's."""
    states = torch.stack(steps(bits, h0, weight, input_weight, bias, leak, inside, ACTIVATIONS[activation]))
    return states, states[-1]


def steps(x, h, W, w, b, a, inside, phi) -> list[Tensor]:
    """h_1 to h_T: x [T, B], h [B, n], W [n, n], w, b, a [n]."""
    states = []
    for x_t in x:
        current = h @ W.T + b + w * x_t[:, None]
        h = phi((1 - a) * h + a * current) if inside else (1 - a) * h + a * phi(current)
        states.append(h)
    return states
