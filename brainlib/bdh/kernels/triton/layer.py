"""The layer on a GPU: Triton where a product ends in elementwise work or skips a triangle, else library products."""

from collections.abc import Iterator

import torch
from torch import Tensor

from brainlib.bdh.kernels.slabs import fading, kept_share, key_scale, layer_norm_backward
from brainlib.bdh.kernels.triton.products import gate, learn, project, scores_of, unrotate
from brainlib.bdh.kernels.triton.tiles import INTERPRETED
from brainlib.bdh.norm import EPS, norm

WIDE_BYTES = 2**29  # of one n-wide tensor: as many sequences as fit are read at once


def forward(v, decoder_x, decoder_y, encoder, rope, synapses, decay, options):
    check(v)
    (B, T, D), (H, _, K) = v.shape, decoder_x.shape
    low, scale, fades = options.precision, key_scale(K), fading(decay, H, T, v)
    v_, Dx, Dy, E = (contiguous(t, low) for t in (v, decoder_x, decoder_y, encoder))
    phases, synapses, decay = plain(rope * scale, synapses, decay, v)
    update = torch.empty_like(v, memory_format=torch.contiguous_format)
    scores = v.new_empty(B, H, T, T, dtype=low)
    attended = v.new_empty(B, H, T, D)  # what the synapses say to each head, times scale^2
    after = v.new_empty(B, H, K, D) if options.return_state else None
    with torch.cuda.device_of(v):
        for rows in slabs(B, T * H * K * low.itemsize):
            x, q = project(v_[rows], Dx, phases)
            scores_of(q, decay, scores[rows])
            attended[rows] = by_head(scores[rows], v_[rows])
            if synapses is not None:
                attended[rows] += fades.before * read(q, (synapses[rows] * scale).to(low))
            normed = heads_first(norm(attended[rows], EPS * scale**4), low)
            y, *_ = gate(normed, Dy, x, options, rows.start * T)
            update[rows] = (y.flatten(0, 1).flatten(1) @ E.flatten(0, 1)).view_as(update[rows])
            if after is not None:
                w = contiguous(fades.left * v[rows, None], low)
                learn(q, w, None if synapses is None else synapses[rows], fades.whole, after[rows], 1 / scale)
            del x, q, y  # before the next slab's
    if options.dropout:
        update /= kept_share(options.dropout)
    return update, after, scores, attended


def backward(d_update, d_after, v, decoder_x, decoder_y, encoder, rope, synapses, decay, scores, attended, options):
    check(v)
    (B, T, D), (H, _, K) = v.shape, decoder_x.shape
    low, scale, fades = options.precision, key_scale(K), fading(decay, H, T, v)
    d_update = torch.zeros_like(v) if d_update is None else d_update / kept_share(options.dropout)
    v_, Dx, Dy, E, d_update = (contiguous(t, low) for t in (v, decoder_x, decoder_y, encoder, d_update))
    phases, synapses, decay = plain(rope * scale, synapses, decay, v)
    dv = torch.empty_like(v, memory_format=torch.contiguous_format)
    dDx, dDy, dE = (torch.zeros_like(t) for t in (decoder_x, decoder_y, encoder))
    d_synapses = None if synapses is None or not options.bptt else torch.empty_like(synapses)
    with torch.cuda.device_of(v):
        for rows in slabs(B, T * H * K * low.itemsize):
            v_rows, S, a = v_[rows], scores[rows], attended[rows]
            x, q = project(v_rows, Dx, phases)
            normed, mean, deviation = torch.native_layer_norm(a, (D,), None, None, EPS * scale**4)
            n = heads_first(normed, low)
            y, d_gate, dx = gate(n, Dy, x, options, rows.start * T, d_update[rows], E)
            dE += (y.flatten(0, 1).flatten(1).mT @ d_update[rows].flatten(0, 1)).view(H, K, D)
            del y
            d_gate = d_gate.flatten(0, 1).transpose(0, 1)  # [H, N, K]
            dDy += n.mT @ d_gate
            d_normed = (d_gate @ Dy.mT).view(H, -1, T, D).transpose(0, 1).to(v.dtype).contiguous()
            da = layer_norm_backward(d_normed, a, (D,), mean, deviation, None, None, [True, False, False])[0].to(low)

            G = torch.bmm(da.flatten(1, 2), v_rows.mT).view_as(S).tril_(-1)
            if fades.between is not None:
                G *= fades.between
            if options.bptt:
                G = G + G.mT
            as_value = (S.mT @ da).to(v.dtype)  # [b, H, T, D]
            past, da_before, w, future = None, None, None, None
            if synapses is not None:
                past, da_before = (synapses[rows] * scale).to(low), contiguous(fades.before * da, low)
            if d_after is not None:
                future, w = contiguous(d_after[rows], low), contiguous(fades.left / scale * v[rows, None], low)
                as_value += fades.left / scale * read(q, future)
            if d_synapses is not None:
                before = None if d_after is None else d_after[rows].contiguous()
                learn(q, da_before, before, fades.whole, d_synapses[rows], scale)
            dp = unrotate(G, q, da_before, past, w, future, phases, x, dx, D).flatten(0, 1)  # [N, H, K]
            dDx += (v_rows.flatten(0, 1).mT @ dp.flatten(1)).view(D, H, K).transpose(0, 1)
            dv[rows] = (dp.transpose(0, 1) @ Dx.mT).sum(0, dtype=v.dtype).view_as(dv[rows])
            if options.bptt:
                dv[rows] += as_value.sum(1)
            del x, q, d_gate, dx, dp
    return dv, dDx, dDy, dE, d_synapses


def check(v: Tensor) -> None:
    """Raises `ValueError` for what these kernels do not compute."""
    if not v.is_cuda and not INTERPRETED.value:
        raise ValueError(f"v: got a tensor on {v.device}, expected a GPU (or Triton's interpreter: TRITON_INTERPRET=1)")
    if v.dtype != torch.float32:
        raise ValueError(f"v: got {v.dtype}, expected float32 (products may run in float16 or bfloat16)")


def slabs(batch: int, row_bytes: int) -> Iterator[slice]:
    step = max(1, WIDE_BYTES // row_bytes)
    return (slice(first, min(first + step, batch)) for first in range(0, batch, step))


def contiguous(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype).contiguous()


def plain(rope: Tensor, synapses: Tensor | None, decay: Tensor | None, v: Tensor) -> list[Tensor | None]:
    """As the kernels read them: cosines and sines side by side, everything contiguous and of one dtype."""
    tensors = torch.view_as_real(rope), synapses, decay
    return [None if tensor is None else contiguous(tensor, v.dtype) for tensor in tensors]


def heads_first(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """[b, H, T, D] -> [H, b T, D]."""
    return contiguous(tensor.transpose(0, 1), dtype).flatten(1, 2)


def by_head(scores: Tensor, values: Tensor) -> Tensor:
    """Scores times values that all heads share: [b, H, T, T], [b, T, D] -> [b, H, T, D]."""
    return torch.bmm(scores.flatten(1, 2), values).unflatten(1, scores.shape[1:3])


def read(q: Tensor, synapses: Tensor) -> Tensor:
    """q rho of every head: [b, T, H, K], [b, H, K, D] -> [b, H, T, D]."""
    return torch.stack([q[:, :, h] @ synapses[:, h] for h in range(q.shape[2])], 1)
