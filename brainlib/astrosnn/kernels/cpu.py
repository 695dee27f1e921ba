"""The scans on a CPU: one driver, compiled by numba for each pair of a step and its adjoint.

A thread takes a stretch of columns through all steps, row after row (why: README.md). `second` without a sequence is a
row of zeros, [1, 1, N]; gradients that nobody wants are empty.
"""

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from brainlib.astrosnn.kernels import steps
from brainlib.astrosnn.kernels.instructions import fetch, stream
from brainlib.astrosnn.kernels.surrogates import SURROGATES
from brainlib.backend import torch_threads
from brainlib.jit import njit
from brainlib.lanes import VECTOR_BYTES, adds, load, loads, store, stores

SEGMENT = 32  # steps whose states lie in the cache at once on the way back
STRETCH = 512  # columns
AHEAD = 8  # steps that forward fetches before it computes them
LARGE = 4 * 2**20  # bytes: no cache holds several such arrays


def _stretches(columns: int, lanes: int) -> int:
    """How many there are: the columns beside whole lanes are in one more, which overlaps its neighbour."""
    return -(-(columns // lanes * lanes) // STRETCH) + (columns % lanes > 0)


@njit()
def _columns(stretch, columns, lanes):
    """First column and end of a stretch."""
    first, whole = stretch * STRETCH, columns // lanes * lanes
    return (first, min(first + STRETCH, whole)) if first < whole else (columns - lanes, columns)


@njit()
def _large(array):
    """Whether arrays of this size, all rows aligned, are fetched ahead and written past the cache."""
    return array.nbytes >= LARGE and array.shape[2] * array.itemsize % VECTOR_BYTES == 0


@njit(forceinline=True)
def _write(row, column, values, large):
    if large:
        stream(row, column, values)
    else:
        store(row, column, values)


def make_scan(step, adjoint, states: int, parameters: int):
    """`forward` and `backward`, of steps with so many states and parameters."""

    @njit()
    def forward_part(n, stretch, first, second, rates, state, options, output, last, kept):
        _, T, N = first.shape
        lanes, large = VECTOR_BYTES // first.itemsize, _large(first)
        both = second.shape == first.shape
        start, end = _columns(stretch, N, lanes)
        now = np.empty((states, end - start), first.dtype)
        now[:] = state[:, n, start:end]
        for t in range(T):
            if t % SEGMENT == 0:
                kept[:, n, t // SEGMENT, start:end] = now
            x, out, later = first[n, t], output[n, t], min(t + AHEAD, T - 1)
            y = second[n, t] if both else second[0, 0]
            x_later, y_later = first[n, later], second[n, later] if both else second[0, 0]
            for c in range(start, end, lanes):
                if large:
                    fetch(x_later, c)
                    fetch(y_later, c)
                rate, at = loads(rates, parameters, c), loads(now, states, c - start)
                result, after = step(load(x, c), load(y, c), rate, at, options)
                _write(out, c, result, large)
                stores(now, c - start, after)
        last[:, n, start:end] = now

    @njit()
    def backward_part(
        n, stretch, d_output, d_last, first, second, rates, kept, options, d_first, d_second, d_rates, d_state,
    ):  # fmt: skip
        """`d_output` may be a row of zeros, [1, 1, N]; `d_rates` is [parameters, O, N], or empty."""
        _, T, N = first.shape
        lanes, large = VECTOR_BYTES // first.itemsize, _large(first)
        both = d_second.size > 0
        heard, learned = d_output.shape == first.shape, d_rates.size > 0
        start, end = _columns(stretch, N, lanes)
        before = np.empty((SEGMENT, states, end - start), first.dtype)
        back = np.empty((states, end - start), first.dtype)
        back[:] = d_last[:, n, start:end]
        total = np.zeros((parameters, end - start), first.dtype)
        for segment in range((T - 1) // SEGMENT, -1, -1):
            begin, stop = segment * SEGMENT, min(segment * SEGMENT + SEGMENT, T)
            before[0] = kept[:, n, segment, start:end]
            for t in range(begin, stop - 1):
                x, now, then = first[n, t], before[t - begin], before[t - begin + 1]
                y = second[n, t] if both else second[0, 0]
                d_out = d_output[n, t] if heard else d_output[0, 0]
                for c in range(start, end, lanes):
                    if large:
                        fetch(d_out, c)
                    rate, at = loads(rates, parameters, c), loads(now, states, c - start)
                    _, after = step(load(x, c), load(y, c), rate, at, options)
                    stores(then, c - start, after)
            for t in range(stop - 1, begin - 1, -1):
                x, now, d_x = first[n, t], before[t - begin], d_first[n, t]
                y, d_y = (second[n, t], d_second[n, t]) if both else (second[0, 0], d_x)
                d_out = d_output[n, t] if heard else d_output[0, 0]
                sooner = max(t - SEGMENT, 0)
                x_sooner, y_sooner = first[n, sooner], second[n, sooner] if both else second[0, 0]
                for c in range(start, end, lanes):
                    if large:
                        fetch(x_sooner, c)
                        fetch(y_sooner, c)
                    rate, at = loads(rates, parameters, c), loads(now, states, c - start)
                    d_at = loads(back, states, c - start)
                    d_in, d_rate, d_at = adjoint(load(d_out, c), d_at, load(x, c), load(y, c), rate, at, options)
                    _write(d_x, c, d_in[0], large)
                    if both:
                        _write(d_y, c, d_in[1], large)
                    if learned:
                        adds(total, c - start, d_rate)
                    stores(back, c - start, d_at)
        d_state[:, n, start:end] = back
        if learned:
            d_rates[:, n, start:end] = total

    @njit(parallel=True)
    def forward(stretches, first, second, rates, state, options, output, last, kept):
        for part in numba.prange(len(first) * stretches):
            n, stretch = part // stretches, part % stretches
            forward_part(n, stretch, first, second, rates, state, options, output, last, kept)

    @njit(parallel=True)
    def backward(stretches, d_output, d_last, first, second, rates, kept, options, d_first, d_second, d_rates, d_state):
        for part in numba.prange(len(first) * stretches):
            n, stretch = part // stretches, part % stretches
            backward_part(
                n, stretch, d_output, d_last, first, second, rates, kept, options, d_first, d_second, d_rates, d_state
            )

    return forward, backward


SCANS = {
    "lif": make_scan(steps.lif_step, steps.lif_adjoint, 1, 2),
    "slow": make_scan(steps.slow_step, steps.slow_adjoint, 2, 4),
    "wkv": make_scan(steps.wkv_step, steps.wkv_adjoint, 2, 2),
}


def forward(model, first, second, rates, state, *options) -> tuple[Tensor, Tensor, Tensor]:
    outer, T, N = first.shape
    lanes = VECTOR_BYTES // first.itemsize
    if lanes > N:
        return narrowed(N, forward(model, *widened(lanes, first, second, rates, state), *options))
    inputs = first, no_sequence(first) if second is None else second, rates, state
    outputs = torch.empty_like(first), torch.empty_like(state), state.new_empty(len(state), outer, -(-T // SEGMENT), N)
    with torch_threads():
        SCANS[model][0](_stretches(N, lanes), *arrays(inputs), numbers(*options), *arrays(outputs))
    return outputs


def backward(
    model, d_output, d_last, first, second, rates, kept, learn, *options
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    outer, _, N = first.shape
    lanes = VECTOR_BYTES // first.itemsize
    if lanes > N:
        wide = widened(lanes, d_output, d_last, first, second, rates, kept)
        return narrowed(N, backward(model, *wide, learn, *options))
    d_output = no_sequence(first) if d_output is None else d_output
    inputs = d_output, d_last, first, no_sequence(first) if second is None else second, rates, kept
    d_first, d_state = torch.empty_like(first), kept.new_empty(len(kept), outer, N)
    d_second = first.new_empty(0, 0, 0) if second is None else torch.empty_like(second)
    d_rates = rates.new_empty(len(rates) if learn else 0, outer, N)
    with torch_threads():
        SCANS[model][1](
            _stretches(N, lanes), *arrays(inputs), numbers(*options), *arrays((d_first, d_second, d_rates, d_state))
        )
    return d_first, d_second, d_rates.sum(1), d_state


def numbers(reset, surrogate, detach_reset) -> tuple[float, ...]:
    """The options as `steps` wants them."""
    return float(reset == "hard"), float(reset == "soft"), float(not detach_reset), float(SURROGATES.index(surrogate))


def no_sequence(first: Tensor) -> Tensor:
    """A row of zeros, which stands for no sequence or for no gradient."""
    return first.new_zeros(1, 1, first.shape[2])


def arrays(tensors) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]


def widened(columns: int, *tensors: Tensor | None) -> list[Tensor | None]:
    """With columns of zeros, so that they fill a vector."""
    return [x if x is None else pad(x, (0, columns - x.shape[-1])) for x in tensors]


def narrowed(columns: int, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x[..., :columns].contiguous() for x in tensors)
