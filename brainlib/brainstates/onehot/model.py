"""The one-hot HMM-GLM: a weight is a strength times the sign of a connection, and states share what they believe of it.

    w_{s, n<-n'} = (a_exc - a_inh) wt      equation (3); a = (a_inh, a_no, a_exc) sums to 1
    a ~ Gumbel-Softmax(a_0, tau)           equations (4), (5); a_0 of a pair is learned, and shared by all states
    ln wt ~ N(mu_w, sigma_w^2)             equation (6)
    b ~ N(0, sigma_b^2)

Classes of connections are in the paper's order everywhere: inhibitory, none, excitatory.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters

INHIBITORY, NONE, EXCITATORY = range(3)
TEMPERATURE, BIAS_SD = 0.2, 2.0  # tau and sigma_b, the paper's
LEAST_PRIOR = 1e-9  # of a class in a_0: with a probability of exactly 0 it could never come back


@dataclass(frozen=True)
class OneHot:
    """The model, with the paper's values: mu_w and sigma_w are `strength_mean` and `strength_sd`.

    Raises `ValueError` for fewer than one state, a deviation that is not positive and finite, and a mean that is not
    finite.

    >>> OneHot(2, Emission(link="sigmoid"), strength_mean=-3.0).strength_sd
    2.0
    """

    states: int
    emission: Emission = field(default_factory=Emission)
    strength_mean: float = -5.0
    strength_sd: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", whole_number("states", self.states, least=1))
        if not 0 < self.strength_sd < math.inf:
            raise ValueError(f"strength_sd: got {self.strength_sd!r}, expected a positive number")
        if not math.isfinite(self.strength_mean):
            raise ValueError(f"strength_mean: got {self.strength_mean!r}, expected a finite number")

    def log_prior(self, adjacency_prior: Float[Tensor, "*any 3"]) -> Float[Tensor, "*any 3"]:
        """log a_0, normalised, with no class impossible."""
        return adjacency_prior.clamp(min=LEAST_PRIOR).log().log_softmax(-1)


class OneHotFit(NamedTuple):
    """A fitted one-hot HMM-GLM.

    - `parameters`: its weights are those of the most probable class of each connection: 0, or plus or minus a strength;
    - `adjacency[s, n, n', :]`: a_s, the probabilities of the three classes;
    - `adjacency_prior[n, n', :]`: a_0;
    - `strengths[s, n, n']`: wt, also where there is no connection: what it would be with the likelier sign;
    - `log_likelihoods`: log p(x) of the data after each iteration, at the weights' means; `objectives`: with the prior.
    """

    parameters: Parameters
    adjacency: Float[Tensor, "states neurons neurons 3"]
    adjacency_prior: Float[Tensor, "neurons neurons 3"]
    strengths: Float[Tensor, "states neurons neurons"]
    log_likelihoods: Float64[Tensor, " iterations"]
    objectives: Float64[Tensor, " iterations"]


def hard_weights(
    adjacency: Float[Tensor, "*any neurons neurons 3"], strengths: Float[Tensor, "*any neurons neurons"]
) -> Float[Tensor, "*any neurons neurons"]:
    """Equation (3) with each a put to the corner of its most probable class."""
    return strengths * (adjacency.argmax(-1) - NONE)
