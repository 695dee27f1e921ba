"""The chunked form on a GPU, in Triton, of fixed and gated decays: `forward` and `backward` of the package's docstring.

Two kernels do everything. `carry` goes from chunk to chunk with a tile of a head's state, K^T V, and notes it before
each; `read` gives what the rows of a chunk make of its other rows and of the state S at its edge,

    out_i = sum over j <= i of exp(g_i - g_j) (a_i . b_j) c_j + exp(g_i) a_i S,

with g the sum of the chunk's log decays to a row. On the way back both run against time: j >= i, exp(g_j - g_i) and
exp(G - g_i), G the sum of the whole chunk. With H the states and D their gradients, each gradient is a reading too:

    output = read(q, k, v, H)       d_q = read(d_o, v, k, H^T)      d_v = read(k, q, d_o, D) against time
                                                                    d_k = read(v, d_o, q, D^T) against time

The log decay of a token acts on every g_i of its chunk from there on and on what comes after the chunk: its gradient is
the sum over these i of q_i . d_q_i - k_i . d_k_i, and H . D at the chunk's end. No sum is longer than a chunk: of a
whole sequence it would be a small difference of large numbers.

Nor does a log decay of -60 hide what small ones beside it add to g, of which only differences count: g has two parts,
multiples of 2^-10, which add up exactly, and the sum of what remains.
"""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.functional import pad
from triton import knobs

from brainlib.astrosnn.kernels.triton import jit, require_gpu

INTERPRETED = tl.constexpr(knobs.runtime.interpret)
FORGOTTEN = tl.constexpr(-80.0)  # a log decay below it counts as it: nothing is left of a state, and sums stay finite
COARSE = tl.constexpr(1024.0)


class Cut(NamedTuple):
    """How the work is cut into programs."""

    chunk: int  # tokens
    tile: int  # of keys or values, at most
    warps: int
    stages: int


def plan(dtype: torch.dtype) -> Cut:
    """Tiles that stay in the registers of an A100 and an H100, by the compiler's account."""
    return {2: Cut(64, 64, 4, 3), 4: Cut(32, 32, 4, 2), 8: Cut(32, 16, 4, 2)}[dtype.itemsize]


class Chunked(NamedTuple):
    """Sizes that all launches share, and the decays."""

    log_decay: Tensor
    B: int
    T: int
    h: int
    cut: Cut

    @property
    def chunks(self) -> int:
        return triton.cdiv(self.T, self.cut.chunk)

    def tiles(self, dim: int) -> tuple[int, int]:
        """The size of a tile along keys or values, and how many there are."""
        size = min(self.cut.tile, max(16, triton.next_power_of_2(dim)))
        return size, triton.cdiv(dim, size)

    def options(self, dtype: torch.dtype, K: int, V: int) -> dict:
        exact = dtype == torch.float64 or torch.get_float32_matmul_precision() == "highest"
        return {
            "GATED": self.log_decay.ndim == 3, "C": self.cut.chunk, "BK": self.tiles(K)[0], "BV": self.tiles(V)[0],
            "PRECISION": "ieee" if exact else "tf32", "num_warps": self.cut.warps, "num_stages": self.cut.stages,
        }  # fmt: skip

    def carry(
        self, key: Tensor, value: Tensor, start: Tensor, other: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """States at the chunks' edges [B, h, chunks + 1, K, V], the last of all, and their products with `other` states
        [B, h, chunks], which go with time where these go against it.
        """
        (*_, K), V = key.shape, value.shape[-1]
        states, last = key.new_empty(self.B, self.h, self.chunks + 1, K, V), torch.empty_like(start)
        k_tiles, v_tiles = self.tiles(K)[1], self.tiles(V)[1]
        products = None if other is None else start.new_empty(k_tiles * v_tiles, self.B, self.h, self.chunks)
        carry[k_tiles, v_tiles, self.B * self.h](
            key, value, self.log_decay, start, other, states, last, products, self.T, self.h, K, V,
            AGAINST=other is not None, **self.options(key.dtype, K, V),
        )  # fmt: skip
        return states, last, None if products is None else products.sum(0)

    def read(
        self, a: Tensor, b: Tensor, c: Tensor, states: Tensor, *, transposed: bool = False, against: bool = False,
        partner: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """What the rows make of each other [B, T, h, dim of c], and that times `partner`, a number a row."""
        out, (*_, K), V = torch.empty_like(c), a.shape, c.shape[-1]
        products = None if partner is None else c.new_empty(
            self.tiles(V)[1], self.B, self.T, self.h, dtype=self.log_decay.dtype
        )  # fmt: skip
        read[self.tiles(V)[1], self.chunks, self.B * self.h](
            a, b, c, self.log_decay, states, partner, out, products, self.T, self.h, K, V,
            TRANSPOSED=transposed, AGAINST=against, **self.options(a.dtype, K, V),
        )  # fmt: skip
        return out, None if products is None else products.sum(0)


def forward(query, key, value, log_decay, write, state):
    require_gpu("query", query)
    with torch.cuda.device_of(query):
        memory = Chunked(log_decay, *query.shape[:3], plan(query.dtype))
        states, last, _ = memory.carry(key, value, state)
        output, _ = memory.read(query, key, value, states)
    return output, last, value.new_empty(0, 0, 0, 0)


def backward(d_output, d_last, query, key, value, log_decay, write, state, errors):
    with torch.cuda.device_of(query):
        memory = Chunked(log_decay, *query.shape[:3], plan(query.dtype))
        states, _, _ = memory.carry(key, value, state)
        d_states, d_state, at_ends = memory.carry(query, d_output, d_last, states)
        d_query, arriving = memory.read(d_output, value, key, states, transposed=True, partner=query)
        d_key, leaving = memory.read(value, d_output, query, d_states, transposed=True, against=True, partner=key)
        d_value, _ = memory.read(key, query, d_output, d_states, against=True)
    d_decay = pad(arriving - leaving, (0, 0, 0, -memory.T % memory.cut.chunk)).unflatten(1, (-1, memory.cut.chunk))
    d_decay = d_decay.flip(2).cumsum(2).flip(2) + at_ends.transpose(1, 2)[:, :, None]  # [B, chunks, C, h]
    d_decay = d_decay.flatten(1, 2)[:, : memory.T]
    d_decay = d_decay.contiguous() if log_decay.ndim == 3 else d_decay.sum((0, 1))
    return d_query, d_key, d_value, d_decay, value.new_empty(0, 0, 0, 0), d_state


@jit(do_not_specialize=["T"])
def carry(
    key, value, log_decay, start, other, states, last, products, T, H, K, V,
    AGAINST: tl.constexpr, GATED: tl.constexpr, C: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """S <- exp(G) S + sum_j exp(G - g_j) k_j v_j^T, or against time exp(g_j); key [B, T, H, K], value [B, T, H, V]."""
    z = tl.program_id(2).to(tl.int64)
    b, h = z // H, z % H
    i, k, v = tl.arange(0, C), tl.program_id(0) * BK + tl.arange(0, BK), tl.program_id(1) * BV + tl.arange(0, BV)
    at, inside = k[:, None] * V + v[None, :], (k < K)[:, None] & (v < V)[None, :]
    S = tl.load(start + z * K * V + at, mask=inside, other=0.0)
    chunks = tl.cdiv(T, C)
    for step in range(chunks):
        chunk = chunks - 1 - step if AGAINST else step
        edge = (z * (chunks + 1) + chunk) * K * V
        tl.store(states + edge + at, S.to(states.dtype.element_ty), mask=inside)
        if AGAINST:
            after = tl.load(other + edge + K * V + at, mask=inside, other=0.0)
            tile = tl.program_id(0) * tl.num_programs(1) + tl.program_id(1)
            product = tl.sum(tl.sum(S * after.to(S.dtype), 1), 0)
            tl.store(products + (tile * tl.num_programs(2) + z) * chunks + chunk, product)
        t = chunk * C + i
        rows = (b * T + t) * H + h
        coarse, fine, whole_coarse, whole_fine = faded(log_decay, rows, h, t < T, GATED)
        share = tl.exp(coarse + fine if AGAINST else (whole_coarse - coarse) + (whole_fine - fine))
        k_rows = tl.load(key + (rows * K)[:, None] + k[None, :], mask=(t < T)[:, None] & (k < K)[None, :], other=0.0)
        v_rows = tl.load(value + (rows * V)[:, None] + v[None, :], mask=(t < T)[:, None] & (v < V)[None, :], other=0.0)
        shared = (k_rows.to(S.dtype) * share[:, None]).to(k_rows.dtype)
        S = dot(tl.trans(shared), v_rows, S * tl.exp(whole_coarse + whole_fine), PRECISION)
    tl.store(last + z * K * V + at, S, mask=inside)
    if not AGAINST:
        tl.store(states + (z * (chunks + 1) + chunks) * K * V + at, S.to(states.dtype.element_ty), mask=inside)


@jit(do_not_specialize=["T"])
def read(
    a, b, c, log_decay, states, partner, out, products, T, H, K, V,
    TRANSPOSED: tl.constexpr, AGAINST: tl.constexpr, GATED: tl.constexpr, C: tl.constexpr,
    BK: tl.constexpr, BV: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`out` as above, [B, T, H, V] as c and partner; a and b [B, T, H, K]; states [.., K, V], or TRANSPOSED [.., V, K];
    `products` [tiles of V, B, T, H].
    """
    chunk, z = tl.program_id(1), tl.program_id(2).to(tl.int64)
    i, k, v = tl.arange(0, C), tl.arange(0, BK), tl.program_id(0) * BV + tl.arange(0, BV)
    t = chunk * C + i
    rows = (z // H * T + t) * H + z % H
    coarse, fine, whole_coarse, whole_fine = faded(log_decay, rows, z % H, t < T, GATED)
    states += (z * (tl.cdiv(T, C) + 1) + chunk) * K * V
    state_at = k[:, None] + v[None, :] * K if TRANSPOSED else k[:, None] * V + v[None, :]
    pairs, acc = tl.zeros((C, C), coarse.dtype), tl.zeros((C, BV), coarse.dtype)
    for first in range(0, K, BK):
        k_inside = first + k < K
        inside = (t < T)[:, None] & k_inside[None, :]
        a_rows = tl.load(a + (rows * K + first)[:, None] + k[None, :], mask=inside, other=0.0)
        b_rows = tl.load(b + (rows * K + first)[:, None] + k[None, :], mask=inside, other=0.0)
        S = tl.load(states + state_at, mask=k_inside[:, None] & (v < V)[None, :], other=0.0)
        pairs = dot(a_rows, tl.trans(b_rows), pairs, PRECISION)
        acc = dot(a_rows, S, acc, PRECISION)
        states += BK if TRANSPOSED else BK * V
    between = (coarse[:, None] - coarse[None, :]) + (fine[:, None] - fine[None, :])
    if AGAINST:
        between = -between
        heard = i[:, None] <= i[None, :]
        to_edge = (whole_coarse - coarse) + (whole_fine - fine)
    else:
        heard = i[:, None] >= i[None, :]
        to_edge = coarse + fine
    pairs = tl.where(heard, pairs * tl.exp(tl.where(heard, between, 0.0)), 0.0)
    at, inside = (rows * V)[:, None] + v[None, :], (t < T)[:, None] & (v < V)[None, :]
    c_rows = tl.load(c + at, mask=inside, other=0.0)
    acc = dot(pairs.to(c_rows.dtype), c_rows, acc * tl.exp(to_edge)[:, None], PRECISION)
    tl.store(out + at, acc.to(out.dtype.element_ty), mask=inside)
    if partner is not None:
        with_partner = tl.sum(acc * tl.load(partner + at, mask=inside, other=0.0).to(acc.dtype), 1)
        tile = tl.program_id(0) * (tl.num_programs(2) // H).to(tl.int64) * T * H
        tl.store(products + tile + rows, with_partner, mask=t < T)


@jit
def faded(log_decay, rows, h, inside, GATED: tl.constexpr):
    """g in two parts, and G in two; behind the last token nothing fades."""
    x = tl.load(log_decay + (rows if GATED else h + 0 * rows), mask=inside, other=0.0)
    x = tl.where(x < FORGOTTEN, FORGOTTEN, x)  # NaN stays NaN
    coarse = tl.floor(x * COARSE) / COARSE
    fine = x - coarse
    return tl.cumsum(coarse, 0), tl.cumsum(fine, 0), tl.sum(coarse, 0), tl.sum(fine, 0)


@jit
def dot(a, b, acc, PRECISION: tl.constexpr):
    if INTERPRETED:  # its product of half precision is wrong
        a, b = a.to(acc.dtype), b.to(acc.dtype)
    return tl.dot(a, b, acc, input_precision=PRECISION, out_dtype=acc.dtype)
