"""How many dimensions a network's activity fills, by principal components (official code)."""

import torch
from jaxtyping import Float
from torch import Tensor


def dimensionality(states: Float[Tensor, "time batch units"], share: float = 0.9) -> float:
    """The number of principal components that hold more than `share` of the variance, of each sequence by itself; the
    mean over sequences.

    One dimension counts 1 (the official code counts from 0: one less), activity that never changes 0. Raises
    `ValueError` for a share outside 0 .. 1 and for states that are not finite. Used in
    chapters/timescales/02_curricula.ipynb.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: got {share}, expected one between 0 and 1")
    if not states.isfinite().all():
        raise ValueError("states: got values that are not finite, expected those of a network that does not explode")
    moved = (states.double() - states[0]).movedim(1, 0)  # [B, T, n]; exactly 0 where nothing changes
    centred = moved - moved.mean(1, keepdim=True)
    variances = torch.linalg.eigvalsh(centred.mT @ centred).flip(-1).clamp(min=0)  # descending
    total = variances.sum(-1, keepdim=True)
    needed = 1 + (variances.cumsum(-1) <= share * total).sum(-1)
    return torch.where(total[:, 0] > 0, needed, 0).double().mean().item()
