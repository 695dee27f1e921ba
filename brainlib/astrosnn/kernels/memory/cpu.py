"""The memory's recurrent form compiled by numba, forward and backward: each head of each sequence by itself.

A state stays in its core's cache, in tiles of whole vectors. Derivation of the gradients: README.md beside this file.
"""

from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

from brainlib.astrosnn.kernels.memory.tiles import read, update, update_and_read
from brainlib.backend import torch_threads
from brainlib.jit import njit
from brainlib.lanes import VECTOR_BYTES

SEGMENT = 64  # tokens between states whose gradients are noted: sums of the decays' gradients start from them


def forward(query, key, value, log_decay, write, state) -> tuple[Tensor, Tensor, Tensor]:
    output, last = torch.empty_like(value), torch.empty_like(state)
    errors = torch.empty_like(value) if write is not None else value.new_empty(0, 0, 0, 0)
    with torch_threads():
        run(_forward, query, key, value, decays(log_decay, query), no_write(write, value), state, output, last, errors)
    return output, last, errors


def backward(
    d_output, d_last, query, key, value, log_decay, write, state, errors
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_output = torch.zeros_like(value) if d_output is None else d_output
    d_query, d_key, d_value = (torch.empty_like(tensor) for tensor in (query, key, value))
    d_write = torch.empty_like(errors if write is None else write)
    d_decay = query.new_empty(query.shape[:3], dtype=torch.float64)
    edges = state.new_empty(*state.shape[:2], -(-query.shape[1] // SEGMENT) + 1, *state.shape[2:])
    edges[:, :, -1] = 0 if d_last is None else d_last
    written = value if write is None else write[..., None] * errors
    common = d_output, query, key, written, decays(log_decay, query)
    with torch_threads():
        run(_values, *common, no_write(write, value), errors, d_value, d_write, edges, d_decay)
        run(_keys, *common, errors, edges, d_value, d_key)
        run(_queries, *common, state, errors, edges, d_value, d_query, d_key, d_decay)
    d_decay = (d_decay if log_decay.ndim == 3 else d_decay.sum((0, 1))).to(log_decay.dtype)
    return d_query, d_key, d_value, d_decay, d_write, edges[:, :, 0].contiguous()


def run(kernel, *tensors: Tensor) -> None:
    kernel(*(tensor.numpy() for tensor in tensors))


def decays(log_decay: Tensor, query: Tensor) -> Tensor:
    """gamma of every token."""
    return log_decay.exp().expand(query.shape[:3]).contiguous()


def no_write(write: Tensor | None, value: Tensor) -> Tensor:
    return value.new_empty(0, 0, 0) if write is None else write


@njit(parallel=True)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _forward(query, key, value, decay, write, state, output, last, errors):
    B, T, h, K = query.shape
    V, lanes, delta = value.shape[3], VECTOR_BYTES // value.itemsize, errors.size > 0
    tiles, one = -(-V // lanes), value.dtype.type(1)
    q, k, v, o, e = query.reshape(-1), key.reshape(-1), value.reshape(-1), output.reshape(-1), errors.reshape(-1)
    for job in numba.prange(B * h * tiles):
        b, n, j = job // (h * tiles), job // tiles % h, job % tiles * lanes
        width, S = min(lanes, V - j), np.zeros((K, lanes), value.dtype)
        S[:, :width] = state[b, n, :, j : j + width]
        for t in range(T):
            token = (b * T + t) * h + n
            at, to, gamma = token * K, token * V + j, decay[b, t, n]
            if delta:
                read(S, gamma, k, at, e, to, v, to, width)
                for i in range(to, to + width):
                    e[i] = v[i] - e[i]
                update_and_read(S, gamma, write[b, t, n], k, at, e, to, q, at, o, to, v, to, width)
            else:
                update_and_read(S, gamma, one, k, at, v, to, q, at, o, to, v, to, width)
        last[b, n, :, j : j + width] = S[:, :width]


@njit(parallel=True)
@no_type_check
def _values(d_output, query, key, written, decay, write, errors, d_value, d_write, edges, balance):
    """From the last token to the first with G, the gradient at H: what every token wrote is read by its key.

    Gives edges [B, h, segments + 1, K, V], the gradient at the state between segments (the last is given).
    """
    B, T, h, K = query.shape
    V, lanes, delta = written.shape[3], VECTOR_BYTES // written.itemsize, errors.size > 0
    one, q, k, u = written.dtype.type(1), query.reshape(-1), key.reshape(-1), written.reshape(-1)
    do, dv, e = d_output.reshape(-1), d_value.reshape(-1), errors.reshape(-1)
    for job in numba.prange(B * h):
        b, n, G = job // h, job % h, np.zeros((K, lanes), written.dtype)
        balance[b, :, n] = 0
        if delta:
            d_write[b, :, n] = 0
        for j in range(0, V, lanes):
            width, gamma = min(lanes, V - j), one
            G[:, :width] = edges[b, n, -1, :, j : j + width]
            for t in range(T - 1, -1, -1):
                token = (b * T + t) * h + n
                at, to = token * K, token * V + j
                if delta:
                    eta = write[b, t, n]
                    gain = update_and_read(G, gamma, one, q, at, do, to, k, at, dv, to, e, to, width)
                    d_write[b, t, n] += gain
                    balance[b, t, n] -= eta * gain
                    for i in range(to, to + width):
                        dv[i] *= eta
                    update(G, one, -one, k, at, dv, to, width)
                else:
                    gain = update_and_read(G, gamma, one, q, at, do, to, k, at, dv, to, u, to, width)
                    balance[b, t, n] -= gain
                gamma = decay[b, t, n]
                if t % SEGMENT == 0:
                    edges[b, n, t // SEGMENT, :, j : j + width] = gamma * G[:, :width]


@njit(parallel=True)
@no_type_check
def _keys(d_output, query, key, written, decay, errors, edges, d_value, d_key):
    """The same way with G's transpose: every key is read by what was written."""
    B, T, h, K = query.shape
    V, lanes, delta = written.shape[3], VECTOR_BYTES // written.itemsize, errors.size > 0
    one, q, k, u = written.dtype.type(1), query.reshape(-1), key.reshape(-1), written.reshape(-1)
    do, dv, dk = d_output.reshape(-1), d_value.reshape(-1), d_key.reshape(-1)
    for job in numba.prange(B * h):
        b, n, G = job // h, job % h, np.zeros((V, lanes), written.dtype)
        for i in range(0, K, lanes):
            width, gamma = min(lanes, K - i), one
            G[:, :width] = edges[b, n, -1, i : i + width].T
            for t in range(T - 1, -1, -1):
                token = (b * T + t) * h + n
                at, to = token * K + i, token * V
                update_and_read(G, gamma, one, do, to, q, at, u, to, dk, at, k, at, width)
                if delta:
                    update(G, one, -one, dv, to, k, at, width)
                gamma = decay[b, t, n]


@njit(parallel=True)
@no_type_check
def _queries(d_output, query, key, written, decay, state, errors, edges, d_value, d_query, d_key, balance):
    """From the first token to the last with H's transpose: every query is read by the gradient of what it was told.

    `balance` becomes the gradient at the logarithms of the decays.
    """
    B, T, h, K = query.shape
    V, lanes, delta = written.shape[3], VECTOR_BYTES // written.itemsize, errors.size > 0
    one, q, k, u = written.dtype.type(1), query.reshape(-1), key.reshape(-1), written.reshape(-1)
    do, dv, dq, dk = d_output.reshape(-1), d_value.reshape(-1), d_query.reshape(-1), d_key.reshape(-1)
    for job in numba.prange(B * h):
        b, n, H, part = job // h, job % h, np.zeros((V, lanes), written.dtype), np.zeros(lanes, written.dtype)
        crossing = np.zeros(edges.shape[2])  # what a decay at a segment's end would change: <H, its gradient>
        for i in range(0, K, lanes):
            width = min(lanes, K - i)
            H[:, :width] = state[b, n, i : i + width].T
            for t in range(T):
                token = (b * T + t) * h + n
                at, to, gamma = token * K + i, token * V, decay[b, t, n]
                if delta:
                    balance[b, t, n] += read(H, -gamma, dv, to, part, 0, k, at, width)
                    for m in range(width):
                        dk[at + m] += part[m]
                balance[b, t, n] += update_and_read(H, gamma, one, u, to, k, at, do, to, dq, at, q, at, width)
                if t % SEGMENT == SEGMENT - 1 or t == T - 1:
                    after = t // SEGMENT + 1
                    for m in range(width):
                        for j in range(V):
                            crossing[after] += H[j, m] * edges[b, n, after, i + m, j]
        for t in range(T - 1, -1, -1):
            if t % SEGMENT == SEGMENT - 1 or t == T - 1:
                total = crossing[t // SEGMENT + 1]
            total += balance[b, t, n]
            balance[b, t, n] = total
