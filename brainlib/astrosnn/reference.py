"""The whole unit as loops in float64, one token after another: the ground truth of the part's tests.

    I_t = sigma(x_t)        s_t = g(u_t + o_t)        o_t = H_t q_t        k_t, v_t -> H_t

are the relations printed in the authors' overview figure; everything beyond them is a reconstruction. Each function
is its equations and autograd; the step function's derivative is a surrogate's. Used by no chapter.
"""

import math
from collections.abc import Mapping

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


def unit(
    x: Tensor, weights: Mapping[str, Tensor], *, heads=4, astrocyte="matrix", injection="threshold", reset="hard",
    input="identity", normalised=True, features="unit", tau=2.0, threshold=1.0, surrogate="atan", membrane=None,
    remembered=None,
) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
    """y [B, T, D], the last membrane and what the astrocyte remembers, of x [B, T, D]; weights named as `AMSU`'s.

    I_t = sigma(W x_t + b) ;  o_t = gain RMSNorm(q_t H_t) ;  y_t = W_o s_t.  calcium: o_t = w c_{t-1} of its own spikes.
    """
    W = weights
    current = x @ W["input.weight"].T + W["input.bias"]
    current = torch.sigmoid(current) if input == "sigmoid" else current
    options = {"beta": 1 - 1 / tau, "threshold": threshold, "reset": reset, "surrogate": surrogate}
    if astrocyte == "calcium":
        spikes, membrane, remembered = calcium_lif(
            current,
            W["astrocyte.weight"],
            torch.sigmoid(W["astrocyte.decay"]),
            injection,
            membrane,
            remembered,
            options,
        )
        return spikes @ W["output.weight"].T, membrane, remembered
    o = None
    if astrocyte != "none":
        phi = {"unit": lambda a: a / (a.square().sum(-1, keepdim=True) + 1e-6).sqrt(),
               "elu": lambda a: torch.where(a > 0, a + 1, a.exp())}[features]  # fmt: skip
        q, k, v = (
            (x @ W[f"astrocyte.{name}.weight"].T).unflatten(-1, (heads, -1)) for name in ("query", "key", "value")
        )
        logit = W["astrocyte.decay"] + (x @ W["astrocyte.gate"].T if astrocyte == "gated" else 0)
        eta = None
        if astrocyte == "delta":
            eta = torch.sigmoid(x @ W["astrocyte.write.weight"].T + W["astrocyte.write.bias"])
        o, remembered = memory(phi(q), phi(k), v, torch.sigmoid(logit).log(), eta, remembered)
        o = o / (o.square().mean(-1, keepdim=True) + 1e-6).sqrt() if normalised else o
        o = (W["astrocyte.gain"] * o.flatten(-2)).transpose(0, 1)
    current = current.transpose(0, 1)
    if injection == "membrane" and o is not None:
        current, o = current + o, None
    spikes, _, membrane = lif(current, o, state=membrane, **options)
    return spikes.transpose(0, 1) @ W["output.weight"].T, membrane, remembered


def calcium_lif(current, weight, decay, injection, m, c, options) -> tuple[Tensor, Tensor, Tensor]:
    """A neuron that hears the calcium its own earlier spikes left: c_t = lambda c_{t-1} + (1 - lambda) s_t."""
    m, c = (torch.zeros_like(current[:, 0]) if state is None else state for state in (m, c))
    spikes = []
    for current_t in current.unbind(1):
        o = (weight * c)[None]
        heard = (current_t + o, None) if injection == "membrane" else (current_t[None], o)
        s, _, m = lif(*heard, state=m, **options)
        c = decay * c + (1 - decay) * s[0]
        spikes.append(s[0])
    return torch.stack(spikes, 1), m, c
