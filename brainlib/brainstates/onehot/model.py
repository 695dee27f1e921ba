"""The one-hot HMM-GLM: a weight is a strength times the sign of a connection, and states share what they believe of it.

    w_{s, n<-n'} = (a_exc - a_inh) wt      equation (3); a = (a_inh, a_no, a_exc) sums to 1
    a ~ Gumbel-Softmax(a_0, tau)           equations (4), (5); a_0 of a pair is learned, and shared by all states
    ln wt ~ N(mu_w, sigma_w^2)             equation (6)
    b ~ N(0, sigma_b^2)

Classes of connections are in the paper's order everywhere: inhibitory, none, excitatory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence

from brainlib.arguments import whole_number
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters

INHIBITORY, NONE, EXCITATORY = range(3)
TEMPERATURE, BIAS_SD = 0.2, 2.0  # tau and sigma_b, the paper's
LEAST_PRIOR = 1e-9  # of a class in a_0: with a probability of exactly 0 it could never come back

Classes = Float[Tensor, "*any 3"]


@dataclass(frozen=True)
class OneHot:
    """The model, with the paper's values: mu_w and sigma_w are `strength_mean` and `strength_sd`.

    Three options are this book's, and of the integrated solver alone:

    - `concentration`: a_0 ~ Dirichlet of these three (inhibitory, none, excitatory), with a posterior of its own, whose
      mean is what a fit tells as a_0; None: a_0 is where it is most likely;
    - `empirical`: mu_w and sigma_w are refitted after each M-step to the strengths that it found (empirical Bayes);
    - `dale`: all connections of a source have one sign, in all states and to all targets, either equally likely before
      any spike. What a neuron does to itself is no synapse, and has a sign of its own.

    Raises `ValueError` for fewer than one state, a deviation or concentration that is not positive and finite, and a
    mean that is not finite.

    >>> OneHot(2, Emission(link="sigmoid"), strength_mean=-3.0, concentration=(0.1, 0.8, 0.1)).strength_sd
    2.0
    """

    states: int
    emission: Emission = field(default_factory=Emission)
    strength_mean: float = -5.0
    strength_sd: float = 2.0
    concentration: Sequence[float] | None = None
    empirical: bool = False
    dale: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", whole_number("states", self.states, least=1))
        if not 0 < self.strength_sd < math.inf:
            raise ValueError(f"strength_sd: got {self.strength_sd!r}, expected a positive number")
        if not math.isfinite(self.strength_mean):
            raise ValueError(f"strength_mean: got {self.strength_mean!r}, expected a finite number")
        if self.concentration is not None:
            object.__setattr__(self, "concentration", tuple(self.concentration))
            if len(self.concentration) != 3 or not all(0 < number < math.inf for number in self.concentration):
                raise ValueError(f"concentration: got {self.concentration!r}, expected three positive numbers")

    def adjacency_prior(self, shares: Classes) -> Classes:
        """a_0 given the mean over states of the classes' probabilities; of a Dirichlet posterior the mean."""
        visits = self._visits(shares)
        return visits / visits.sum(-1, keepdim=True)

    def log_prior(self, shares: Classes) -> Classes:
        """Its logarithm, with no class impossible; of a Dirichlet posterior the logarithm's mean. With `dale`, of a
        connection of the sign that the source has.
        """
        visits = self._merged(self._visits(shares))
        if self.concentration is None:
            logs = (visits / self.states).clamp(min=LEAST_PRIOR).log()
        else:
            logs = visits.digamma() - visits.sum(-1, keepdim=True).digamma()
        return logs[..., [0, 1, 0]] if self.dale else logs

    def divergence(self, shares: Classes) -> Float[Tensor, ""]:
        """Of the posterior of all a_0 from their Dirichlet prior, nats."""
        if self.concentration is None:
            return shares.new_zeros(())
        both = self._visits(shares), shares.new_tensor(self.concentration)
        return kl_divergence(*(Dirichlet(self._merged(each), validate_args=False) for each in both)).sum()

    def _visits(self, shares: Classes) -> Classes:
        return self.states * shares + shares.new_tensor(self.concentration or (0.0, 0.0, 0.0))

    def _merged(self, visits: Classes) -> Tensor:
        """With `dale` a pair is connected or not, and the source has the sign."""
        return torch.stack((visits[..., ::2].sum(-1), visits[..., NONE]), -1) if self.dale else visits


class OneHotFit(NamedTuple):
    """A fitted one-hot HMM-GLM.

    - `parameters`: its weights are those of the most probable class of each connection: 0, or plus or minus a strength;
    - `adjacency[s, n, n', :]`: a_s, the probabilities of the three classes;
    - `adjacency_prior[n, n', :]`: a_0;
    - `strengths[s, n, n']`: wt, also where there is no connection: what it would be with the likelier sign;
    - `log_likelihoods`: log p(x) of the data after each iteration, at the weights' means; `objectives`: with the prior;
    - `strength_mean`, `strength_sd`: the model's, or what they were refitted to.
    """

    parameters: Parameters
    adjacency: Float[Tensor, "states neurons neurons 3"]
    adjacency_prior: Float[Tensor, "neurons neurons 3"]
    strengths: Float[Tensor, "states neurons neurons"]
    log_likelihoods: Float64[Tensor, " iterations"]
    objectives: Float64[Tensor, " iterations"]
    strength_mean: float
    strength_sd: float


def hard_weights(
    adjacency: Float[Tensor, "*any neurons neurons 3"], strengths: Float[Tensor, "*any neurons neurons"]
) -> Float[Tensor, "*any neurons neurons"]:
    """Equation (3) with each a put to the corner of its most probable class."""
    return strengths * (adjacency.argmax(-1) - NONE)
