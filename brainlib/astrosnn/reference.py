"""Neuron and memory as loops, one token after another: the ground truth of the part's tests.

    I_t = sigma(x_t)        s_t = g(u_t + o_t)        o_t = H_t q_t        k_t, v_t -> H_t

are the relations printed in the authors' overview figure; everything beyond them is a reconstruction. Each function
is its equations and autograd; the step function's derivative is a surrogate's.
"""

import math

import torch
from torch import Tensor

SURROGATES = {  # d step(z) / dz, and the usual slope
    "atan": (lambda z, a: a / 2 / (1 + (math.pi / 2 * a * z) ** 2), 2.0),
    "qgate": (lambda z, a: (a - a**2 * z.abs()).clamp(min=0), 2.0),
    "sigmoid": (lambda z, a: a * torch.sigmoid(a * z) * torch.sigmoid(-a * z), 4.0),
    "fast_sigmoid": (lambda z, a: 1 / (1 + a * z.abs()) ** 2, 25.0),
}


def spike(z: Tensor, surrogate: str = "atan", slope: float | None = None) -> Tensor:
    """1 where z >= 0, else 0; on the way back the surrogate's derivative."""
    derivative, usual = SURROGATES[surrogate]
    return (z >= 0).to(z.dtype) + derivative(z, slope or usual).detach() * (z - z.detach())


def lif(
    current, astro=None, *, beta=0.5, threshold=1.0, reset="hard", surrogate="atan", slope=None, detach_reset=True,
    state=None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Spikes s, membrane u before the reset, both [time, ...], and the membrane m after the last step.

    u_t = beta m_{t-1} + I_t ;  s_t = step(u_t + o_t - theta) ;  m_t = u_t (1 - s_t) | u_t - theta s_t | u_t
    """
    m = torch.zeros_like(current[0]) if state is None else state
    spikes, membranes = [], []
    for t in range(len(current)):
        u = beta * m + current[t]
        o = 0 if astro is None else astro[t]
        s = spike(u + o - threshold, surrogate, slope)
        fired = s.detach() if detach_reset else s
        m = {"hard": u * (1 - fired), "soft": u - threshold * fired, "none": u}[reset]
        spikes.append(s)
        membranes.append(u)
    return torch.stack(spikes), torch.stack(membranes), m


def memory(query, key, value, log_decay, write=None, state=None) -> tuple[Tensor, Tensor]:
    """o [B, T, h, d_value] and H_T [B, h, d_key, d_value], of q, k [B, T, h, d_key] and v [B, T, h, d_value].

    H' = gamma H_{t-1} ;  H_t = H' + k v^T  or, with eta = write,  H' + eta k (v - k H')^T ;  o_t = q H_t
    """
    B, T, h, _ = query.shape
    gamma, heads = log_decay.exp().expand(B, T, h), []
    for b in range(B):
        for n in range(h):
            H = query.new_zeros(key.shape[-1], value.shape[-1]) if state is None else state[b, n]
            answers = []
            for t in range(T):
                q, k, v = query[b, t, n], key[b, t, n], value[b, t, n]
                H = gamma[b, t, n] * H
                if write is not None:
                    v = write[b, t, n] * (v - k @ H)
                H = H + torch.outer(k, v)
                answers.append(q @ H)
            heads.append((torch.stack(answers), H))
    outputs = torch.stack([o for o, _ in heads]).unflatten(0, (B, h)).transpose(1, 2)
    return outputs, torch.stack([H for _, H in heads]).unflatten(0, (B, h))
