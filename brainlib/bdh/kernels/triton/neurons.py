"""Kernels between channels and neurons: narrow in, wide out, with everything elementwise done on the tile."""

from typing import no_type_check

import triton
import triton.language as tl

from brainlib.bdh.kernels.triton.tiles import product, relu, rotated, survives, tuned

SHAPES = (64, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 3)


@tuned(*SHAPES, key=["D", "K"])
@triton.jit
@no_type_check
def project(
    v, Dx, rope, x, q, N, T, D, H, K,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """x = relu(v Dx) and q = RoPE(x): v [N, D], Dx [H, D, K], rope [T, K], x and q [N, H, K]."""
    first_n, first_k, h = tl.program_id(0).to(tl.int64) * BM, tl.program_id(1) * BN, tl.program_id(2).to(tl.int64)
    n, k = tl.arange(0, BM), tl.arange(0, BN)
    n_inside, k_inside = first_n + n < N, first_k + k < K
    p = tl.zeros((BM, BN), tl.float32)
    p = product(
        p, v + first_n * D, n * D, 1, n_inside, Dx + h * D * K + first_k, k, K, k_inside, D, BK, PRECISION
    )  # fmt: skip
    fired = relu(p).to(x.dtype.element_ty)
    inside = n_inside[:, None] & k_inside[None, :]
    t = ((first_n + n) % T).to(tl.int32)
    phases = tl.load(rope + first_k + ((t * K)[:, None] + k[None, :]), mask=inside, other=0.0)
    wide, at = (first_n * H + h) * K + first_k, (n * H * K)[:, None] + k[None, :]
    tl.store(x + wide + at, fired, mask=inside)
    tl.store(q + wide + at, rotated(fired.to(tl.float32), phases, 1, BM, BN).to(q.dtype.element_ty), mask=inside)


@tuned(*SHAPES, key=["D", "K"])
@triton.jit(do_not_specialize=["seed", "first_row", "threshold"])
@no_type_check
def gate_forward(
    normed, Dy, x, y, seed, first_row, threshold, N, D, H, K, DROPOUT: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """y = relu(normed Dy) * x, dropped: normed [H, N, D], Dy [H, D, K], x and y [N, H, K]."""
    first_n, first_k, h = tl.program_id(0).to(tl.int64) * BM, tl.program_id(1) * BN, tl.program_id(2).to(tl.int64)
    n, k = tl.arange(0, BM), tl.arange(0, BN)
    n_inside, k_inside = first_n + n < N, first_k + k < K
    gate = tl.zeros((BM, BN), tl.float32)
    gate = product(
        gate, normed + (h * N + first_n) * D, n * D, 1, n_inside,
        Dy + h * D * K + first_k, k, K, k_inside, D, BK, PRECISION,
    )  # fmt: skip
    gate = relu(gate)
    if DROPOUT:
        rows = first_row + tl.program_id(0) * BM + n
        gate = tl.where(survives(seed, rows, first_k, tl.program_id(2), threshold, BM, BN), gate, 0.0)
    inside = n_inside[:, None] & k_inside[None, :]
    wide, at = (first_n * H + h) * K + first_k, (n * H * K)[:, None] + k[None, :]
    out = gate * tl.load(x + wide + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + wide + at, out.to(y.dtype.element_ty), mask=inside)


@tuned(*SHAPES[:2], key=["D", "K"])
@triton.jit(do_not_specialize=["seed", "first_row", "threshold"])
@no_type_check
def gate_backward(
    normed, Dy, du, E, x, y, d_gate, dx, seed, first_row, threshold, N, D, H, K, DROPOUT: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """y once more, d_gate = dy * x * [gate > 0] and the part of dx through y, dy * gate, where dy = du E^T.

    du [N, D], E [H, K, D], d_gate and dx [N, H, K], the rest as in `gate_forward`.
    """
    first_n, first_k, h = tl.program_id(0).to(tl.int64) * BM, tl.program_id(1) * BN, tl.program_id(2).to(tl.int64)
    n, k = tl.arange(0, BM), tl.arange(0, BN)
    n_inside, k_inside = first_n + n < N, first_k + k < K
    gate, dy = tl.zeros((BM, BN), tl.float32), tl.zeros((BM, BN), tl.float32)
    gate = product(
        gate, normed + (h * N + first_n) * D, n * D, 1, n_inside,
        Dy + h * D * K + first_k, k, K, k_inside, D, BK, PRECISION,
    )  # fmt: skip
    dy = product(
        dy, du + first_n * D, n * D, 1, n_inside, E + (h * K + first_k) * D, k * D, 1, k_inside, D, BK, PRECISION
    )  # fmt: skip
    gate = relu(gate)
    if DROPOUT:
        rows = first_row + tl.program_id(0) * BM + n
        gate = tl.where(survives(seed, rows, first_k, tl.program_id(2), threshold, BM, BN), gate, 0.0)
    inside = n_inside[:, None] & k_inside[None, :]
    wide, at = (first_n * H + h) * K + first_k, (n * H * K)[:, None] + k[None, :]
    fired = tl.load(x + wide + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + wide + at, (gate * fired).to(y.dtype.element_ty), mask=inside)
    tl.store(d_gate + wide + at, tl.where(gate > 0, dy * fired, 0.0).to(d_gate.dtype.element_ty), mask=inside)
    tl.store(dx + wide + at, (dy * gate).to(dx.dtype.element_ty), mask=inside)
