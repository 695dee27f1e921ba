"""Found wiring against the true one, connection by connection.

A connection has one of three classes, -1 (inhibitory), 0 (none), 1 (excitatory); scores of the classes stand in this
order on their last axis, as in the paper.
"""

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor


def soft_adjacency(weights: Float[Tensor, "*rest"]) -> Float64[Tensor, "*rest 3"]:
    """Scores of (inhibition, none, excitation) for models that learn no adjacency, equation (8):

        (0,          1 - w / max w,   w / max w)     w >= 0
        (w / min w,  1 - w / min w,   0)             w < 0

    with max and min over all states and pairs. Where no weight has a sign there is nothing to divide: none. The wiring
    that all states share is that of the weights' average over states.
    """
    w = weights.detach().double()
    scales = torch.stack((-w.min(), w.max()))
    scales = torch.where(scales > 0, scales, torch.inf)
    inhibition, excitation = (-w).clamp(min=0) / scales[0], w.clamp(min=0) / scales[1]
    return torch.stack((inhibition, 1 - inhibition - excitation, excitation), -1)


def classes(scores: Float[Tensor, "*rest 3"]) -> Int[Tensor, "*rest"]:
    """The class with the largest score: -1, 0 or 1."""
    return scores.argmax(-1) - 1


def balanced_accuracy(true: Int[Tensor, "*rest"], estimated: Int[Tensor, "*rest"]) -> float:
    """The share of right answers within a class, averaged over those that occur; guessing is 1/3 for all three."""
    right = (estimated == true).double()
    return torch.stack([right[true == kind].mean() for kind in true.unique()]).mean().item()


def accuracy_by_threshold(
    true: Int[Tensor, "*rest"], scores: Float[Tensor, "*rest 3"], thresholds: tuple[float, ...]
) -> list[float]:
    """The balanced accuracy if an edge is called where its score exceeds the threshold, else none (appendix A.2).

    The sign is that of the larger score. For the scores of (8) the threshold is on w / max w or w / min w, and 0.5
    gives what `classes` does.
    """
    sign = torch.where(scores[..., 2] >= scores[..., 0], 1, -1)
    strength = torch.maximum(scores[..., 0], scores[..., 2])
    return [balanced_accuracy(true, torch.where(strength > threshold, sign, 0)) for threshold in thresholds]


def edge_rates(true: Int[Tensor, "*rest"], estimated: Int[Tensor, "*rest"]) -> tuple[float, float]:
    """The share of found edges that are true, whatever their sign, and of right signs among these; NaN without any."""
    both = (true != 0) & (estimated != 0)
    right = (true == estimated)[both].double().mean()
    return (both.double().sum() / (estimated != 0).sum()).item(), right.item()
