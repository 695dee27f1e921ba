"""The scan compiled by numba: each thread takes a stretch of columns through all steps, row after row."""

import math
from typing import no_type_check

import numba
import numpy as np

from brainlib.astrosnn.kernels.lif.instructions import (
    absolute,
    fetch,
    nearest_integer,
    power_of_two,
    step,
    stream,
    where_nonnegative,
)
from brainlib.jit import njit
from brainlib.lanes import load, store, zeros

SEGMENT = 32  # steps whose membranes lie in the cache at once on the way back
STRETCH = 512  # columns
AHEAD = 8  # steps that forward fetches before it computes them
LARGE = 4 * 2**20  # bytes: no cache holds several such arrays
ATAN, QGATE, SIGMOID, FAST_SIGMOID = range(4)
LOG2, LOG2_REST = 0.693359375, math.log(2) - 0.693359375  # so few digits that whole multiples are exact
TAYLOR = tuple(1 / math.factorial(n) for n in range(11, -1, -1))  # of exp, to the last digit but one below log(2) / 2


@njit(parallel=True)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def forward(current, astro, beta, state, threshold, share, fall, lanes, spikes, last, kept):
    """A spike takes share u + fall from the membrane u. Without an astrocyte `astro` is a row of zeros, [1, 1, N]."""
    outer, T, N = current.shape
    stretches = _stretches(N, lanes)
    modulated, large = astro.shape == current.shape, _large(current, lanes)
    for part in numba.prange(outer * stretches):
        n = part // stretches
        first, end = _columns(part % stretches, N, lanes)
        m = np.empty(end - first, current.dtype)
        m[:] = state[n, first:end]
        for t in range(T):
            if t % SEGMENT == 0:
                kept[n, t // SEGMENT, first:end] = m
            drive, fired = current[n, t], spikes[n, t]
            o = astro[n, t] if modulated else astro[0, 0]
            later = min(t + AHEAD, T - 1)
            drive_later, o_later = current[n, later], astro[n, later] if modulated else astro[0, 0]
            for c in range(first, end, lanes):
                if large:
                    fetch(drive_later, c)
                    fetch(o_later, c)
                u = load(beta, c) * load(m, c - first) + load(drive, c)
                z = u + load(o, c) - threshold
                _write(fired, c, step(z), large)
                store(m, c - first, where_nonnegative(z, (1 - share) * u - fall, u))
        last[n, first:end] = m


@njit(parallel=True)
@no_type_check
def backward(
    d_spikes, d_last, current, astro, beta, kept, threshold, share, fall, surrogate, height, steepness, attached, lanes,
    d_current, d_astro, d_beta, d_state,
):  # fmt: skip
    """`d_spikes` and `astro` may be a row of zeros, [1, 1, N]; then `d_astro` is empty. `d_beta` is [O, N], or empty.
    `attached` is 1 if the gradient passes through the reset, else 0."""
    outer, T, N = current.shape
    stretches = _stretches(N, lanes)
    heard, large = d_spikes.shape == current.shape, _large(current, lanes)
    modulated, learned = d_astro.size > 0, d_beta.size > 0
    for part in numba.prange(outer * stretches):
        n = part // stretches
        first, end = _columns(part % stretches, N, lanes)
        membranes = np.empty((SEGMENT, end - first), current.dtype)
        whole = zeros(current) + (attached * share - 1)  # not negative where a spike takes all, and has a gradient
        g = np.empty(end - first, current.dtype)
        g[:] = d_last[n, first:end]
        total = np.zeros(end - first, current.dtype)
        for segment in range((T - 1) // SEGMENT, -1, -1):
            begin, stop = segment * SEGMENT, min(segment * SEGMENT + SEGMENT, T)
            membranes[0] = kept[n, segment, first:end]
            for t in range(begin, stop - 1):
                m, after, drive = membranes[t - begin], membranes[t - begin + 1], current[n, t]
                o = astro[n, t] if modulated else astro[0, 0]
                d_s = d_spikes[n, t] if heard else d_spikes[0, 0]
                for c in range(first, end, lanes):
                    if large:
                        fetch(d_s, c)
                    u = load(beta, c) * load(m, c - first) + load(drive, c)
                    z = u + load(o, c) - threshold
                    store(after, c - first, where_nonnegative(z, (1 - share) * u - fall, u))
            for t in range(stop - 1, begin - 1, -1):
                m, drive, d_u_t = membranes[t - begin], current[n, t], d_current[n, t]
                d_z_t = d_astro[n, t] if modulated else d_u_t
                o = astro[n, t] if modulated else astro[0, 0]
                d_s = d_spikes[n, t] if heard else d_spikes[0, 0]
                sooner = max(t - SEGMENT, 0)
                drive_sooner, o_sooner = current[n, sooner], astro[n, sooner] if modulated else astro[0, 0]
                for c in range(first, end, lanes):
                    if large:
                        fetch(drive_sooner, c)
                        fetch(o_sooner, c)
                    at, leak, d_m = c - first, load(beta, c), load(g, c - first)
                    u = leak * load(m, at) + load(drive, c)
                    z = u + load(o, c) - threshold
                    taken = where_nonnegative(whole, u, attached * fall)  # by a spike
                    d_z = (load(d_s, c) - d_m * taken) * _bump(z, surrogate, height, steepness)
                    d_u = d_z + where_nonnegative(z, (1 - share) * d_m, d_m)
                    _write(d_u_t, c, d_u, large)
                    store(g, at, leak * d_u)
                    if modulated:
                        _write(d_z_t, c, d_z, large)
                    if learned:
                        store(total, at, load(total, at) + d_u * load(m, at))
        d_state[n, first:end] = g
        if learned:
            d_beta[n, first:end] = total


@njit()
@no_type_check
def _stretches(columns, lanes):
    """How many there are: the columns beside whole lanes are in one more, which overlaps its neighbour."""
    return -(-(columns // lanes * lanes) // STRETCH) + (columns % lanes > 0)


@njit()
@no_type_check
def _columns(stretch, columns, lanes):
    """First column and end of a stretch."""
    first, whole = stretch * STRETCH, columns // lanes * lanes
    return (first, min(first + STRETCH, whole)) if first < whole else (columns - lanes, columns)


@njit()
@no_type_check
def _large(array, lanes):
    """Whether arrays of this size, all rows aligned, are fetched ahead and written past the cache."""
    return array.size * array.itemsize >= LARGE and array.shape[2] % lanes == 0


@njit()
@no_type_check
def _write(row, column, values, large):
    if large:
        stream(row, column, values)
    else:
        store(row, column, values)


@njit()
@no_type_check
def _bump(z, surrogate, height, steepness):
    """ds/dz, as in surrogates.py; `height` at the threshold."""
    if surrogate == ATAN:
        return height / (1 + steepness * z * z)
    if surrogate == QGATE:
        y = height - steepness * absolute(z)
        return where_nonnegative(y, y, 0)
    if surrogate == SIGMOID:
        e = _exp_of_minus(steepness * absolute(z))
        return 4 * height * e / ((1 + e) * (1 + e))
    y = 1 + steepness * absolute(z)
    return height / (y * y)


@njit()
@no_type_check
def _exp_of_minus(y):
    """exp(-y) of lanes not negative; as if they were no larger than 87, where no number of float32 is so small."""
    x = where_nonnegative(87 - y, 0 - y, -87)
    n = nearest_integer(x * (1 / math.log(2)))
    rest = x - n * LOG2 - n * LOG2_REST
    total = rest * TAYLOR[0] + TAYLOR[1]
    for coefficient in TAYLOR[2:]:
        total = rest * total + coefficient
    return total * power_of_two(n)
