"""Found wiring against the true one: weights, edges and their signs.

W[s, n, n'] leads from neuron n' to neuron n in state s. An edge has one of three classes, -1 (inhibitory), 0 (none),
1 (excitatory); scores and probabilities of the classes stand in this order on their last axis, as in the paper.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from brainlib.brainstates.evaluation.matching import same_shape


class WeightError(NamedTuple):
    """How far found weights lie from the true ones, over all states and pairs.

    The paper prints a "weight error" and does not define it, so that its scale cannot be compared; `absolute` is ours.
    """

    absolute: float  # mean of |found - true|
    squared: float  # mean of (found - true)^2
    correlation: float  # Pearson's; NaN if either is constant


def weight_error(true: Float[Tensor, "*rest"], estimated: Float[Tensor, "*rest"]) -> WeightError:
    """The error of found weights, entry by entry: match and reorder the states first.

    Raises `ValueError` for shapes that differ.
    """
    same_shape(true=true, estimated=estimated)
    true, estimated = true.detach().double().flatten(), estimated.detach().double().flatten()
    difference = estimated - true
    a, b = true - true.mean(), estimated - estimated.mean()
    correlation = (a @ b) / (a.square().sum() * b.square().sum()).sqrt()
    return WeightError(difference.abs().mean().item(), difference.square().mean().item(), correlation.item())


def soft_adjacency(weights: Float[Tensor, "*rest"]) -> Float64[Tensor, "*rest 3"]:
    """Scores of (inhibition, none, excitation) for models that learn no adjacency, equation (8):

        (0,          1 - w / max w,   w / max w)     w >= 0
        (w / min w,  1 - w / min w,   0)             w < 0

    with max and min over all states and pairs. Where no weight has a sign there is nothing to divide: none.
    """
    w = weights.detach().double()
    scales = w.new_zeros(2) if not w.numel() else torch.stack((-w.min(), w.max()))
    scales = torch.where(scales > 0, scales, torch.inf)
    inhibition, excitation = (-w).clamp(min=0) / scales[0], w.clamp(min=0) / scales[1]
    return torch.stack((inhibition, 1 - inhibition - excitation, excitation), -1)


def adjacency_prior_of_weights(
    weights: Float[Tensor, "states neurons neurons"],
) -> Float64[Tensor, "neurons neurons 3"]:
    """The wiring that all states share, for models that learn none: the weights' average over states through (8)."""
    return soft_adjacency(weights.detach().double().mean(0))


def classes(scores: Float[Tensor, "*rest 3"]) -> Int[Tensor, "*rest"]:
    """The class with the largest score: -1, 0 or 1."""
    return scores.argmax(-1) - 1


def balanced_accuracy(true: Int[Tensor, "*rest"], scores: Float[Tensor, "*rest 3"]) -> float:
    """The share of right answers within a class, averaged over the classes that occur; guessing is 1/3 for all three.

    Raises `ValueError` for shapes that do not fit or true classes other than -1, 0 and 1.
    """
    _require_scores(true, scores)
    return _balanced(true, classes(scores))


def accuracy_by_threshold(
    true: Int[Tensor, "*rest"],
    scores: Float[Tensor, "*rest 3"],
    thresholds: Float[Tensor, " thresholds"],
) -> Float64[Tensor, " thresholds"]:
    """The balanced accuracy if an edge is called where its score exceeds the threshold, else none (appendix A.2).

    The sign is that of the larger score. For the scores of (8) the threshold is on w / max w or w / min w, and 0.5 is
    what `balanced_accuracy` takes. Raises as `balanced_accuracy`.
    """
    _require_scores(true, scores)
    sign = torch.where(scores[..., 2] >= scores[..., 0], 1, -1)
    strength = torch.maximum(scores[..., 0], scores[..., 2])
    estimated = [_balanced(true, torch.where(strength > threshold, sign, 0)) for threshold in thresholds]
    return torch.tensor(estimated, dtype=torch.float64)


class EdgeRates(NamedTuple):
    """Hard edges against the true ones."""

    precision: float  # the share of found edges that are true, whatever their sign; NaN if none is found
    recall: float  # the share of true edges that are found, whatever their sign; NaN if there are none
    sign: float  # the share of right signs among found true edges; NaN if there are none


def edge_rates(true: Int[Tensor, "*rest"], estimated: Int[Tensor, "*rest"]) -> EdgeRates:
    """Precision, recall and signs of edges with classes -1, 0, 1.

    Raises `ValueError` for shapes that differ or other classes.
    """
    same_shape(true=true, estimated=estimated)
    _require_classes("true", true)
    _require_classes("estimated", estimated)
    both = (true != 0) & (estimated != 0)
    share = both.sum().double()
    return EdgeRates(
        (share / (estimated != 0).sum()).item(),
        (share / (true != 0).sum()).item(),
        ((true == estimated)[both].double().sum() / share).item(),
    )


def edge_auc(true: Bool[Tensor, "*rest"], scores: Float[Tensor, "*rest"]) -> float:
    """The area under the ROC of edges whatever their sign: the probability that an edge's score is above another
    pair's, ties counting half; NaN if all or none are edges. `scores` such as |w|, or 1 less the probability of none.

    Raises `ValueError` for shapes that differ and scores that are not finite.
    """
    same_shape(true=true, scores=scores)
    if not scores.isfinite().all():
        raise ValueError("scores: got values that are not finite")
    values, place = scores.detach().flatten().unique(return_inverse=True)
    edges, others = (torch.bincount(place[kind.flatten()], minlength=len(values)).double() for kind in (true, ~true))
    above = (edges * (others.cumsum(0) - others / 2)).sum()
    return (above / (edges.sum() * others.sum())).item()


def _balanced(true: Tensor, estimated: Tensor) -> float:
    occurring = [true == kind for kind in (-1, 0, 1) if (true == kind).any()]
    return torch.stack([(estimated == true)[where].double().mean() for where in occurring]).mean().item()


def _require_scores(true: Tensor, scores: Tensor) -> None:
    if scores.shape != (*true.shape, 3):
        raise ValueError(f"scores: got the shape {tuple(scores.shape)}, expected {(*true.shape, 3)}")
    if not scores.isfinite().all():
        raise ValueError("scores: got values that are not finite")
    _require_classes("true", true)


def _require_classes(name: str, entries: Tensor) -> None:
    if not entries.numel() or entries.abs().max() > 1:
        raise ValueError(f"{name}: got {entries.unique().tolist()[:10]}, expected classes -1, 0 and 1")
