"""The scan on a GPU, in Triton: `STEPS`, `forward` and `backward` as in `compiled`.

As in the scan of plain neurons (`kernels/lif/triton.py`) a thread has one channel of one sequence, goes through its
tokens with m and c in registers, and loads the currents of a segment while it computes the one before.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from brainlib.astrosnn.kernels.lif.surrogates import resolve_slope
from brainlib.astrosnn.kernels.lif.triton import SEGMENT, after_spike, bump, check, launch, load_steps, step

STEPS = SEGMENT  # tokens that are computed again at once


def forward(current, weight, decay, membrane, slow, outputs, beta, threshold, reset, injection) -> None:
    check(current)
    options = {"BETA": beta, "THRESHOLD": threshold, "RESET": reset, "INJECTION": injection}
    launch(scan_forward, current, (current, weight, decay, membrane, slow, *outputs), **options)


def backward(
    d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, kept_slow,
    beta, threshold, reset, injection, surrogate,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    check(current)
    B, _, D = current.shape
    d_current = torch.empty_like(current)
    d_weights, d_decays, d_first_membrane, d_first_slow = (current.new_empty(B, D) for _ in range(4))
    tensors = (
        d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, kept_slow,
        d_current, d_weights, d_decays, d_first_membrane, d_first_slow,
    )  # fmt: skip
    launch(
        scan_backward, current, tensors, BETA=beta, THRESHOLD=threshold, RESET=reset, INJECTION=injection,
        SURROGATE=surrogate, SLOPE=resolve_slope(surrogate, None),
    )  # fmt: skip
    return d_current, d_weights.sum(0), d_decays.sum(0), d_first_membrane, d_first_slow


@triton.jit(do_not_specialize=["T", "columns"])
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def scan_forward(
    current, weight, decay, membrane, slow, spikes, last_membrane, last_slow, kept_membrane, kept_slow,
    T, columns, N: tl.constexpr, BETA: tl.constexpr, THRESHOLD: tl.constexpr, RESET: tl.constexpr,
    INJECTION: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, d = (column // N).to(tl.int64), column % N
    at = sequence * T * N + d
    kept = sequence * tl.cdiv(T, STEPS) * N + d
    w = tl.load(weight + d, mask=inside, other=0.0)
    kept_share = tl.load(decay + d, mask=inside, other=0.0)
    m = tl.load(membrane + column, mask=inside, other=0.0)
    c = tl.load(slow + column, mask=inside, other=0.0)
    next_x = load_steps(current, at, T, inside, m, N, STEPS)
    for first in range(0, T, STEPS):
        left, x, here = T - first, next_x, at
        at += STEPS * N
        next_x = load_steps(current, at, left - STEPS, inside, m, N, STEPS)
        tl.store(kept_membrane + kept, m, mask=inside)
        tl.store(kept_slow + kept, c, mask=inside)
        kept += N
        for k in tl.static_range(STEPS):
            u, z = charge(x[k], m, w * c, BETA, THRESHOLD, INJECTION)
            s = step(z).to(m.dtype)
            tl.store(spikes + here + k * N, s, mask=inside & (k < left))
            m = tl.where(k < left, after_spike(u, z >= 0, THRESHOLD, RESET), m)
            c = tl.where(k < left, kept_share * c + (1 - kept_share) * s, c)
    tl.store(last_membrane + column, m, mask=inside)
    tl.store(last_slow + column, c, mask=inside)


@triton.jit(do_not_specialize=["T", "columns"])
@no_type_check
def scan_backward(
    d_spikes, d_membrane, d_slow, current, weight, decay, kept_membrane, kept_slow,
    d_current, d_weights, d_decays, d_first_membrane, d_first_slow,
    T, columns, N: tl.constexpr, BETA: tl.constexpr, THRESHOLD: tl.constexpr, RESET: tl.constexpr,
    INJECTION: tl.constexpr, SURROGATE: tl.constexpr, SLOPE: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients [B, T, N] at the current, and [B, N] at weight and decay, sequence by sequence, and the first state."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, d = (column // N).to(tl.int64), column % N
    segments = tl.cdiv(T, STEPS)
    first = (segments - 1) * STEPS
    at = (sequence * T + first) * N + d
    kept = (sequence * segments + segments - 1) * N + d
    w = tl.load(weight + d, mask=inside, other=0.0)
    kept_share = tl.load(decay + d, mask=inside, other=0.0)
    a, b, d_w, d_share = tl.zeros_like(w), tl.zeros_like(w), tl.zeros_like(w), tl.zeros_like(w)
    if d_membrane is not None:
        a = tl.load(d_membrane + column, mask=inside, other=0.0)
    if d_slow is not None:
        b = tl.load(d_slow + column, mask=inside, other=0.0)
    left = T - first
    next_x = load_steps(current, at, left, inside, w, N, STEPS)
    next_d = load_steps(d_spikes, at, left, inside, w, N, STEPS)
    for segment in range(segments - 1, -1, -1):
        m = tl.load(kept_membrane + kept, mask=inside, other=0.0)
        c = tl.load(kept_slow + kept, mask=inside, other=0.0)
        x, d_s, here = next_x, next_d, at
        kept -= N
        at -= STEPS * N
        before = tl.where(segment > 0, STEPS, 0)
        next_x = load_steps(current, at, before, inside, w, N, STEPS)
        next_d = load_steps(d_spikes, at, before, inside, w, N, STEPS)
        cs, zs = (), ()
        for k in tl.static_range(STEPS):
            u, z = charge(x[k], m, w * c, BETA, THRESHOLD, INJECTION)
            cs += (c,)
            zs += (z,)
            m = after_spike(u, z >= 0, THRESHOLD, RESET)
            c = kept_share * c + (1 - kept_share) * step(z).to(c.dtype)
        for k in tl.static_range(STEPS - 1, -1, -1):
            there, fired = k < left, zs[k] >= 0
            s = tl.where(fired, 1.0, 0.0).to(w.dtype)
            d_z = (d_s[k] + (1 - kept_share) * b) * bump(zs[k], SURROGATE, SLOPE)
            d_u = d_z + (tl.where(fired, 0.0, a) if RESET == "hard" else a)
            d_o = d_u if INJECTION == "membrane" else d_z
            tl.store(d_current + here + k * N, d_u, mask=inside & there)
            d_w += tl.where(there, d_o * cs[k], 0.0)
            d_share += tl.where(there, b * (cs[k] - s), 0.0)
            a = tl.where(there, BETA * d_u, a)
            b = tl.where(there, kept_share * b + w * d_o, b)
        left = STEPS
    tl.store(d_weights + column, d_w, mask=inside)
    tl.store(d_decays + column, d_share, mask=inside)
    tl.store(d_first_membrane + column, a, mask=inside)
    tl.store(d_first_slow + column, b, mask=inside)


@triton.jit
@no_type_check
def charge(x, m, o, BETA: tl.constexpr, THRESHOLD: tl.constexpr, INJECTION: tl.constexpr):
    """u and z of a token."""
    if INJECTION == "membrane":
        u = BETA * m + (x + o)
        return u, u - THRESHOLD
    u = BETA * m + x
    return u, u + o - THRESHOLD
