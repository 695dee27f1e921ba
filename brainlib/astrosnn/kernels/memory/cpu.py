"""The memory's recurrent form compiled by numba, forward and backward: each head of each sequence by itself.

A state stays in its core's cache, cut into tiles [n, lanes] whose rows are vectors (`brainlib/lanes.py`). Derivation of
the gradients: README.md beside this file.
"""

import numba
import numpy as np
import torch
from torch import Tensor

from brainlib.astrosnn.kernels.instructions import load_some, multiply_add, store_some, total
from brainlib.backend import torch_threads
from brainlib.jit import njit
from brainlib.lanes import VECTOR_BYTES, load, spread, store, zeros

SEGMENT = 64  # tokens between states whose gradients are noted: sums of the decays' gradients start from them
UNROLLED = 4  # rows at once: as many sums, so that none waits for the one before it
inlined = njit(forceinline=True)


def forward(query, key, value, log_decay, write, state) -> tuple[Tensor, Tensor, Tensor]:
    output, last = torch.empty_like(value), torch.empty_like(state)
    errors = torch.empty_like(value) if write is not None else value.new_empty(0, 0, 0, 0)
    tokens = (flat(tensor) for tensor in (query, key, value, output, errors))
    run(_forward, *tokens, decays(log_decay, query), no_write(write, value), state, last)
    return output, last, errors


def backward(
    d_output, d_last, query, key, value, log_decay, write, state, errors
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_query, d_key, d_value = (torch.empty_like(tensor) for tensor in (query, key, value))
    d_write = torch.zeros_like(errors if write is None else write)
    balance = query.new_zeros(query.shape[:3], dtype=torch.float64)
    edges = state.new_empty(*state.shape[:2], -(-query.shape[1] // SEGMENT) + 1, *state.shape[2:])
    edges[:, :, -1] = d_last
    written, partner = (value, value) if write is None else (write[..., None] * errors, errors)
    do, q, k, u, dq, dk, dv = map(flat, (d_output, query, key, written, d_query, d_key, d_value))
    decay = decays(log_decay, query)
    rest = k, flat(partner), decay, no_write(write, value), d_write, balance
    run(_backwards, True, q, do, k, dv, k, *rest, edges)
    run(_backwards, False, do, q, u, dk, dv, *rest, edges.mT)
    run(_queries, do, q, k, u, dv, dq, dk, decay, state, edges, balance, write is not None)
    d_decay = (balance if log_decay.ndim == 3 else balance.sum((0, 1))).to(log_decay.dtype)
    return d_query, d_key, d_value, d_decay, d_write, edges[:, :, 0].contiguous()


def run(kernel, *arguments: Tensor | bool) -> None:
    with torch_threads():
        kernel(*(argument if isinstance(argument, bool) else argument.numpy() for argument in arguments))


def flat(tensor: Tensor) -> Tensor:
    """[tokens, d]: those of a sequence are h apart."""
    return tensor.flatten(0, 2)


def decays(log_decay: Tensor, query: Tensor) -> Tensor:
    """gamma of every token."""
    return log_decay.exp().expand(query.shape[:3]).contiguous()


def no_write(write: Tensor | None, value: Tensor) -> Tensor:
    return value.new_empty(0, 0, 0) if write is None else write


@inlined
def _row(S, n, changes, decay, column, row, reader, token, so_far):
    values = load(S, n)
    if changes:
        values = multiply_add(spread(column, (token, n)), row, decay * values)
        store(S, n, values)
    return multiply_add(spread(reader, (token, n)), values, so_far)


@inlined
def update_and_read(S, decay, column, row, reader, token, changes=True):
    """S <- decay S + column[token] (x) row, if it changes; reader[token] S."""
    a = b = c = d = zeros(S)
    even = len(S) // UNROLLED * UNROLLED
    for n in range(0, even, UNROLLED):
        a = _row(S, n, changes, decay, column, row, reader, token, a)
        b = _row(S, n + 1, changes, decay, column, row, reader, token, b)
        c = _row(S, n + 2, changes, decay, column, row, reader, token, c)
        d = _row(S, n + 3, changes, decay, column, row, reader, token, d)
    for n in range(even, len(S)):
        a = _row(S, n, changes, decay, column, row, reader, token, a)
    return (a + b) + (c + d)


@inlined
def read(S, reader, token):
    """reader[token] S."""
    return update_and_read(S, 1, reader, zeros(S), reader, token, False)


@njit(parallel=True)
def _forward(query, key, value, output, errors, decay, write, state, last):
    (B, T, h), K, V = decay.shape, query.shape[1], value.shape[1]
    lanes = VECTOR_BYTES // value.itemsize
    tiles = -(-V // lanes)
    for job in numba.prange(B * h * tiles):
        b, n, j = job // (h * tiles), job // tiles % h, job % tiles * lanes
        width, S = min(lanes, V - j), np.zeros((K, lanes), value.dtype)
        S[:, :width] = state[b, n, :, j : j + width]
        for t in range(T):
            token, gamma = (b * T + t) * h + n, decay[b, t, n]
            written = load_some(value, (token, j), width)
            if write.size:
                written = written - gamma * read(S, key, token)
                store_some(errors, (token, j), width, written)
                written = write[b, t, n] * written
            store_some(output, (token, j), width, update_and_read(S, gamma, key, written, query, token))
        last[b, n, :, j : j + width] = S[:, :width]


@njit(parallel=True)
def _backwards(values, column, row, reader, out, erasing, key, partner, decay, write, d_write, balance, edges):
    """From the last token to the first with G, the gradient at H, or with its transpose.

    For the `values` G is read by keys, and its states between segments are noted in edges [B, h, segments + 1, K, V],
    of which the last is given; else G's transpose is read by what was written, for the keys.
    """
    (B, T, h), (_, N), D = decay.shape, column.shape, row.shape[1]
    lanes, one = VECTOR_BYTES // row.itemsize, row.dtype.type(1)
    for job in numba.prange(B * h):
        b, n, G = job // h, job % h, np.zeros((N, lanes), row.dtype)
        for j in range(0, D, lanes):
            width, gamma = min(lanes, D - j), one
            G[:, :width] = edges[b, n, -1, :, j : j + width]
            for t in range(T - 1, -1, -1):
                token = (b * T + t) * h + n
                found = update_and_read(G, gamma, column, load_some(row, (token, j), width), reader, token)
                if values:
                    gain = total(found * load_some(partner, (token, j), width))
                    if write.size:
                        d_write[b, t, n] += gain
                        found, gain = write[b, t, n] * found, write[b, t, n] * gain
                    balance[b, t, n] -= gain
                store_some(out, (token, j), width, found)
                if write.size:
                    erased = found if values else load_some(key, (token, j), width)
                    update_and_read(G, one, erasing, -one * erased, erasing, token)
                gamma = decay[b, t, n]
                if values and t % SEGMENT == 0:
                    edges[b, n, t // SEGMENT, :, j : j + width] = gamma * G[:, :width]


@njit(parallel=True)
def _queries(d_output, query, key, written, d_value, d_query, d_key, decay, state, edges, balance, delta):
    """From the first token to the last with H's transpose: every query is read by the gradient of what it was told.

    `balance` becomes the gradient at the logarithms of the decays.
    """
    (B, T, h), K, V = decay.shape, query.shape[1], written.shape[1]
    lanes = VECTOR_BYTES // written.itemsize
    for job in numba.prange(B * h):
        b, n, H = job // h, job % h, np.zeros((V, lanes), written.dtype)
        crossing = np.zeros(edges.shape[2])  # what a decay at a segment's end would change: <H, its gradient>
        for i in range(0, K, lanes):
            width = min(lanes, K - i)
            H[:, :width] = state[b, n, i : i + width].T
            for t in range(T):
                token, gamma = (b * T + t) * h + n, decay[b, t, n]
                keys = load_some(key, (token, i), width)
                if delta:
                    erased = -gamma * read(H, d_value, token)
                    balance[b, t, n] += total(erased * keys)
                    store_some(d_key, (token, i), width, load_some(d_key, (token, i), width) + erased)
                found = update_and_read(H, gamma, written, keys, d_output, token)
                store_some(d_query, (token, i), width, found)
                balance[b, t, n] += total(found * load_some(query, (token, i), width))
                if t % SEGMENT == SEGMENT - 1 or t == T - 1:
                    after = t // SEGMENT + 1
                    for m in range(width):
                        for j in range(V):
                            crossing[after] += H[j, m] * edges[b, n, after, i + m, j]
        for t in range(T - 1, -1, -1):
            if t % SEGMENT == SEGMENT - 1 or t == T - 1:
                so_far = crossing[t // SEGMENT + 1]
            so_far += balance[b, t, n]
            balance[b, t, n] = so_far
