"""The scans' equations, one step after another: in float64 the ground truth of the kernels' tests."""

import torch
from torch import Tensor

from brainlib.astrosnn.kernels.surrogates import spike


def scan(
    model: str, first: Tensor, second: Tensor | None, rates: Tensor, state: Tensor, *options
) -> tuple[Tensor, Tensor, Tensor]:
    """The output [O, T, N], the membranes before the spike (of wkv the output) and the last state [K, O, N], in the
    dtype they come in; arguments as in scan.py."""
    step = average if model == "wkv" else neurons
    outputs, membranes = [], []
    for t, x in enumerate(first.unbind(1)):
        output, membrane, state = step(x, 0 if second is None else second[:, t], rates, state, *options)
        outputs.append(output)
        membranes.append(membrane)
    return torch.stack(outputs, 1), torch.stack(membranes, 1), state


def neurons(x, o, rates, state, reset, surrogate, slope, detach_reset, inside):
    """Plain ones, or with a slow variable, where there are two states."""
    (beta, theta, *slow), (m, *c) = rates, state
    if slow:
        o = slow[0] * c[0]
    u = beta * m + (x + o if inside else x)
    s = spike((u if inside else u + o) - theta, surrogate, slope)
    fired = (s.detach() if detach_reset else s).nan_to_num()  # a NaN from the astrocyte alone resets nothing
    m = {"hard": u * (1 - fired), "soft": u - theta * fired, "none": u}[reset]
    return s, u, torch.stack([m, *(slow[1] * c[0] + (1 - slow[1]) * s for _ in c)])


def average(key, value, rates, state, *_):
    (decay, bonus), (mean, weight) = rates, state
    faded = weight - decay
    y = mean + torch.sigmoid(bonus + key - weight) * (value - mean)
    mean = mean + torch.sigmoid(key - faded) * (value - mean)
    return y, y, torch.stack([mean, torch.logaddexp(key, faded)])
