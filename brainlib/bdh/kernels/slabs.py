"""The round in torch operations on slabs: one head and as many sequences as fit in cache (all of them on a GPU)."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from brainlib.bdh.norm import EPS, norm
from brainlib.bdh.rotation import rotate

layer_norm_backward = torch.ops.aten.native_layer_norm_backward
relu_backward = torch.ops.aten.threshold_backward

CACHE_BYTES = 4 * 2**20  # of one n-wide slab tensor on a CPU
TILE = 128  # rows of the score matrix computed at once: what lies above the diagonal of tiles is skipped
DRAWS = 2**16  # outcomes of a random 16-bit number


def neuron_round(
    v: Float[Tensor, "batch time dim"],
    decoder_x: Float[Tensor, "heads dim head_neurons"],
    decoder_y: Float[Tensor, "heads dim head_neurons"],
    encoder: Float[Tensor, "heads head_neurons dim"],
    turn: Complex[Tensor, "time pairs"],
    synapses: Float[Tensor, "batch heads head_neurons dim"] | None,
    dropout: float = 0.0,
    carry: bool = True,
) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch heads head_neurons dim"] | None]:
    """E y and the new synapses of one layer: Appendix E, with eq. (8)'s rho in the frame that does not rotate.

    x = relu(v Dx), q = RoPE(x), a_t = sum over s < t of (q_t . q_s) v_s + q_t rho, y = relu(LN(a) Dy) * x.
    `synapses` is rho before the first token (None: zero); with `carry` it is also returned after the last, else None.
    `dropout` is the chance that an entry of y is dropped. Under autocast the matrix products run in its dtype.
    """
    kind = v.device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else v.dtype
    seed = int(torch.randint(2**62, ())) if dropout else 0
    options = Options(precision, dropout, seed, carry)
    with torch.autocast(kind, enabled=False):
        update, after = NeuronRound.apply(v, decoder_x, decoder_y, encoder, turn, synapses, options)
    return update, after


class Options(NamedTuple):
    precision: torch.dtype
    dropout: float
    seed: int
    carry: bool


class Slab(NamedTuple):
    head: int
    rows: slice
    seed: int


def slabs(heads: int, batch: int, row_bytes: int, device: torch.device, seed: int) -> Iterator[Slab]:
    rows = batch if device.type != "cpu" else max(1, CACHE_BYTES // row_bytes)
    for head in range(heads):
        for first in range(0, batch, rows):
            yield Slab(head, slice(first, min(first + rows, batch)), seed + head * batch + first)


class NeuronRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v, decoder_x, decoder_y, encoder, turn, synapses, options):
        (B, T, D), (H, _, K) = v.shape, decoder_x.shape
        low = options.precision
        v_, Dx, Dy, E = (t.to(low) for t in (v, decoder_x, decoder_y, encoder))
        update = torch.zeros_like(v)
        scores = v.new_empty(B, H, T, T, dtype=low)
        heard = v.new_empty(B, H, T, D)  # a: what the synapses say to each head
        after = v.new_empty(B, H, K, D) if options.carry else None
        for slab in slabs(H, B, T * K * v.element_size(), v.device, options.seed):
            h, rows = slab.head, slab.rows
            x = (v_[rows] @ Dx[h]).relu_()  # [b, T, K]
            q = rotate(x.to(v.dtype), turn).to(low)
            scores[rows, h] = strictly_causal(q)
            a = (scores[rows, h] @ v_[rows]).to(v.dtype)
            if synapses is not None:
                a += q @ synapses[rows, h].to(low)
            heard[rows, h] = a
            gate = (norm(a).to(low) @ Dy[h]).relu_()
            if options.dropout:
                silence_(gate, options.dropout, slab.seed)
            update[rows] += gate.mul_(x) @ E[h]
            if after is not None:
                learned = q.mT @ v_[rows]
                after[rows, h] = learned if synapses is None else synapses[rows, h] + learned
        if options.dropout:
            update /= kept_share(options.dropout)
        ctx.save_for_backward(v, decoder_x, decoder_y, encoder, turn, synapses, scores, heard)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return update, after

    @staticmethod
    @once_differentiable
    def backward(ctx, d_update, d_after):
        v, decoder_x, decoder_y, encoder, turn, synapses, scores, heard = ctx.saved_tensors
        options = ctx.options
        (B, T, D), (H, _, K) = v.shape, decoder_x.shape
        low = options.precision
        d_update = torch.zeros_like(v) if d_update is None else d_update / kept_share(options.dropout)
        v_, Dx, Dy, E, d_update = (t.to(low) for t in (v, decoder_x, decoder_y, encoder, d_update))
        dv, dDx, dDy, dE = (torch.zeros_like(t) for t in (v, decoder_x, decoder_y, encoder))
        d_synapses = None if synapses is None else torch.zeros_like(synapses)
        back = turn.conj().resolve_conj()
        for slab in slabs(H, B, T * K * v.element_size(), v.device, options.seed):
            h, rows = slab.head, slab.rows
            v_rows, du, a = v_[rows], d_update[rows], heard[rows, h]
            x = (v_rows @ Dx[h]).relu_()
            q = rotate(x.to(v.dtype), turn).to(low)
            normed, mean, scale = torch.native_layer_norm(a, (D,), None, None, EPS)
            gate = (normed.to(low) @ Dy[h]).relu_()
            if options.dropout:
                silence_(gate, options.dropout, slab.seed)
            dE[h] += outer_sum(gate * x, du)
            dy = du @ E[h].mT
            d_gate = relu_backward(dy * x, gate, 0)
            dDy[h] += outer_sum(normed.to(low), d_gate)
            d_normed = (d_gate @ Dy[h].mT).to(v.dtype)
            da = layer_norm_backward(d_normed, a, (D,), mean, scale, None, None, [True, False, False])[0].to(low)

            dv[rows] += scores[rows, h].mT @ da
            d_scores = (da @ v_rows.mT).tril_(-1)
            dq = (d_scores + d_scores.mT) @ q
            if synapses is not None:
                dq += da @ synapses[rows, h].to(low).mT
                d_synapses[rows, h] = q.mT @ da
            if d_after is not None:
                d_rho = d_after[rows, h]
                dq += v_rows @ d_rho.to(low).mT
                dv[rows] += q @ d_rho.to(low)
                if d_synapses is not None:
                    d_synapses[rows, h] += d_rho
            dx = relu_backward(dy.mul_(gate).add_(rotate(dq.to(v.dtype), back)), x, 0)
            dDx[h] += outer_sum(v_rows, dx)
            dv[rows] += dx @ Dx[h].mT
        return dv, dDx, dDy, dE, None, d_synapses, None


def strictly_causal(q: Tensor) -> Tensor:
    """Scores q_t . q_s for s < t, zero elsewhere: [b, T, K] -> [b, T, T]."""
    T = q.shape[1]
    scores = q.new_zeros(q.shape[0], T, T)
    for first in range(0, T, TILE):
        last = min(first + TILE, T)
        scores[:, first:last, :last] = q[:, first:last] @ q[:, :last].mT
    return scores.tril_(-1)


def outer_sum(left: Tensor, right: Tensor) -> Tensor:
    """The sum over sequences and time of left right^T: [b, T, M], [b, T, N] -> [M, N]."""
    return left.flatten(0, 1).mT @ right.flatten(0, 1)


def silence_(gate: Tensor, dropout: float, seed: int) -> None:
    """Sets entries to zero, each with chance 1 - kept_share(dropout); one seed, one choice."""
    generator = torch.Generator(gate.device).manual_seed(seed)
    words = torch.empty(-(-gate.numel() // 4), dtype=torch.int64, device=gate.device)
    words.random_(-(2**63), None, generator=generator)  # 4 draws a word: on a CPU 7 times faster than bernoulli_
    draws = words.view(torch.int16)[: gate.numel()].view(gate.shape)
    gate.masked_fill_(draws < round(dropout * DRAWS) - DRAWS // 2, 0)


def kept_share(dropout: float) -> float:
    """1 - dropout, as the draws can tell it."""
    return 1 - round(dropout * DRAWS) / DRAWS
