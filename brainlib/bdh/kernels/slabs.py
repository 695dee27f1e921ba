"""The layer in torch operations on slabs: one head and as many sequences as fit in cache (all of them on a GPU)."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from brainlib.bdh.kernels.reference import left, past
from brainlib.bdh.norm import EPS, norm
from brainlib.bdh.rotation import rotate

layer_norm_backward = torch.ops.aten.native_layer_norm_backward
silent_where_ = torch.ops.aten.threshold_backward.grad_input

SLAB_BYTES = 8 * 2**20  # of one n-wide slab tensor on a CPU
KEPT_BYTES = 2**24  # a layer's activations are kept for the backward pass if they take no more, else computed again
TILE = 64  # rows of the score matrix computed at once: what lies above the diagonal of tiles is skipped
DRAWS = 2**16  # outcomes of a random 16-bit number


class Slab(NamedTuple):
    head: int
    rows: slice
    seed: int


class Fading(NamedTuple):
    """exp(-decay * tokens) of every head between two tokens, and to either end of the text; ones if nothing fades."""

    between: Tensor | None  # [H, T, T]: from token s (column) to token t (row); zero unless s < t
    before: Tensor  # [H, T, 1]: from before the text to token t
    left: Tensor  # [H, T, 1]: from token s to after the text
    whole: Tensor  # [H]


def fading(decay: Tensor | None, heads: int, length: int, like: Tensor) -> Fading:
    if decay is None:
        ones = like.new_ones(heads, 1, 1)
        return Fading(None, ones, ones, ones.flatten())
    t = torch.arange(length, device=like.device, dtype=like.dtype)
    before, after, whole = (left(decay, ages) for ages in (t, length - t, t.new_full((), length)))
    return Fading(past(decay, t), before[..., None], after[..., None], whole)


def key_scale(head_neurons: int) -> float:
    """The power of two, about 1 / sqrt(head_neurons), that queries and keys are multiplied by.

    It is exact, it keeps scores within float16 and bfloat16, and the layer norm after it takes it out again if its eps
    is multiplied by the fourth power.
    """
    return 2.0 ** -(head_neurons.bit_length() // 2)


def slabs(heads: int, batch: int, row_bytes: int, device: torch.device, seed: int) -> Iterator[Slab]:
    rows = batch if device.type != "cpu" else max(1, SLAB_BYTES // row_bytes)
    for head in range(heads):
        for first in range(0, batch, rows):
            yield Slab(head, slice(first, min(first + rows, batch)), seed + head * batch + first)


def forward(v, decoder_x, decoder_y, encoder, rope, synapses, decay, options):
    (B, T, D), (H, _, K) = v.shape, decoder_x.shape
    low, scale, fades = options.precision, key_scale(K), fading(decay, H, T, v)
    v_, Dx, Dy, E = (t.to(low) for t in (v, decoder_x, decoder_y, encoder))
    rope = rope * scale
    update = torch.zeros_like(v)
    after = v.new_empty(B, H, K, D) if options.return_state else None
    scores, attended, *kept = saved_tensors(v, H, K, options)
    for slab in slabs(H, B, T * K * v.element_size(), v.device, options.seed):
        h, rows = slab.head, slab.rows
        x, gate = (kept[i][h, rows] if i < len(kept) else v.new_empty(len(v[rows]), T, K, dtype=low) for i in (0, 1))
        project_relu_(v_[rows], Dx[h], x)
        q = rotate(x.to(v.dtype), rope).to(low)
        S = strictly_causal(q)
        if fades.between is not None:
            S *= fades.between[h]
        a = (S @ v_[rows]).to(v.dtype)
        if synapses is not None:
            a += fades.before[h] * (q @ (synapses[rows, h] * scale).to(low))
        scores[rows, h], attended[rows, h] = S, a
        project_relu_(norm(a, EPS * scale**4).to(low), Dy[h], gate)
        if options.dropout:
            dropout_(gate, options.dropout, slab.seed)
        y = gate * x if len(kept) == 2 else gate.mul_(x)
        update[rows] += y @ E[h]
        if after is not None:
            learned = (q.mT @ (fades.left[h] * v[rows]).to(low)).to(v.dtype).div_(scale)
            after[rows, h] = learned if synapses is None else learned.add_(fades.whole[h] * synapses[rows, h])
    if options.dropout:
        update /= kept_share(options.dropout)
    return update, after, scores, attended, *kept


def backward(
    d_update, d_after, v, decoder_x, decoder_y, encoder, rope, synapses, decay, scores, attended, *kept, options
):
    (B, T, D), (H, _, K) = v.shape, decoder_x.shape
    low, scale, fades = options.precision, key_scale(K), fading(decay, H, T, v)
    d_update = torch.zeros_like(v) if d_update is None else d_update / kept_share(options.dropout)
    v_, Dx, Dy, E, d_update = (t.to(low) for t in (v, decoder_x, decoder_y, encoder, d_update))
    dv, dDx, dDy, dE = (torch.zeros_like(t) for t in (v, decoder_x, decoder_y, encoder.mT))
    d_synapses = torch.zeros_like(synapses) if synapses is not None and options.bptt else None
    rope = rope * scale
    back = rope.conj().resolve_conj()
    for slab in slabs(H, B, T * K * v.element_size(), v.device, options.seed):
        h, rows = slab.head, slab.rows
        v_rows, du, a = v_[rows], d_update[rows], attended[rows, h]
        normed, mean, deviation = torch.native_layer_norm(a, (D,), None, None, EPS * scale**4)
        normed = normed.to(low)
        x, gate = (kept[i][h, rows] if i < len(kept) else v.new_empty(len(a), T, K, dtype=low) for i in (0, 1))
        if len(kept) < 1:
            project_relu_(v_rows, Dx[h], x)
        if len(kept) < 2:
            project_relu_(normed, Dy[h], gate)
            if options.dropout:
                dropout_(gate, options.dropout, slab.seed)
        y = gate * x
        add_outer_(dE[h], du, y)
        dy = du @ E[h].mT
        d_gate = masked_(torch.mul(dy, x, out=y), gate)
        add_outer_(dDy[h], normed, d_gate)
        d_normed = (d_gate @ Dy[h].mT).to(v.dtype)
        da = layer_norm_backward(d_normed, a, (D,), mean, deviation, None, None, [True, False, False])[0].to(low)

        q = rotate(x.to(v.dtype), rope).to(low)
        G = (da @ v_rows.mT).tril_(-1)
        if fades.between is not None:
            G *= fades.between[h]
        dq = (G + G.mT if options.bptt else G) @ q
        as_value = (scores[rows, h].mT @ da).to(v.dtype)
        if synapses is not None:
            da_before = (fades.before[h] * da).to(low)
            dq.baddbmm_(da_before, (synapses[rows, h] * scale).to(low).mT)
            if d_synapses is not None:
                d_synapses[rows, h] = (q.mT @ da_before).to(v.dtype) * scale
        if d_after is not None:
            d_rho = d_after[rows, h]
            dq.baddbmm_((fades.left[h] / scale * v[rows]).to(low), d_rho.to(low).mT)
            as_value += fades.left[h] / scale * (q @ d_rho.to(low))
            if d_synapses is not None:
                d_synapses[rows, h] += fades.whole[h] * d_rho
        dx = dy.mul_(gate).add_(rotate(dq.to(v.dtype), back).to(low))
        add_outer_(dDx[h], v_rows, masked_(dx, x))
        dv[rows] += dx @ Dx[h].mT
        if options.bptt:
            dv[rows] += as_value
    return dv, dDx, dDy, dE.mT.contiguous(), d_synapses


def saved_tensors(v, heads, head_neurons, options):
    """For what the backward pass needs: scores, what the synapses say to each head (times scale^2), and as much of x
    and the gate as fit in 4 bytes a neuron and token: both in half precision, x alone in single.
    """
    B, T, D = v.shape
    scores = v.new_empty(B, heads, T, T, dtype=options.precision)
    attended = v.new_empty(B, heads, T, D)
    wide = heads, B, T, head_neurons
    fits = 4 * math.prod(wide) <= KEPT_BYTES
    kept = (v.new_empty(wide, dtype=options.precision) for _ in range(4 // options.precision.itemsize if fits else 0))
    return [scores, attended, *kept]


def project_relu_(v: Tensor, weight: Tensor, out: Tensor) -> None:
    """relu(v weight): [b, T, D], [D, K] -> [b, T, K]."""
    torch.mm(v.flatten(0, 1), weight, out=out.flatten(0, 1)).relu_()


def add_outer_(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Adds the sum over sequences and time of left right^T: [M, N], [b, T, M], [b, T, N]."""
    left, right = left.flatten(0, 1), right.flatten(0, 1)
    if total.dtype == left.dtype:
        total.addmm_(left.mT, right)
    else:
        total += left.mT @ right


def masked_(gradient: Tensor, activation: Tensor) -> Tensor:
    """The gradient before a relu, written over the one after it."""
    return silent_where_(gradient, activation, 0, grad_input=gradient)


def strictly_causal(q: Tensor) -> Tensor:
    """Scores q_t . q_s for s < t, zero elsewhere: [b, T, K] -> [b, T, T]."""
    T = q.shape[1]
    if q.dtype.itemsize < 4:  # tiles cost more than they save
        return (q @ q.mT).tril_(-1)
    scores = q.new_zeros(q.shape[0], T, T)
    for first in range(0, T, TILE):
        last = min(first + TILE, T)
        scores[:, first:last, :last] = q[:, first:last] @ q[:, :last].mT
    return scores.tril_(-1)


def dropout_(gate: Tensor, dropout: float, seed: int) -> None:
    """Sets entries to zero, each with chance 1 - kept_share(dropout); one seed, one choice."""
    generator = torch.Generator(gate.device).manual_seed(seed)
    words = torch.empty(-(-gate.numel() // 4), dtype=torch.int64, device=gate.device)
    words.random_(-(2**63), None, generator=generator)  # 4 draws a word: on a CPU 7 times faster than bernoulli_
    draws = words.view(torch.int16)[: gate.numel()].view(gate.shape)
    gate.masked_fill_(draws < round(dropout * DRAWS) - DRAWS // 2, 0)


def kept_share(dropout: float) -> float:
    """1 - dropout, as the draws can tell it."""
    return 1 - round(dropout * DRAWS) / DRAWS
