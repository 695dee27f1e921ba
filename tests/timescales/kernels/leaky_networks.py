"""Small networks, and what a loss sends back to everything in them."""

import torch
from agreement import shares
from torch import Tensor

NAMES = "states", "last", "d_h0", "d_weight", "d_input_weight", "d_bias", "d_leak"
ACTIVATIONS = "leaky_relu", "relu", "tanh"


def network(T: int, B: int, n: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
    """bits, h0, weight (with a diagonal), input weights, biases and leaks from 0.1 to 1, the first exactly 1."""
    g = torch.Generator().manual_seed(seed)
    bits = (torch.rand(T, B, generator=g) < 0.5).double()
    h0, weight, input_weight, bias = (
        scale * torch.randn(shape, generator=g, dtype=torch.float64)
        for scale, shape in ((0.5, (B, n)), (n**-0.5, (n, n)), (1.0, (n,)), (0.3, (n,)))
    )
    leak = 0.1 + 0.9 * torch.rand(n, generator=g, dtype=torch.float64)
    leak[0] = 1
    return [tensor.to(dtype) for tensor in (bits, h0, weight, input_weight, bias, leak)]


def everything(recurrence, inputs: list[Tensor], from_states: bool = True, from_last: bool = True, **options) -> dict:
    """Values, and the gradients of a loss that reads all states, the last, or both, each unit in its own way."""
    bits, *leaves = (tensor.detach().clone() for tensor in inputs)
    for leaf in leaves:
        leaf.requires_grad_()
    states, last = recurrence(bits, *leaves, **options)
    read = [(states * shares(states, -1, 2)).sum()] if from_states else []
    read += [(last * shares(last, 2, -1)).sin().sum()] if from_last else []
    return dict(zip(NAMES, (states.detach(), last.detach(), *torch.autograd.grad(sum(read), leaves)), strict=True))
