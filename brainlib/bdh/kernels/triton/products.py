"""Products that end in elementwise work on the tile, or skip a triangle: between channels and neurons, and between
tokens. Beside each kernel stands the function that launches it.
"""

from typing import no_type_check

import torch
import triton
import triton.language as tl

from brainlib.bdh.kernels.slabs import DRAWS
from brainlib.bdh.kernels.triton.tiles import ROW_BYTES, product, relu, rotated, survives, tuned

SHAPES = (64, 64, 4, 3), (128, 64, 8, 3), (128, 128, 8, 3)


def tiles(rows: int, columns: int, depth: int):
    return lambda meta: (triton.cdiv(rows, meta["BM"]), triton.cdiv(columns, meta["BN"]), depth)


def products(low: torch.dtype) -> dict:
    exact = torch.get_float32_matmul_precision() == "highest"
    return {"BK": ROW_BYTES // low.itemsize, "PRECISION": "ieee" if exact else "tf32"}


def project(v, Dx, phases):
    """x = relu(v Dx) and q = RoPE(x): [B, T, D], [H, D, K], [T, K] -> [B, T, H, K] twice."""
    (B, T, D), (H, _, K) = v.shape, Dx.shape
    x, q = (v.new_empty(B, T, H, K) for _ in range(2))
    project_kernel[tiles(B * T, K, H)](v, Dx, phases, x, q, B * T, T, D, H, K, **products(v.dtype))
    return x, q


@tuned(*SHAPES, key=["D", "K"])
@triton.jit
@no_type_check
def project_kernel(
    v, Dx, rope, x, q, N, T, D, H, K,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
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


def gate(normed, Dy, x, options, first_row, du=None, E=None):
    """y = relu(normed Dy) * x, dropped: normed [H, B T, D], Dy [H, D, K], x [B, T, H, K].

    With du [B, T, D] and E [H, K, D] also d_gate = dy * x * [gate > 0] and the part of dx through y, dy * gate, where
    dy = du E^T.
    """
    (B, T, H, K), D, backward = x.shape, normed.shape[2], du is not None
    y, d_gate, dx = (torch.empty_like(x) if backward or first else None for first in (True, False, False))
    kernel, chance = gate_backward if backward else gate_forward, round(options.dropout * DRAWS)
    kernel[tiles(B * T, K, H)](
        normed, Dy, x, y, du, E, d_gate, dx, options.seed, first_row, chance, B * T, D, H, K, chance > 0, backward,
        **products(x.dtype),
    )  # fmt: skip
    return y, d_gate, dx


@triton.jit(do_not_specialize=["seed", "first_row", "threshold"])
@no_type_check
def gate_kernel(
    normed, Dy, x, y, du, E, d_gate, dx, seed, first_row, threshold, N, D, H, K,
    DROPOUT: tl.constexpr, BACKWARD: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    first_n, first_k, h = tl.program_id(0).to(tl.int64) * BM, tl.program_id(1) * BN, tl.program_id(2).to(tl.int64)
    n, k = tl.arange(0, BM), tl.arange(0, BN)
    n_inside, k_inside = first_n + n < N, first_k + k < K
    gate = tl.zeros((BM, BN), tl.float32)
    gate = product(
        gate, normed + (h * N + first_n) * D, n * D, 1, n_inside,
        Dy + h * D * K + first_k, k, K, k_inside, D, BK, PRECISION,
    )  # fmt: skip
    if BACKWARD:
        dy = tl.zeros((BM, BN), tl.float32)
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
    if BACKWARD:
        tl.store(d_gate + wide + at, tl.where(gate > 0, dy * fired, 0.0).to(d_gate.dtype.element_ty), mask=inside)
        tl.store(dx + wide + at, (dy * gate).to(dx.dtype.element_ty), mask=inside)


gate_forward, gate_backward = (tuned(*shapes, key=["D", "K"])(gate_kernel) for shapes in (SHAPES, SHAPES[:2]))


def scores_of(q, decay, S):
    """S = f^(t-s) q_t . q_s for s < t, zero elsewhere: q [B, T, H, K], decay [H], S [B, H, T, T]."""
    B, T, H, K = q.shape
    grid = lambda meta: (triton.cdiv(T, meta["BN"]), triton.cdiv(T, meta["BM"]), B * H)  # noqa: E731
    scores_kernel[grid](q, S, decay, T, H, K, decay is not None, **products(q.dtype))


@tuned((64, 64, 4, 4), (128, 128, 8, 3), (256, 128, 8, 3), key=["K"])
@triton.jit
@no_type_check
def scores_kernel(
    q, S, decay, T, H, K, FADES: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    z = tl.program_id(2).to(tl.int64)
    b, h = z // H, z % H
    first_t, first_s = tl.program_id(1) * BM, tl.program_id(0) * BN
    m, n = tl.arange(0, BM), tl.arange(0, BN)
    t, s = first_t + m, first_s + n
    q_t, q_s = q + ((b * T + first_t) * H + h) * K, q + ((b * T + first_s) * H + h) * K
    length = tl.where(first_s < first_t + BM, K, 0)  # above the diagonal there is nothing to add up
    acc = tl.zeros((BM, BN), tl.float32)
    acc = product(acc, q_t, m * H * K, 1, t < T, q_s, n * H * K, 1, s < T, length, BK, PRECISION)
    if FADES:
        acc *= tl.exp(tl.load(decay + h) * tl.minimum(s[None, :] - t[:, None], 0).to(tl.float32))
    acc = tl.where(s[None, :] < t[:, None], acc, 0.0)
    at = (z * T + first_t) * T + ((m * T)[:, None] + s[None, :])
    tl.store(S + at, acc.to(S.dtype.element_ty), mask=(t < T)[:, None] & (s < T)[None, :])


def unrotate(G, q, da, synapses, w, d_after, phases, x, dx, D):
    """dp = (dx + RoPE^-1(dq)) * [x > 0], where dq = G q + da synapses^T + w d_after^T.

    G [B, H, T, T], da and w [B, H, T, D], synapses and d_after [B, H, K, D], phases [T, K], q, x, dx and dp
    [B, T, H, K]; `da` and `synapses`, `w` and `d_after` may be None.
    """
    (B, T, H, K), dp = q.shape, torch.empty_like(x)
    unrotate_kernel[tiles(T, K, B * H)](
        G, q, da, synapses, w, d_after, phases, x, dx, dp, T, D, H, K, synapses is not None, d_after is not None,
        **products(q.dtype),
    )  # fmt: skip
    return dp


@tuned((64, 64, 4, 3), (128, 128, 8, 3), key=["K", "D"])
@triton.jit
@no_type_check
def unrotate_kernel(
    G, q, da, synapses, w, d_after, rope, x, dx, dp, T, D, H, K, PAST: tl.constexpr, LEARNED: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    z = tl.program_id(2).to(tl.int64)
    b, h = z // H, z % H
    first_t, first_k = tl.program_id(0) * BM, tl.program_id(1) * BN
    t, k = tl.arange(0, BM), tl.arange(0, BN)
    t_inside, k_inside = first_t + t < T, first_k + k < K
    narrow, state = (z * T + first_t) * D, (z * K + first_k) * D
    dq = tl.zeros((BM, BN), tl.float32)
    dq = product(
        dq, G + (z * T + first_t) * T, t * T, 1, t_inside,
        q + (b * T * H + h) * K + first_k, k, H * K, k_inside, T, BK, PRECISION,
    )  # fmt: skip
    if PAST:
        dq = product(
            dq, da + narrow, t * D, 1, t_inside, synapses + state, k * D, 1, k_inside, D, BK, PRECISION
        )  # fmt: skip
    if LEARNED:
        dq = product(
            dq, w + narrow, t * D, 1, t_inside, d_after + state, k * D, 1, k_inside, D, BK, PRECISION
        )  # fmt: skip
    inside = t_inside[:, None] & k_inside[None, :]
    phases = tl.load(rope + first_t * K + first_k + ((t * K)[:, None] + k[None, :]), mask=inside, other=0.0)
    wide, at = ((b * T + first_t) * H + h) * K + first_k, (t * H * K)[:, None] + k[None, :]
    d = rotated(dq, phases, -1, BM, BN) + tl.load(dx + wide + at, mask=inside, other=0.0).to(tl.float32)
    d = tl.where(tl.load(x + wide + at, mask=inside, other=0.0).to(tl.float32) > 0, d, 0.0)
    tl.store(dp + wide + at, d.to(dp.dtype.element_ty), mask=inside)


def learn(q, w, before, whole, after, factor):
    """after = factor q^T w + whole before: q [B, T, H, K], w [B, 1 or H, T, D], before (or None) and after
    [B, H, K, D], whole [H]."""
    (B, T, H, K), D = q.shape, w.shape[3]
    w = w.expand(B, H, T, D).contiguous()
    learn_kernel[tiles(K, D, B * H)](
        q, w, before, whole, after, factor, T, D, H, K, before is not None, **products(q.dtype)
    )


@tuned((64, 64, 4, 3), (128, 128, 8, 3), key=["K", "D"])
@triton.jit
@no_type_check
def learn_kernel(
    q, w, before, whole, after, factor, T, D, H, K, BEFORE: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    z = tl.program_id(2).to(tl.int64)
    b, h = z // H, z % H
    first_k, first_d = tl.program_id(0) * BM, tl.program_id(1) * BN
    k, d = tl.arange(0, BM), tl.arange(0, BN)
    k_inside, d_inside = first_k + k < K, first_d + d < D
    acc = tl.zeros((BM, BN), tl.float32)
    acc = product(
        acc, q + (b * T * H + h) * K + first_k, k, H * K, k_inside,
        w + z * T * D + first_d, d, D, d_inside, T, BK, PRECISION,
    )  # fmt: skip
    acc *= factor
    inside = k_inside[:, None] & d_inside[None, :]
    at = (z * K + first_k) * D + first_d + ((k * D)[:, None] + d[None, :])
    if BEFORE:
        acc += tl.load(whole + h) * tl.load(before + at, mask=inside, other=0.0)
    tl.store(after + at, acc, mask=inside)
