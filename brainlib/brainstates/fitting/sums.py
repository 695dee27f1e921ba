"""Sums over the bins of a recording, weighted by the posterior of the states: all that an M-step needs of the data.

The M-step's objective is, for each state s and neuron n by itself, that of a weighted GLM,

    Q_sn(w) = sum over t of gamma_t(s) log p(x_tn | w . f_t),   gamma_t(s) = p(z_t = s | x).

Each (run, state) takes only the bins that it has a part in, in blocks, so that nothing here grows with the recording
but a list of bins. Products in the features' dtype, sums in float64.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission

NEGLIGIBLE = 1e-12  # posterior probability below which a bin is no part of a state
SLIGHT = 1e-2  # below which it is passed over where not all bins are needed
MOST = 0.9  # share of a state's bins that must be left then
ENOUGH = 200  # bins a feature that say how features go together
BLOCK = {"cpu": 2**20, "cuda": 2**26}  # numbers that a block holds at once

Weights = Float[Tensor, "runs states neurons features"]
Slopes = Float64[Tensor, "runs states neurons features"]
Curvature = Float64[Tensor, "runs states neurons features features"]


class Weighted(NamedTuple):
    """The bins of all trials in a row; `shares` is what of each belongs to each state: gamma, and zero in padding."""

    features: Float[Tensor, "bins features"]
    counts: Integer[Tensor, "bins neurons"]
    shares: Float[Tensor, "runs bins states"]
    emission: Emission

    @classmethod
    def of(cls, design: Design, states: Float[Tensor, "runs trials time states"], emission: Emission) -> "Weighted":
        return cls(design.features.flatten(0, 1), design.counts.flatten(0, 1), states.flatten(1, 2), emission)

    def blocks(self, width: int, some: int | None = None) -> Iterator[tuple[tuple[int, int], Tensor, Tensor, Tensor]]:
        """(run, state), features [m, D], counts [m, N], shares [m, 1] of blocks of bins, for `width` numbers a bin.

        `some`: not all bins of a state, but at least so many if it has them, evenly from those of no slight share.
        """
        dtype, device = self.features.dtype, self.features.device.type
        rows = max(256, BLOCK[device] // width)
        for run, shares in enumerate(self.shares):
            for state, share in enumerate(shares.unbind(1)):
                kept = share >= NEGLIGIBLE
                if some is not None:
                    heavy = share >= SLIGHT
                    kept = heavy if (share * heavy).sum() >= MOST * share.sum() else kept
                places = kept.nonzero().squeeze(1)
                if some is not None:
                    places = places[:: max(1, len(places) // some)]
                for bins in places.split(rows):
                    counts = self.counts.index_select(0, bins).to(dtype)
                    yield (run, state), self.features.index_select(0, bins), counts, share[bins, None].to(dtype)


def gradient_and_curvature(weights: Weights, data: Weighted) -> tuple[Slopes, Slopes]:
    """d Q_sn / d w, the sum of gamma u f, where u is the bin's score, d log p / d drive; and the diagonal of
    `information`.
    """
    total, diagonal = torch.zeros_like(weights, dtype=torch.float64).expand(2, *weights.shape).clone()
    for place, features, counts, share in data.blocks(8 * weights.shape[2]):
        score, per_drive = data.emission.score_and_information(features @ weights[place].T, counts)
        total[place] += score.mul_(share).T @ features
        diagonal[place] += per_drive.mul_(share).T @ features.square_()
    return total, diagonal


def information(weights: Weights, data: Weighted, some: int | None = None) -> Curvature:
    """The Fisher information about w: the sum of gamma v f f^T, where v is the bin's information about its drive.

    All neurons in one product of their v with the D (D + 1) / 2 products of pairs of features. `some`: of so many of a
    state's bins, as in `Weighted.blocks`.
    """
    R, S, N, D = weights.shape
    P = D * (D + 1) // 2
    total = weights.new_zeros(R, S, P, N, dtype=torch.float64)
    buffer = data.features.new_empty(0)
    for place, features, counts, share in data.blocks(P, some):
        _, per_drive = data.emission.score_and_information(features @ weights[place].T, counts)
        if buffer.numel() < P * len(features):
            buffer = features.new_empty(P * len(features))
        pairs = _pairs(features.T.contiguous(), buffer[: P * len(features)].view(P, -1))
        total[place] += pairs @ per_drive.mul_(share)
    rows, columns = torch.triu_indices(D, D, device=weights.device)
    square = total.new_empty(R, S, N, D, D)
    square[..., rows, columns] = square[..., columns, rows] = total.transpose(-1, -2)
    return square


def estimated_information(weights: Weights, data: Weighted, curvature: Slopes) -> Curvature:
    """`information` with the exact diagonal, which is `curvature`, and correlations from `ENOUGH` bins a feature.

    It only shapes steps, and costs the most. A feature that none of these bins has is taken to go with no other.
    """
    estimate = information(weights, data, ENOUGH * weights.shape[-1])
    diagonal = estimate.diagonal(dim1=-2, dim2=-1)
    scale = torch.where(diagonal > 0, (curvature / diagonal).sqrt(), 0)
    estimate = estimate * scale[..., :, None] * scale[..., None, :]
    estimate.diagonal(dim1=-2, dim2=-1).copy_(curvature)
    return estimate


def gain(before: Weights, after: Weights, data: Weighted) -> Float64[Tensor, "runs states neurons"]:
    """Q_sn(after) - Q_sn(before): bin by bin, so that rounding is of the size of the difference."""
    N = before.shape[2]
    total = before.new_zeros(before.shape[:3], dtype=torch.float64)
    for place, features, counts, share in data.blocks(16 * N):
        drive = features @ torch.cat((before[place], after[place])).T  # [m, 2 N]
        a, b = data.emission.potentials(drive)
        more = (a[:, N:] - a[:, :N]).mul_(counts).sub_(b[:, N:]).add_(b[:, :N])
        total[place] += share[:, 0] @ more
    return total


def _pairs(columns: Tensor, out: Tensor) -> Tensor:
    """The products of all pairs of rows of `columns` [D, m]: the first with all, the second with all but the first."""
    first = 0
    for i in range(len(columns)):
        last = first + len(columns) - i
        torch.mul(columns[i:], columns[i], out=out[first:last])
        first = last
    return out
