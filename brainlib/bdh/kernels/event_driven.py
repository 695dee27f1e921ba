"""Decoding on the CPU where a neuron that is silent costs one product, and no look at its synapses."""

from typing import no_type_check

import numba
import numpy as np
import torch
from torch import Tensor

from brainlib.backend import torch_threads
from brainlib.bdh.norm import EPS
from brainlib.jit import njit

PARTS = 16  # of a head's neurons, summed one by one: the order of summation does not depend on the number of threads
REORDER = {"reassoc", "contract", "nsz"}  # lets the compiler vectorise a sum; NaN and infinity keep their meaning


def decode(v, decoder_x, decoder_y, encoder, rope, synapses, faded) -> Tensor:
    """`decode` of decode.py: every layer in one pass over the rows of its active neurons."""
    _, B, H, K, D = synapses.shape
    v = v.clone().numpy()
    x, attended, outputs = (np.empty(shape, v.dtype) for shape in ((B, H, K), (B, H, PARTS, D), (B, H, PARTS, D)))
    others = (decoder_x, decoder_y, encoder, rope.real.contiguous(), rope.imag.contiguous(), synapses, faded)
    with torch_threads():
        _decode(v, *(tensor.numpy() for tensor in others), x, attended, outputs)
    return torch.from_numpy(v)


@njit(fastmath=REORDER)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _norm_of_sum(parts, factor):
    """parts[0] = norm(factor * parts.sum(0)): [N, D]."""
    total = parts[0]
    for part in parts[1:]:
        total += part
    mean = total.sum() / total.dtype.type(len(total))
    total[:] = factor * (total - mean)
    total *= total.dtype.type(1 / np.sqrt((total * total).mean() + EPS))


@njit(parallel=True, fastmath=REORDER)
@no_type_check
def _decode(v, decoder_x, decoder_y, encoder, cos, sin, synapses, faded, x, attended, outputs):
    L, B, H, K, D = synapses.shape
    pairs, zero, one = K // 2, x.dtype.type(0), x.dtype.type(1)
    for layer in range(L):
        for job in numba.prange(B * H * PARTS):
            b, h, part = job // (H * PARTS), job // PARTS % H, job % PARTS
            value, total = v[b], attended[b, h, part]
            for d in range(D):
                total[d] = 0
            for pair in range(part * pairs // PARTS, (part + 1) * pairs // PARTS):
                row0, row1 = decoder_x[h, 2 * pair], decoder_x[h, 2 * pair + 1]
                x0, x1 = zero, zero
                for d in range(D):
                    x0 += value[d] * row0[d]
                    x1 += value[d] * row1[d]
                x0, x1 = zero if x0 < 0 else x0, zero if x1 < 0 else x1  # NaN stays NaN
                x[b, h, 2 * pair], x[b, h, 2 * pair + 1] = x0, x1
                if x0 != 0 or x1 != 0:
                    q0 = (x0 * cos[0, pair] - x1 * sin[0, pair]) / faded[h]
                    q1 = (x1 * cos[0, pair] + x0 * sin[0, pair]) / faded[h]
                    row0, row1 = synapses[layer, b, h, 2 * pair], synapses[layer, b, h, 2 * pair + 1]
                    for d in range(D):
                        total[d] += q0 * row0[d] + q1 * row1[d]
                    for d in range(D):
                        row0[d] += q0 * value[d]
                    for d in range(D):
                        row1[d] += q1 * value[d]
        for b in range(B):
            for h in range(H):
                _norm_of_sum(attended[b, h], faded[h] * faded[h])
        for job in numba.prange(B * H * PARTS):
            b, h, part = job // (H * PARTS), job // PARTS % H, job % PARTS
            total, a = outputs[b, h, part], attended[b, h, 0]
            for d in range(D):
                total[d] = 0
            for k in range(2 * (part * pairs // PARTS), 2 * ((part + 1) * pairs // PARTS)):
                if x[b, h, k] != 0:
                    row = decoder_y[h, k]
                    gate = zero
                    for d in range(D):
                        gate += a[d] * row[d]
                    if not gate <= 0:
                        y, row = gate * x[b, h, k], encoder[h, k]
                        for d in range(D):
                            total[d] += y * row[d]
        for b in range(B):
            parts = outputs[b].reshape(H * PARTS, D)  # v = norm(v + norm(E y))
            _norm_of_sum(parts, one)
            for d in range(D):
                parts[1, d] = v[b, d]
            _norm_of_sum(parts[:2], one)
            for d in range(D):
                v[b, d] = parts[0, d]
