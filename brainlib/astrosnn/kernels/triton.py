"""The scans on a GPU, in Triton: `SEGMENT`, `forward` and `backward` as in scan.py; one driver, a step and an adjoint.

A thread has one column and goes through its steps with its state in registers. Sequences of a language model give a
GPU few columns, so what limits a thread is not the memory's rate but its latency; but no load waits for a state. Hence
a segment's sequences are loaded while the segment before is computed, all at once. The way back goes from the last
segment to the first, computes a segment's states again from the one kept before it, keeps them in registers, and needs
no other memory. The compiler knows N: a segment's steps then lie at constant distances from one address, where
addresses would else take most registers.

In bfloat16 a step of a plain neuron moves 16.5 bytes for training: current and astrocyte in, spike out; again current,
astrocyte and the spike's gradient in, two gradients out; and a float32 of every segment, out and in.
"""

import inspect
from functools import partial
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton import knobs

SEGMENT = 16


def jit(function=None, **options):
    """`triton.jit`, from under the tests' check of annotations."""
    return triton.jit(inspect.unwrap(function), **options) if function else partial(jit, **options)


class Cut(NamedTuple):
    """How columns are dealt to programs."""

    columns: int
    warps: int


def plan(columns: int) -> Cut:
    """A warp a program, so that a few thousand columns already reach every multiprocessor."""
    return Cut(32, 1) if columns < 1 << 18 else Cut(128, 4)


def forward(model, first, second, rates, state, *options):
    outer, T, N = first.shape
    output, last = torch.empty_like(first), torch.empty_like(state)
    kept = state.new_empty(len(state), outer, triton.cdiv(T, SEGMENT), N)
    launch(scan_forward, model, first, (first, second, rates, state, output, last, kept), rates, state, options)
    return output, last, kept


def backward(model, d_output, d_last, first, second, rates, kept, learn, *options):
    outer, _, N = first.shape
    d_first, d_second = torch.empty_like(first), None if second is None else torch.empty_like(first)
    d_state = kept.new_empty(len(kept), outer, N)
    d_rates = rates.new_empty(len(rates), outer, N) if learn else None  # of each sequence by itself
    tensors = d_output, d_last, first, second, rates, kept, d_first, d_second, d_rates, d_state
    launch(scan_backward, model, first, tensors, rates, kept, options)
    empty = first.new_empty(0, 0, 0)
    return d_first, empty if d_second is None else d_second, d_rates.sum(1) if learn else rates.new_empty(0, N), d_state


def launch(kernel, model: str, first: Tensor, tensors: tuple, rates: Tensor, states: Tensor, options: tuple) -> None:
    require_gpu("current", first)
    outer, T, N = first.shape
    cut = plan(outer * N)
    reset, surrogate, detach_reset = options
    with torch.cuda.device_of(first):
        kernel[triton.cdiv(outer * N, cut.columns),](
            *tensors, T, outer * N, N, model, len(rates), len(states), reset, surrogate, detach_reset,
            STEPS=SEGMENT, BLOCK=cut.columns, num_warps=cut.warps,
        )  # fmt: skip


def require_gpu(name: str, tensor: Tensor) -> None:
    """Raises `ValueError` for a tensor that these kernels cannot reach."""
    if not tensor.is_cuda and not knobs.runtime.interpret:
        expected = "a GPU (or Triton's interpreter: TRITON_INTERPRET=1)"
        raise ValueError(f"{name}: got a tensor on {tensor.device}, expected {expected}")


@jit(do_not_specialize=["T", "columns"])
def scan_forward(
    first, second, rates, state, output, last, kept, T, columns, N: tl.constexpr, MODEL: tl.constexpr,
    RATES: tl.constexpr, STATES: tl.constexpr, RESET: tl.constexpr, SURROGATE: tl.constexpr,
    DETACHED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A column's output [O, T, N], last state [K, O, N], and the states before each segment, `kept`."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, n = (column // N).to(tl.int64), column % N
    at = sequence * T * N + n
    segments = tl.cdiv(T, STEPS)
    kept += sequence * segments * N + n
    output += at
    p, s = load_all(rates + n, N, inside, RATES), load_all(state + column, columns, inside, STATES)
    next_x = load_steps(first, at, T, inside, p[0], N, STEPS)
    next_y = load_steps(second, at, T, inside, p[0], N, STEPS)
    for start in range(0, T, STEPS):
        left = T - start
        at += STEPS * N
        x, y = next_x, next_y
        next_x = load_steps(first, at, left - STEPS, inside, p[0], N, STEPS)
        next_y = load_steps(second, at, left - STEPS, inside, p[0], N, STEPS)
        store_all(kept, s, segments.to(tl.int64) * columns, inside, STATES)
        for k in tl.static_range(STEPS):
            result, after = step(x[k], y[k], p, s, MODEL, RESET)
            tl.store(output + k * N, result.to(output.dtype.element_ty), mask=inside & (k < left))
            s = choose(k < left, after, s, STATES)
        kept += N
        output += STEPS * N
    store_all(last + column, s, columns, inside, STATES)


@jit(do_not_specialize=["T", "columns"])
def scan_backward(
    d_output, d_last, first, second, rates, kept, d_first, d_second, d_rates, d_state, T, columns, N: tl.constexpr,
    MODEL: tl.constexpr, RATES: tl.constexpr, STATES: tl.constexpr, RESET: tl.constexpr, SURROGATE: tl.constexpr,
    DETACHED: tl.constexpr, STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradients [O, T, N] at both sequences, [P, O, N] at the rates, sequence by sequence, and at the first state."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = column < columns
    sequence, n = (column // N).to(tl.int64), column % N
    segments = tl.cdiv(T, STEPS)
    start = (segments - 1) * STEPS
    at = (sequence * T + start) * N + n
    kept += (sequence * segments + segments - 1) * N + n
    p = load_all(rates + n, N, inside, RATES)
    d_p, g = zeros(p[0], RATES), load_all(d_last + column, columns, inside, STATES)
    left = T - start
    next_s = load_all(kept, segments.to(tl.int64) * columns, inside, STATES)
    next_x = load_steps(first, at, left, inside, p[0], N, STEPS)
    next_y = load_steps(second, at, left, inside, p[0], N, STEPS)
    next_d = load_steps(d_output, at, left, inside, p[0], N, STEPS)
    for segment in range(segments - 1, -1, -1):
        s, x, y, d = next_s, next_x, next_y, next_d
        here = at
        at -= STEPS * N
        kept -= N
        before = tl.where(segment > 0, STEPS, 0)
        next_s = load_all(kept, segments.to(tl.int64) * columns, inside & (segment > 0), STATES)
        next_x = load_steps(first, at, before, inside, p[0], N, STEPS)
        next_y = load_steps(second, at, before, inside, p[0], N, STEPS)
        next_d = load_steps(d_output, at, before, inside, p[0], N, STEPS)
        all_s = ()
        for k in tl.static_range(STEPS):
            all_s += (s,)
            _, s = step(x[k], y[k], p, s, MODEL, RESET)
        for k in tl.static_range(STEPS - 1, -1, -1):
            there = k < left
            d_x, d_y, d_rate, d_s = adjoint(d[k], g, x[k], y[k], p, all_s[k], MODEL, RESET, SURROGATE, DETACHED)
            tl.store(d_first + here + k * N, d_x.to(d_first.dtype.element_ty), mask=inside & there)
            if d_second is not None:
                tl.store(d_second + here + k * N, d_y.to(d_second.dtype.element_ty), mask=inside & there)
            if d_rates is not None:
                d_p = add_where(there, d_p, d_rate, RATES)
            g = choose(there, d_s, g, STATES)
        left = STEPS
    store_all(d_state + column, g, columns, inside, STATES)
    if d_rates is not None:
        store_all(d_rates + column, d_p, columns, inside, RATES)


@jit
def step(x, y, p, s, MODEL: tl.constexpr, RESET: tl.constexpr):
    """The output, and the state after."""
    if MODEL == "wkv":
        now, _ = logistic(p[1] + x - s[1])
        faded = s[1] - p[0]
        later, e = logistic(x - faded)
        heavier = tl.where(x >= faded, x, faded) + tl.log(1 + e)
        return s[0] + now * (y - s[0]), (s[0] + later * (y - s[0]), heavier)
    elif MODEL == "slow":
        u, z = charge(x, p[2] * s[1], p, s)
        spike = fire(z)
        return spike, (after_spike(u, z, p[1], RESET), p[3] * s[1] + (1 - p[3]) * spike)
    else:
        u, z = charge(x, y, p, s)
        return fire(z), (after_spike(u, z, p[1], RESET),)


@jit
def adjoint(
    d, g, x, y, p, s, MODEL: tl.constexpr, RESET: tl.constexpr, SURROGATE: tl.constexpr,
    DETACHED: tl.constexpr,
):  # fmt: skip
    """The gradients at x and y, at the rates and at the state before."""
    if MODEL == "wkv":
        now, _ = logistic(p[1] + x - s[1])
        later, _ = logistic(x - (s[1] - p[0]))
        surprise = y - s[0]
        by_now = now * (1 - now) * surprise * d  # what reaches u + k - l
        by_later = later * (1 - later) * surprise * g[0]  # what reaches k - (l - w)
        by_faded = (1 - later) * g[1] - by_later  # what reaches l - w
        d_key, d_value = by_now + by_later + later * g[1], now * d + later * g[0]
        return d_key, d_value, (-by_faded, by_now), ((1 - now) * d + (1 - later) * g[0], by_faded - by_now)
    elif MODEL == "slow":
        u, z = charge(x, p[2] * s[1], p, s)
        d_s = d + (1 - p[3]) * g[1]
        d_z, d_u, d_theta = through_spike(d_s, g[0], u, z, p[1], RESET, SURROGATE, DETACHED)
        d_p = d_u * s[0], d_theta, d_z * s[1], g[1] * (s[1] - fire(z))
        return d_u, d_z, d_p, (p[0] * d_u, p[3] * g[1] + p[2] * d_z)
    else:
        u, z = charge(x, y, p, s)
        d_z, d_u, d_theta = through_spike(d, g[0], u, z, p[1], RESET, SURROGATE, DETACHED)
        return d_u, d_z, (d_u * s[0], d_theta), (p[0] * d_u,)


@jit
def charge(x, o, p, s):
    """u and z of a step."""
    u = tl.fma(p[0], s[0], x)
    return u, u + o - p[1]


@jit
def fire(z):
    """1 where z >= 0, else 0; what is not a number stays so."""
    return tl.where(z >= 0, 1.0, tl.where(z < 0, 0.0, z)).to(z.dtype)


@jit
def after_spike(u, z, theta, RESET: tl.constexpr):
    """The membrane that a step leaves behind."""
    if RESET == "hard":
        return tl.where(z >= 0, 0.0 * u, u)
    elif RESET == "soft":
        return tl.where(z >= 0, u - theta, u)
    else:
        return u


@jit
def through_spike(d_s, d_m, u, z, theta, RESET: tl.constexpr, SURROGATE: tl.constexpr, DETACHED: tl.constexpr):
    """The gradients at z, u and theta, from those at the spike and at the membrane after it."""
    if not DETACHED:
        if RESET == "hard":
            d_s -= d_m * u
        elif RESET == "soft":
            d_s -= d_m * theta
    d_z = d_s * bump(z, SURROGATE)
    d_u, d_theta = d_z + d_m, -d_z
    if RESET == "hard":
        d_u = tl.where(z >= 0, d_z, d_u)
    elif RESET == "soft":
        d_theta -= tl.where(z >= 0, d_m, 0.0)
    return d_z, d_u, d_theta


@jit
def bump(z, SURROGATE: tl.constexpr):
    """The surrogate of ds/dz (`surrogates.surrogate_gradient`)."""
    if SURROGATE == "atan":
        y = 3.141592653589793 * z
        return 1 / (1 + y * y)
    elif SURROGATE == "qgate":
        return tl.maximum(2 - 4 * tl.abs(z), 0.0)
    elif SURROGATE == "sigmoid":
        decay = tl.exp(-4 * tl.abs(z))
        return 4 * decay / ((1 + decay) * (1 + decay))
    else:
        y = 1 + 25 * tl.abs(z)
        return 1 / (y * y)


@jit
def logistic(z):
    e = tl.exp(-tl.abs(z))
    return tl.where(z >= 0, 1.0, e) / (1 + e), e


@jit
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


@jit
def load_all(pointer, distance, inside, COUNT: tl.constexpr):
    found = ()
    for k in tl.static_range(COUNT):
        found += (tl.load(pointer + k * distance, mask=inside, other=0.0),)
    return found


@jit
def store_all(pointer, values, distance, inside, COUNT: tl.constexpr):
    for k in tl.static_range(COUNT):
        tl.store(pointer + k * distance, values[k], mask=inside)


@jit
def zeros(like, COUNT: tl.constexpr):
    found = ()
    for _ in tl.static_range(COUNT):
        found += (tl.zeros_like(like),)
    return found


@jit
def choose(there, yes, no, COUNT: tl.constexpr):
    found = ()
    for k in tl.static_range(COUNT):
        found += (tl.where(there, yes[k], no[k]),)
    return found


@jit
def add_where(there, total, added, COUNT: tl.constexpr):
    found = ()
    for k in tl.static_range(COUNT):
        found += (total[k] + tl.where(there, added[k], 0.0),)
    return found
