"""What is believed of the weights before any spike: a Gaussian about the mean of the states, and an L1 penalty.

Both are of all weights but the bias, and of those only that the design allows. Used in
chapters/brainstates/02_priors.ipynb.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor


@dataclass(frozen=True)
class GaussianPrior:
    """The prior of the GHG model: w_s ~ N(w_0, sd^2), the same w_0 for all states.

    w_0 is free, and where it is most likely, always: at the mean of the states' weights. `weight` multiplies the log
    prior: 1 is the textbook's. The official code counts it once a trial, so there it is the number of trials; the paper
    does not say. Raises `ValueError` unless both are positive and finite.
    """

    sd: float = 1 / 3
    weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("sd", "weight"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected a positive number")

    @property
    def precision(self) -> float:
        """weight / sd^2."""
        return self.weight / self.sd**2


def log_prior(
    weights: Float[Tensor, "*runs states neurons features"],
    allowed: Bool[Tensor, "neurons features"],
    prior: GaussianPrior | None,
    l1: float,
) -> Float64[Tensor, "*runs states neurons"]:
    """The logarithm of the prior's density, a part for each state and neuron:

        weight * sum of [-log sd - log(2 pi) / 2 - (w_s - w_0)^2 / (2 sd^2)] - l1 * sum of |w_s|,   w_0 = mean of w_s.

    The L1 term leaves its constant out, as penalties do.
    """
    inside = weights[..., :-1].double()
    total = -l1 * inside.abs().sum(-1)
    if prior is not None:
        apart = (inside - inside.mean(-3, keepdim=True)).square().sum(-1)
        constant = prior.weight * (math.log(prior.sd) + math.log(2 * math.pi) / 2)
        total = total - prior.precision / 2 * apart - constant * allowed[:, :-1].sum(-1)
    return total


def log_prior_gradient(
    weights: Float[Tensor, "*runs states neurons features"], prior: GaussianPrior | None
) -> Float64[Tensor, "*runs states neurons features"]:
    """Of the Gaussian part: -(w_s - w_0) weight / sd^2, with w_0 following."""
    gradient = torch.zeros_like(weights, dtype=torch.float64)
    if prior is not None:
        inside = weights[..., :-1].double()
        gradient[..., :-1] = prior.precision * (inside.mean(-3, keepdim=True) - inside)
    return gradient
