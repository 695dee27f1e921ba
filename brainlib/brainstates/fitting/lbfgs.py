"""L-BFGS for many problems at once: each has its own history and step length, all are evaluated together."""

from collections.abc import Callable

import torch
from jaxtyping import Float64
from torch import Tensor

MEMORY = 8
SUFFICIENT = 1e-4  # share of the gain promised by the slope that a step must bring
HALVINGS = 25


def maximise(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    start: Float64[Tensor, "problems size"],
    iterations: int,
    scale: Float64[Tensor, "problems size"],
    negligible: float | Float64[Tensor, " problems"] = 1e-12,
) -> Float64[Tensor, "problems size"]:
    """Where L-BFGS climbs to from `start` in so many steps; no problem ends lower than it began.

    `function` takes a point of every problem and returns the values [problems] and gradients [problems, size], and may
    return NaN where it cannot be evaluated. `scale` is a guess of the inverse of minus the Hessian's diagonal. A
    problem whose slope promises less than `negligible` stays where it is. Used by the M-step beyond
    `scoring.CHOLESKY` features.
    """
    point, (value, gradient) = start, function(start)
    steps, changes = [], []  # newest last
    for _ in range(iterations):
        direction = _direction(gradient, scale, steps, changes)
        slope = (gradient * direction).sum(1)
        worth = slope > negligible
        if not worth.any():
            break
        length = torch.ones_like(value)
        for _ in range(HALVINGS):
            there = point + length[:, None] * direction
            new_value, new_gradient = function(there)
            good = new_value >= value + SUFFICIENT * length * slope  # false for NaN
            if (good | ~worth).all():
                break
            length = torch.where(good, length, length / 2)
        good &= worth
        there = torch.where(good[:, None], there, point)
        new_gradient = torch.where(good[:, None], new_gradient, gradient)
        steps, changes = [*steps, there - point][-MEMORY:], [*changes, gradient - new_gradient][-MEMORY:]
        point, value, gradient = there, torch.where(good, new_value, value), new_gradient
    return point


def _direction(gradient: Tensor, scale: Tensor, steps: list[Tensor], changes: list[Tensor]) -> Tensor:
    """The two loops; a pair without curvature counts for nothing in its problem."""
    pairs = []
    for step, change in zip(steps, changes, strict=True):
        bend = (step * change).sum(1)
        valid = bend > 1e-12 * step.norm(dim=1) * change.norm(dim=1)
        pairs.append((step, change, torch.where(valid, 1 / bend, 0)[:, None]))
    direction, parts = gradient, []
    for step, change, inverse in reversed(pairs):
        part = inverse * (step * direction).sum(1, keepdim=True)
        direction = direction - part * change
        parts.append(part)
    direction = scale * direction
    for (step, change, inverse), part in zip(pairs, reversed(parts), strict=True):
        direction = direction + (part - inverse * (change * direction).sum(1, keepdim=True)) * step
    return direction
