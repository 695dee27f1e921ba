"""Which HMM-GLM is to be fitted: its states, its emissions, and what is believed of its weights before any spike.

The Gaussian prior, about the mean of the states, and the L1 penalty are of all weights but the bias.
"""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.brainstates.emissions import Emission


@dataclass(frozen=True)
class GaussianPrior:
    """The prior of the GHG model: w_s ~ N(w_0, sd^2), the same w_0 for all states.

    w_0 is free, and where it is most likely, always: at the mean of the states' weights. `weight` multiplies the log
    prior: 1 is the textbook's. The official code counts it once a trial, so there it is the number of trials; the paper
    does not say. Raises `ValueError` unless both are positive and finite.

    >>> GaussianPrior(sd=0.5, weight=2.0).precision
    8.0
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


@dataclass(frozen=True)
class Model:
    """A GLM of every neuron for each of `states` hidden states; with one state it is the GLM itself.

    | the paper's model    | here                                                                     |
    |----------------------|--------------------------------------------------------------------------|
    | GLM                  | `Model(1)`                                                              |
    | HG                   | `Model(S)`                                                              |
    | GHG                  | `Model(S, prior=GaussianPrior())`                                       |
    | HG-L1, GHG-L1        | the same with `l1`, the weight in nats of the sum of all abs(w)          |
    | HMM of HMM Corr      | `Model(S)` of a design without coupling                                 |
    | HMM of HMM Bern      | `Model(S, Emission("bernoulli"))` of a design without coupling          |

    Raises `ValueError` for fewer than one state, and an L1 weight that is negative or infinite.

    >>> Model(3, Emission(link="sigmoid"), prior=GaussianPrior(sd=0.5), l1=2.0).emission.link
    'sigmoid'
    """

    states: int
    emission: Emission = field(default_factory=Emission)
    prior: GaussianPrior | None = None
    l1: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", whole_number("states", self.states, least=1))
        if not 0 <= self.l1 < math.inf:
            raise ValueError(f"l1: got {self.l1!r}, expected at least 0")

    @property
    def coupled(self) -> bool:
        """Whether the states of a neuron have to be fitted together."""
        return self.states > 1 and self.prior is not None


def log_prior(
    weights: Float[Tensor, "*runs states neurons features"], prior: GaussianPrior | None, l1: float
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
        total = total - prior.precision / 2 * apart - constant * inside.shape[-1]
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
