"""Neuron, memory and scans as loops, one token after another: in float64 the ground truth of the kernels' tests.

    I_t = sigma(x_t)        s_t = g(u_t + o_t)        o_t = H_t q_t        k_t, v_t -> H_t

are the relations printed in the authors' overview figure; everything beyond them is a reconstruction. Each function
is its equations and autograd; the step function's derivative is a surrogate's.
"""

from typing import Any

import torch
from torch import Tensor

from brainlib.astrosnn.kernels.surrogates import spike


def lif(
    current, astro=None, *, beta=0.5, threshold=1.0, reset="hard", surrogate="atan", detach_reset=True, state=None
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes s, membrane u before the reset, both [time, ...], and the membrane m after the last step.

    u_t = beta m_{t-1} + I_t ;  s_t = step(u_t + o_t - theta) ;  m_t = u_t (1 - s_t) | u_t - theta s_t | u_t
    """
    m = torch.zeros_like(current[0]) if state is None else state
    spikes, membranes = [], []
    for t in range(len(current)):
        u = beta * m + current[t]
        o = 0 if astro is None else astro[t]
        s = spike(u + o - threshold, surrogate)
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
    gamma, answers = log_decay.exp().expand(B, T, h)[..., None, None], []
    H = query.new_zeros(B, h, key.shape[-1], value.shape[-1]) if state is None else state
    for t in range(T):
        q, k, v = query[:, t], key[:, t], value[:, t]
        H = gamma[:, t] * H
        if write is not None:
            v = write[:, t, :, None] * (v - torch.einsum("bhk,bhkv->bhv", k, H))
        H = H + k[..., :, None] * v[..., None, :]
        answers.append(torch.einsum("bhk,bhkv->bhv", q, H))
    return torch.stack(answers, 1), H


def scan(
    model: str, first: Tensor, second: Tensor | None, rates: Tensor, state: Any, *options
) -> tuple[Tensor, Tensor]:
    """The output [O, T, N] and the last state [K, O, N], in the dtype they come in; arguments as in kernels/scan.py."""
    step, outputs = average if model == "wkv" else neuron, []
    for t, x in enumerate(first.unbind(1)):
        output, _, state = step(x, 0 if second is None else second[:, t], rates, state, *options)
        outputs.append(output)
    return torch.stack(outputs, 1), torch.stack(state)


def neuron(x, o, rates, state, reset="hard", surrogate="atan", detach_reset=True):
    """A step: the spike, the membrane before it, and the state after it. Rates beta, theta and state m; or with a slow
    variable c, which stands for o, beta, theta, w, lambda and m, c."""
    (beta, theta, *slow), (m, *c) = rates, state
    if slow:
        o = slow[0] * c[0]
    u = beta * m + x
    s = spike(u + o - theta, surrogate)
    fired = (s.detach() if detach_reset else s).nan_to_num()  # a NaN from the astrocyte alone resets nothing
    m = {"hard": u * (1 - fired), "soft": u - theta * fired, "none": u}[reset]
    return s, u, [m, *(slow[1] * c[0] + (1 - slow[1]) * s for _ in c)]


def average(key, value, rates, state, *_):
    """A step of RWKV's running average (kernels/wkv.py)."""
    (decay, bonus), (mean, weight) = rates, state
    faded = weight - decay
    y = mean + torch.sigmoid(bonus + key - weight) * (value - mean)
    mean = mean + torch.sigmoid(key - faded) * (value - mean)
    return y, y, [mean, torch.logaddexp(key, faded)]
