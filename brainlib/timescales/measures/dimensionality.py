"""How many dimensions a network's activity fills, by principal components (official code)."""

from statistics import fmean

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
    return fmean(_components(sequence.double() - sequence[0], share) for sequence in states.unbind(1))


def _components(moved: Float[Tensor, "time units"], share: float) -> int:
    """The number for one sequence, whose states are exactly 0 where nothing changes."""
    moved = moved - moved.mean(0)
    variances = torch.linalg.eigvalsh(moved.mT @ moved).flip(-1).clamp(min=0)  # descending
    total = variances.sum()
    return 1 + int((variances.cumsum(-1) <= share * total).sum()) if total > 0 else 0
