"""Kernels between tokens: scores on and below the diagonal of tiles, the way back from them, and the synapses."""

from typing import no_type_check

import triton
import triton.language as tl

from brainlib.bdh.kernels.triton.tiles import product, rotated, tuned


@tuned((64, 64, 4, 4), (128, 128, 8, 3), (256, 128, 8, 3), key=["K"])
@triton.jit
@no_type_check
def scores(
    q, S, decay, T, H, K, FADES: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """S = f^(t-s) q_t . q_s for s < t, zero elsewhere: q [B, T, H, K], S [B, H, T, T], decay [H]."""
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


@tuned((64, 64, 4, 3), (128, 128, 8, 3), key=["K", "D"])
@triton.jit
@no_type_check
def unrotate(
    G, q, da, synapses, w, d_after, rope, x, dx, dp, T, D, H, K, PAST: tl.constexpr, LEARNED: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """dp = (dx + RoPE^-1(dq)) * [x > 0], where dq = G q + da synapses^T + w d_after^T.

    G [B, H, T, T], da and w [B, H, T, D], synapses and d_after [B, H, K, D], rope [T, K], q, x, dx and dp [B, T, H, K].
    """
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


@tuned((64, 64, 4, 3), (128, 128, 8, 3), key=["K", "D"])
@triton.jit
@no_type_check
def learn(
    q, w, before, whole, after, factor, T, D, H, K, BEFORE: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """after = factor q^T w + whole before: q [B, T, H, K], w [B, H, T, D], before and after [B, H, K, D], whole [H]."""
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
