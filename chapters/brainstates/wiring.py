"""Found wiring against the true one, connection by connection.

A connection has one of three classes, -1 (inhibitory), 0 (none), 1 (excitatory); scores of the classes stand in this
order on their last axis, as in the paper.
"""

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

STEPS = 200  # thresholds that are tried


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


def best_accuracy(true: Int[Tensor, "*rest"], scores: Float[Tensor, "*rest 3"]) -> float:
    """The balanced accuracy if an edge is called where its score exceeds the best of many thresholds, else none.

    The sign is that of the larger score. Appendix A.2 of the paper shows how the accuracy hangs on the threshold.
    """
    sign = torch.where(scores[..., 2] >= scores[..., 0], 1, -1)
    strength = torch.maximum(scores[..., 0], scores[..., 2])
    thresholds = strength.flatten().sort().values[:: max(1, strength.numel() // STEPS)]
    return max(balanced_accuracy(true, torch.where(strength > threshold, sign, 0)) for threshold in thresholds)
