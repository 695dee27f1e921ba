"""Event-driven decoding on the CPU: a neuron that is silent costs one comparison, not `dim` multiplications."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

PARTS = 16  # of a head's neurons, summed one by one: the order of summation does not depend on the number of threads
REORDER = {"reassoc", "contract", "nsz"}  # lets the compiler vectorise a sum; NaN and infinity keep their meaning


def hear_and_learn(synapses: Tensor, q: Tensor, v: Tensor) -> Tensor:
    """a = q rho for every head, then rho += q v^T, in one pass: [B, H, K, D], [B, H, K], [B, D] -> [B, H, D]."""
    B, H, _, D = synapses.shape
    sums = np.zeros((B, H, PARTS, D), dtype=q.numpy().dtype)
    with torch_threads():
        _hear_and_learn(synapses.numpy(), q.numpy(), v.numpy(), sums)
    return torch.from_numpy(sums.sum(2))


def fire(normed: Tensor, decoder_y: Tensor, x: Tensor, encoder: Tensor) -> Tensor:
    """E y with y = relu(normed Dy) * x: [B, H, D], [H, K, D], [B, H, K], [H, K, D] -> [B, D]."""
    B, H, D = normed.shape
    sums = np.zeros((B, H, PARTS, D), dtype=x.numpy().dtype)
    with torch_threads():
        _fire(normed.numpy(), decoder_y.numpy(), x.numpy(), encoder.numpy(), sums)
    return torch.from_numpy(sums.sum((1, 2)))


@contextmanager
def torch_threads() -> Iterator[None]:
    """As many threads as torch uses; numba may share torch's thread pool, and would leave it at another number."""
    threads = torch.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


@numba.njit(parallel=True, fastmath=REORDER, cache=True)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _hear_and_learn(synapses, q, v, sums):
    B, H, K, D = synapses.shape
    for job in numba.prange(B * H * PARTS):
        b, h, part = job // (H * PARTS), job // PARTS % H, job % PARTS
        total, value = sums[b, h, part], v[b]
        for k in range(part * K // PARTS, (part + 1) * K // PARTS):
            strength = q[b, h, k]
            if strength != 0:
                row = synapses[b, h, k]
                for d in range(D):
                    total[d] += strength * row[d]
                    row[d] += strength * value[d]


@numba.njit(parallel=True, fastmath=REORDER, cache=True)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _fire(normed, decoder_y, x, encoder, sums):
    B, H, K = x.shape
    D = normed.shape[2]
    for job in numba.prange(B * H * PARTS):
        b, h, part = job // (H * PARTS), job // PARTS % H, job % PARTS
        total, heard = sums[b, h, part], normed[b, h]
        for k in range(part * K // PARTS, (part + 1) * K // PARTS):
            if x[b, h, k] > 0:
                into = decoder_y[h, k]
                gate = x.dtype.type(0)
                for d in range(D):
                    gate += heard[d] * into[d]
                if gate > 0:
                    y, out = gate * x[b, h, k], encoder[h, k]
                    for d in range(D):
                        total[d] += y * out[d]
