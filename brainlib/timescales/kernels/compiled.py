"""The recurrence compiled by numba: each thread takes its sequences through all steps, without waiting for others."""

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from brainlib.backend import torch_threads
from brainlib.jit import njit
from brainlib.timescales.kernels.folding import fold
from brainlib.timescales.kernels.products import (
    ROWS,
    VECTOR_BYTES,
    add_half_outer,
    add_half_product,
    add_outer,
    add_product,
)

SLOPES = {"leaky_relu": 0.01, "relu": 0.0, "tanh": -1.0}  # of phi below 0; tanh has none
SLAB = 8 * ROWS  # sequences that a thread takes through time at once: their states stay in its cache
BLOCK = 256  # rows, of any step, that are added to the matrix's gradient at once


def forward(bits, h0, weight, input_weight, bias, leak, inside, activation) -> Tensor:
    matrix, *vectors = fold(weight, input_weight, bias, leak, inside)
    states = h0.new_empty(len(bits), *h0.shape)
    arrays = (t.numpy() for t in (bits, h0, _panels(matrix.T), *vectors))
    with torch_threads() as threads:
        _forward(*_slabs(len(h0), threads), *arrays, inside, SLOPES[activation], states.numpy())
    return states


def backward(
    d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    matrix, _, _, keep, gain = fold(weight, input_weight, bias, leak, inside)
    n = len(weight)
    d_states = h0.new_empty(0, 0, 0) if d_states is None else d_states
    d_h0 = torch.zeros_like(h0) if d_last is None else d_last.clone()
    arrays = (t.numpy() for t in (d_states, bits, h0, _panels(matrix), keep, gain, states))
    with torch_threads() as threads:
        rows, slabs = _slabs(len(h0), threads)
        d_folded = _room(slabs * -(-n // ROWS) * ROWS, n, h0.numpy())
        d_folded, d_leaks = d_folded.reshape(slabs, -1, d_folded.shape[1]), np.zeros((slabs, n), d_folded.dtype)
        _backward(rows, slabs, *arrays, inside, SLOPES[activation], d_h0.numpy(), d_folded, d_leaks)
    gradients = tuple(torch.empty_like(t) for t in (weight, input_weight, bias, leak))
    arrays = (t.numpy() for t in (weight, input_weight, bias, leak, *gradients))
    _unfold(d_folded, d_leaks, inside, *arrays)
    return d_h0, *gradients


def _panels(matrix: Tensor) -> Tensor:
    """The matrix in panels [ceil(n / lanes), n, lanes] of columns; what is left over is 0."""
    n, lanes = len(matrix), VECTOR_BYTES // matrix.itemsize
    return pad(matrix, (0, -n % lanes)).unflatten(1, (-1, lanes)).transpose(0, 1).contiguous()


def _slabs(sequences: int, threads: int) -> tuple[int, int]:
    """How many sequences a slab has, a multiple of ROWS, and how many slabs there are."""
    share = -(-sequences // threads)
    share = -(-share // -(-share // SLAB))
    rows = -(-share // ROWS) * ROWS
    return rows, -(-sequences // rows)


@njit()
def _room(rows, n, like):
    """Rows wide enough for whole tiles, an odd number of cache lines apart, so that they do not fall upon the same."""
    lanes = VECTOR_BYTES // like.itemsize
    return np.zeros((rows, (-(-(n + ROWS) // lanes) | 1) * lanes), like.dtype)


@njit()
def _multiply(total, left, panels):
    """total [rows, n] += left [rows, n] @ the matrix in panels; whole tiles are written."""
    n, lanes = panels.shape[1], panels.shape[2]
    for panel in range(len(panels)):
        first, last = panel * lanes, (panel + 1) * lanes
        for row in range(0, len(left), ROWS):
            if n - first > lanes // 2:
                add_product(total[row : row + ROWS, first:last], left[row : row + ROWS], panels[panel])
            else:  # the last few columns
                add_half_product(total[row : row + ROWS, first:last], left[row : row + ROWS], panels[panel])


@njit()
def _add_outer(total, left, right, columns):
    """total [n, columns] += left [rows, n]^T @ right [rows, columns]; whole tiles are written."""
    lanes = VECTOR_BYTES // total.itemsize
    for first in range(0, columns, lanes):
        last = first + lanes
        for row in range(0, len(total), ROWS):
            if columns - first > lanes // 2:
                add_outer(total[row : row + ROWS, first:last], left[:, row : row + ROWS], right[:, first:last])
            else:
                add_half_outer(total[row : row + ROWS, first:last], left[:, row : row + ROWS], right[:, first:last])


@njit()
def _activate(u, slope, y, copy):
    """y = copy = phi(u): [n]."""
    zero, below = u.dtype.type(0), u.dtype.type(slope)
    if slope >= 0:
        for i in range(len(copy)):
            y[i] = copy[i] = below * u[i] if u[i] < zero else u[i]  # NaN stays NaN
    else:
        for i in range(len(copy)):
            y[i] = copy[i] = np.tanh(u[i])


@njit()
def _differentiate(d_y, y, slope, d_u):
    """d_u = d_y phi', where phi gave y: [n]."""
    zero, one, below = y.dtype.type(0), y.dtype.type(1), y.dtype.type(slope)
    if slope >= 0:
        for i in range(len(y)):
            d_u[i] = d_y[i] if y[i] > zero else below * d_y[i]
    else:
        for i in range(len(y)):
            d_u[i] = d_y[i] * (one - y[i] * y[i])


@njit(parallel=True)
def _forward(rows, slabs, bits, h0, panels, input_weight, bias, keep, gain, inside, slope, states):
    T, n = len(bits), h0.shape[1]
    for slab in numba.prange(slabs):
        first = slab * rows
        count = min(rows, len(h0) - first)
        h, u, y = _room(rows, n, h0), _room(rows, n, h0), np.empty(n, h0.dtype)
        for row in range(count):
            for i in range(n):
                h[row, i] = h0[first + row, i]
        for t in range(T):
            for row in range(count):
                x, current = bits[t, first + row], u[row]
                for i in range(n):
                    current[i] = bias[i] + input_weight[i] * x
            _multiply(u, h, panels)
            for row in range(count):
                h_row, state = h[row], states[t, first + row]
                if inside:
                    _activate(u[row], slope, h_row, state)
                else:
                    _activate(u[row], slope, y, state)
                    for i in range(n):
                        h_row[i] = state[i] = keep[i] * h_row[i] + gain[i] * y[i]


@njit(parallel=True)
def _backward(rows, slabs, d_states, bits, h0, panels, keep, gain, states, inside, slope, d_h0, d_folded, d_leaks):
    """d_folded [slabs, n, n + 2] receives the gradients of the folded matrix, input weights and biases side by side."""
    T, n, steps = len(states), h0.shape[1], max(1, BLOCK // rows)
    for slab in numba.prange(slabs):
        first, d_leak = slab * rows, d_leaks[slab]
        count = min(rows, len(h0) - first)
        d_h, d_u, previous = _room(rows, n, h0), _room(steps * rows, n, h0), _room(steps * rows, n, h0)
        y, d_y = np.empty(n, h0.dtype), np.empty(n, h0.dtype)
        for row in range(count):
            for i in range(n):
                d_h[row, i] = d_h0[first + row, i]
        for t in range(T - 1, -1, -1):
            start = t % steps * rows
            for row in range(count):
                b = first + row
                h, before, d, d_current = states[t, b], previous[start + row], d_h[row], d_u[start + row]
                earlier = states[t - 1, b] if t else h0[b]
                for i in range(n):
                    before[i] = earlier[i]
                before[n], before[n + 1] = bits[t, b], 1
                if len(d_states):
                    for i in range(n):
                        d[i] += d_states[t, b, i]
                if inside:
                    _differentiate(d, h, slope, d_current)
                    for i in range(n):
                        d[i] = 0
                else:
                    for i in range(n):
                        d_leak[i] += d[i] * (h[i] - earlier[i]) / gain[i]
                    for i in range(n):
                        kept = keep[i] * earlier[i]
                        y[i] = (h[i] - kept) / gain[i]
                        d_y[i] = gain[i] * d[i]
                        d[i] *= keep[i]
                    _differentiate(d_y, y, slope, d_current)
            _multiply(d_h, d_u[start : start + rows], panels)
            if start == 0:
                filled = min(steps, T - t) * rows
                _add_outer(d_folded[slab], d_u[:filled], previous[:filled], n + 2)
        for row in range(count):
            for i in range(n):
                d_h0[first + row, i] = d_h[row, i]


@njit()
def _unfold(d_folded, d_leaks, inside, weight, input_weight, bias, leak, d_weight, d_input_weight, d_bias, d_leak):
    """The gradients of the parameters from the sums over the slabs (README.md)."""
    n = len(weight)
    for i in range(n):
        d_leak[i], total = d_leaks[:, i].sum(), d_folded[0, i]
        for slab in range(1, len(d_folded)):
            total += d_folded[slab, i]
        if inside:
            d_a = input_weight[i] * total[n] + bias[i] * total[n + 1] - total[i]
            for j in range(n):
                d_a += weight[i, j] * total[j]
            d_leak[i] = d_a
            total *= leak[i]
        for j in range(n):
            d_weight[i, j] = total[j]
        d_input_weight[i], d_bias[i] = total[n], total[n + 1]
