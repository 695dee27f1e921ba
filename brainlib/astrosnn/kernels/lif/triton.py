"""The scan on a GPU, in Triton: `SEGMENT`, `forward` and `backward` as in the package's docstring.

A thread has one column and goes through its steps with the membrane in a register. Sequences of a language model give a
GPU few columns, so what limits a thread is not the memory's rate but its latency; but no load waits for a membrane.
Hence a segment's currents are loaded while the segment before is computed, all at once. The way back goes from the last
segment to the first, computes a segment's membranes again from the one kept before it, keeps them in registers, and
needs no other memory. The compiler knows N: a segment's steps then lie at constant distances from one address, where
addresses would else take most registers.

In bfloat16 a step of a column moves 16.5 bytes for training: current and astrocyte in, spike out; again current,
astrocyte and the spike's gradient in, two gradients out; and a float32 of every segment, out and in.
"""

from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton import knobs

SEGMENT = 16


class Cut(NamedTuple):
    """How columns are dealt to programs."""

    columns: int
    warps: int


def plan(columns: int) -> Cut:
    """A warp a program, so that a few thousand columns already reach every multiprocessor."""
    return Cut(32, 1) if columns < 1 << 18 else Cut(128, 4)


def forward(current, astro, beta, state, threshold, reset):
    check(current)
    outer, T, N = current.shape
    spikes, last = torch.empty_like(current), torch.empty_like(state)
    kept = current.new_empty(outer, triton.cdiv(T, SEGMENT), N, dtype=inner_type(current))
    launch(
        scan_forward, current, (current, astro, beta, state, spikes, last, kept), THRESHOLD=threshold, RESET=reset
    )  # fmt: skip
    return spikes, last, kept


def backward(
    d_spikes, d_last, current, astro, beta, kept, threshold, reset, surrogate, slope, detach_reset, learn_beta
):  # fmt: skip
    check(current)
    outer, _, N = current.shape
    d_current, d_astro = torch.empty_like(current), None if astro is None else torch.empty_like(current)
    d_state = torch.empty(outer, N, dtype=beta.dtype, device=beta.device)
    d_betas = torch.empty_like(kept[:, 0]) if learn_beta else None  # of each sequence by itself
    launch(
        scan_backward, current, (d_spikes, d_last, current, astro, beta, kept, d_current, d_astro, d_betas, d_state),
        THRESHOLD=threshold, RESET=reset, SURROGATE=surrogate, SLOPE=slope, DETACHED=detach_reset,
    )  # fmt: skip
    empty = current.new_empty(0)
    d_beta = d_betas.sum(0).to(beta.dtype) if learn_beta else beta.new_empty(0)
    return d_current, empty if d_astro is None else d_astro, d_beta, d_state


def launch(kernel, current: Tensor, tensors: tuple, **constants) -> None:
    outer, T, N = current.shape
    cut = plan(outer * N)
    with torch.cuda.device_of(current):
        kernel[triton.cdiv(outer * N, cut.columns),](
            *tensors, T, outer * N, N, **constants, STEPS=SEGMENT, BLOCK=cut.columns, num_warps=cut.warps
        )  # fmt: skip


def check(current: Tensor) -> None:
    """Raises `ValueError` for a tensor that these kernels cannot reach."""
    if not current.is_cuda and not knobs.runtime.interpret:
        expected = "a GPU (or Triton's interpreter: TRITON_INTERPRET=1)"
        raise ValueError(f"current: got a tensor on {current.device}, expected {expected}")


def inner_type(current: Tensor) -> torch.dtype:
    """Of membranes: a spike must come out the same on the way back, so they are not rounded to half precision."""
    return torch.float64 if current.dtype == torch.float64 else torch.float32


@triton.jit(do_not_specialize=["T", "columns"])
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def scan_forward(
    current, astro, beta, state, spikes, last, kept, T, columns, N: tl.constexpr,
    THRESHOLD: tl.constexpr, RESET: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A column's spikes [O, T, N], last membrane [O, N], and the membranes before each segment, `kept`."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, n = (column // N).to(tl.int64), column % N
    at = sequence * T * N + n
    kept += sequence * tl.cdiv(T, STEPS) * N + n
    spikes += at
    leak = tl.load(beta + n, mask=inside, other=0.0).to(kept.dtype.element_ty)
    m = tl.load(state + column, mask=inside, other=0.0).to(leak.dtype)
    next_x = load_steps(current, at, T, inside, leak, N, STEPS)
    next_o = load_steps(astro, at, T, inside, leak, N, STEPS)
    for first in range(0, T, STEPS):
        left = T - first
        at += STEPS * N
        x, o = next_x, next_o
        next_x = load_steps(current, at, left - STEPS, inside, leak, N, STEPS)
        next_o = load_steps(astro, at, left - STEPS, inside, leak, N, STEPS)
        tl.store(kept, m, mask=inside)
        for k in tl.static_range(STEPS):
            u = tl.fma(leak, m, x[k])
            z = u + o[k] - THRESHOLD
            tl.store(spikes + k * N, step(z).to(spikes.dtype.element_ty), mask=inside & (k < left))
            m = tl.where(k < left, after_spike(u, z >= 0, THRESHOLD, RESET), m)
        kept += N
        spikes += STEPS * N
    tl.store(last + column, m.to(last.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["T", "columns"])
@no_type_check
def scan_backward(
    d_spikes, d_last, current, astro, beta, kept, d_current, d_astro, d_betas, d_state, T, columns, N: tl.constexpr,
    THRESHOLD: tl.constexpr, RESET: tl.constexpr, SURROGATE: tl.constexpr, SLOPE: tl.constexpr,
    DETACHED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients [O, T, N] at current and astrocyte, and [O, N] at beta, sequence by sequence, and the first state."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, n = (column // N).to(tl.int64), column % N
    segments = tl.cdiv(T, STEPS)
    first = (segments - 1) * STEPS
    at = (sequence * T + first) * N + n
    kept += (sequence * segments + segments - 1) * N + n
    leak = tl.load(beta + n, mask=inside, other=0.0).to(kept.dtype.element_ty)
    d_leak, g = tl.zeros_like(leak), tl.zeros_like(leak)
    if d_last is not None:
        g = tl.load(d_last + column, mask=inside, other=0.0).to(leak.dtype)
    left = T - first
    next_m = tl.load(kept, mask=inside, other=0.0)
    next_x = load_steps(current, at, left, inside, leak, N, STEPS)
    next_o = load_steps(astro, at, left, inside, leak, N, STEPS)
    next_d = load_steps(d_spikes, at, left, inside, leak, N, STEPS)
    for segment in range(segments - 1, -1, -1):
        m, x, o, d = next_m, next_x, next_o, next_d
        here = at
        at -= STEPS * N
        kept -= N
        before = tl.where(segment > 0, STEPS, 0)
        next_m = tl.load(kept, mask=inside & (segment > 0), other=0.0)
        next_x = load_steps(current, at, before, inside, leak, N, STEPS)
        next_o = load_steps(astro, at, before, inside, leak, N, STEPS)
        next_d = load_steps(d_spikes, at, before, inside, leak, N, STEPS)
        ms, us, zs = (), (), ()
        for k in tl.static_range(STEPS):
            u = tl.fma(leak, m, x[k])
            z = u + o[k] - THRESHOLD
            ms += (m,)
            us += (u,)
            zs += (z,)
            m = after_spike(u, z >= 0, THRESHOLD, RESET)
        for k in tl.static_range(STEPS - 1, -1, -1):
            there = k < left
            d_s = d[k]
            if not DETACHED:
                d_s += g * jump(us[k], THRESHOLD, RESET)
            d_z = d_s * bump(zs[k], SURROGATE, SLOPE)
            d_u = d_z + (tl.where(zs[k] >= 0, 0.0, g) if RESET == "hard" else g)
            tl.store(d_current + here + k * N, d_u.to(d_current.dtype.element_ty), mask=inside & there)
            if d_astro is not None:
                tl.store(d_astro + here + k * N, d_z.to(d_astro.dtype.element_ty), mask=inside & there)
            if d_betas is not None:
                d_leak += tl.where(there, d_u * ms[k], 0.0)
            g = tl.where(there, leak * d_u, g)
        left = STEPS
    tl.store(d_state + column, g.to(d_state.dtype.element_ty), mask=inside)
    if d_betas is not None:
        tl.store(d_betas + column, d_leak, mask=inside)


@triton.jit
@no_type_check
def load_steps(tensor, at, left, inside, like, N: tl.constexpr, STEPS: tl.constexpr):
    """A tuple of what lies `at`, `at` + N, ... in so many steps; zeros after the `left` that there are, and of None."""
    rows = ()
    for k in tl.static_range(STEPS):
        if tensor is None:
            rows += (tl.zeros_like(like),)
        else:
            row = tl.load(tensor + at + k * N, mask=inside & (k < left), other=0.0)
            rows += (row.to(like.dtype),)
    return rows


@triton.jit
@no_type_check
def step(z):
    """1 where z >= 0, else 0; what is not a number stays so."""
    return tl.where(z >= 0, 1.0, tl.where(z < 0, 0.0, z))


@triton.jit
@no_type_check
def after_spike(u, fired, THRESHOLD: tl.constexpr, RESET: tl.constexpr):
    """The membrane that a step leaves behind."""
    if RESET == "hard":
        return tl.where(fired, 0.0, u)
    elif RESET == "soft":
        return tl.where(fired, u - THRESHOLD, u)
    else:
        return u


@triton.jit
@no_type_check
def jump(u, THRESHOLD: tl.constexpr, RESET: tl.constexpr):
    """The derivative of that membrane by the spike."""
    if RESET == "hard":
        return -u
    elif RESET == "soft":
        return tl.full(u.shape, -THRESHOLD, u.dtype)
    else:
        return tl.zeros_like(u)


@triton.jit
@no_type_check
def bump(z, SURROGATE: tl.constexpr, SLOPE: tl.constexpr):
    """The surrogate of ds/dz (`surrogates.surrogate_gradient`)."""
    if SURROGATE == "atan":
        y = (1.5707963267948966 * SLOPE) * z
        return (0.5 * SLOPE) / (1 + y * y)
    elif SURROGATE == "qgate":
        return tl.maximum(SLOPE - (SLOPE * SLOPE) * tl.abs(z), 0.0)
    elif SURROGATE == "sigmoid":
        decay = tl.exp(-SLOPE * tl.abs(z))
        return SLOPE * decay / ((1 + decay) * (1 + decay))
    else:
        y = 1 + SLOPE * tl.abs(z)
        return 1 / (y * y)
