"""Receiver operating characteristics: how well scores rank true edges above other pairs, at every threshold at once."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from brainlib.brainstates.evaluation.bins import same_shape


class ROC(NamedTuple):
    """One point for each threshold, from (0, 0) to (1, 1)."""

    false_positives: Float64[Tensor, " points"]  # the share of the others that reach the threshold
    true_positives: Float64[Tensor, " points"]  # the share of the edges that do

    @property
    def auc(self) -> float:
        """The area under the curve: the chance that an edge outranks another pair, ties counting half."""
        return torch.trapezoid(self.true_positives, self.false_positives).item()


def edge_roc(true: Bool[Tensor, "*rest"], scores: Float[Tensor, "*rest"]) -> ROC:
    """The curve of edges whatever their sign: `scores` such as |w|, or 1 less the probability of no edge.

    For a part of the pairs, such as those off the diagonal, index both. Raises `ValueError` for shapes that differ,
    scores that are not finite, and if all or none of the entries are edges. Used in chapters/brainstates/02_priors.
    """
    same_shape(true=true, scores=scores)
    if not scores.isfinite().all():
        raise ValueError("scores: got values that are not finite")
    true, scores = true.flatten(), scores.detach().flatten()
    edges, others = true.sum().item(), (~true).sum().item()
    if not edges or not others:
        raise ValueError(f"true: got {edges} edges and {others} other entries, expected some of each")
    order = scores.argsort(descending=True)
    last = torch.cat((scores[order].diff() != 0, torch.ones(1, dtype=torch.bool, device=scores.device)))
    hits = true[order].double()
    above = torch.stack(((1 - hits).cumsum(0) / others, hits.cumsum(0) / edges))[:, last]
    return ROC(*torch.cat((above.new_zeros(2, 1), above), 1).cpu())
