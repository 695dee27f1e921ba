"""The equations, one token after another; their gradients are autograd's, with the surrogate's for the step."""

import torch
from torch import Tensor

from brainlib.astrosnn.kernels.lif import spike


def slow_scan(
    current: Tensor,
    weight: Tensor,
    decay: Tensor,
    membrane: Tensor,
    slow: Tensor,
    beta: float,
    threshold: float,
    reset: str,
    injection: str,
    surrogate: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """The spikes [B, T, D], m_T and c_{T+1} [B, D]: current [B, T, D], weight and decay [D]."""
    spikes, m, c = [], membrane, slow
    for current_t in current.unbind(1):
        o = weight * c
        if injection == "membrane":
            u = beta * m + (current_t + o)
            z = u - threshold
        else:
            u = beta * m + current_t
            z = u + o - threshold
        s = spike(z, surrogate)
        fired = s.detach()
        m = {"hard": u * (1 - fired), "soft": u - threshold * fired, "none": u}[reset]
        c = decay * c + (1 - decay) * s
        spikes.append(s)
    return torch.stack(spikes, 1), m, c
