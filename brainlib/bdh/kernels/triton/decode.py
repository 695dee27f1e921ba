"""One new token on a GPU: rows of the synapses, of Dy and of E that belong to silent neurons are not read."""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 128  # neurons a program sums up
STEP = 32  # of them at once


def read_and_write(synapses: Tensor, q: Tensor, v: Tensor) -> Tensor:
    """a = q rho for every head, then rho += q v^T: [B, H, K, D], [B, H, K], [B, D] -> [B, H, D].

    Rows of silent neurons are neither read nor written.
    """
    return sums_of(read_and_write_kernel, synapses, q, v, neurons=q, dim=v.shape[1]).sum(2)


def gate_rows(normed: Tensor, decoder_y: Tensor, x: Tensor, encoder: Tensor) -> Tensor:
    """E y with y = relu(normed Dy) * x: [B, H, D], [H, K, D], [B, H, K], [H, K, D] -> [B, D]."""
    return sums_of(gate_rows_kernel, normed, decoder_y, x, encoder, neurons=x, dim=normed.shape[2]).sum((1, 2))


def sums_of(kernel, *arguments: Tensor, neurons: Tensor, dim: int) -> Tensor:
    """What each program sums up of a head's neurons [B, H, K]: [B, H, parts, D]."""
    B, H, K = neurons.shape
    sums = neurons.new_empty(B, H, triton.cdiv(K, ROWS), dim)
    with torch.cuda.device_of(neurons):
        kernel[(sums.shape[2], B * H)](*arguments, sums, H, K, dim, triton.next_power_of_2(dim), ROWS, STEP)
    return sums


@triton.jit
@no_type_check
def read_and_write_kernel(synapses, q, v, sums, H, K, D, BD: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr):
    part, z = tl.program_id(0), tl.program_id(1).to(tl.int64)
    d = tl.arange(0, BD)
    value = tl.load(v + z // H * D + d, mask=d < D, other=0.0)
    total = tl.zeros((BD,), sums.dtype.element_ty)
    for first in range(part * ROWS, (part + 1) * ROWS, STEP):
        k = first + tl.arange(0, STEP)
        strength = tl.load(q + z * K + k, mask=k < K, other=0.0)
        at, inside = synapses + (z * K + k)[:, None] * D + d[None, :], (strength != 0)[:, None] & (d < D)[None, :]
        row = tl.load(at, mask=inside, other=0.0)  # [STEP, BD]
        total += tl.sum(strength[:, None] * row, 0)
        tl.store(at, row + strength[:, None] * value[None, :], mask=inside)
    tl.store(sums + (z * tl.num_programs(0) + part) * D + d, total, mask=d < D)


@triton.jit
@no_type_check
def gate_rows_kernel(
    normed, Dy, x, E, sums, H, K, D, BD: tl.constexpr, ROWS: tl.constexpr, STEP: tl.constexpr
):  # fmt: skip
    part, z = tl.program_id(0), tl.program_id(1).to(tl.int64)
    d = tl.arange(0, BD)
    attended = tl.load(normed + z * D + d, mask=d < D, other=0.0)
    total = tl.zeros((BD,), sums.dtype.element_ty)
    for first in range(part * ROWS, (part + 1) * ROWS, STEP):
        k = first + tl.arange(0, STEP)
        fired = tl.load(x + z * K + k, mask=k < K, other=0.0)
        at = (z % H * K + k)[:, None] * D + d[None, :]
        into = tl.load(Dy + at, mask=(fired > 0)[:, None] & (d < D)[None, :], other=0.0)  # [STEP, BD]
        gate = tl.sum(into * attended[None, :], 1)
        y = tl.where(gate > 0, gate, 0.0) * fired
        out = tl.load(E + at, mask=(y > 0)[:, None] & (d < D)[None, :], other=0.0)
        total += tl.sum(out * y[:, None], 0)
    tl.store(sums + (z * tl.num_programs(0) + part) * D + d, total, mask=d < D)
