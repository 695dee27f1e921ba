"""The neuron's equations, one step after another: in float64 the ground truth of the kernels' tests."""

import torch
from torch import Tensor

from brainlib.astrosnn.kernels.lif.surrogates import spike


def scan(
    current, astro, beta, state, threshold, reset, surrogate, slope, detach_reset
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes and membranes before the spike [O, T, N], and the last membrane [O, N], in the dtype they come in."""
    spikes, membranes, m = [], [], state
    for t, I_t in enumerate(current.unbind(1)):
        u = beta * m + I_t
        o = 0 if astro is None else astro[:, t]
        s = spike(u + o - threshold, surrogate, slope)
        fired = (s.detach() if detach_reset else s).nan_to_num()  # a NaN from the astrocyte alone resets nothing
        m = {"hard": u * (1 - fired), "soft": u - threshold * fired, "none": u}[reset]
        spikes.append(s)
        membranes.append(u)
    return torch.stack(spikes, 1), torch.stack(membranes, 1), m
