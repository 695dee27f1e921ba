"""Which HMM-GLM is to be fitted: its states, its emissions, and what is believed before."""

import math
from dataclasses import dataclass, field

from brainlib.arguments import whole_number
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting.priors import GaussianPrior


@dataclass(frozen=True)
class HMMGLM:
    """A GLM of every neuron for each of `states` hidden states; with one state it is the GLM itself.

    | the paper's model    | here                                                                     |
    |----------------------|--------------------------------------------------------------------------|
    | GLM                  | `HMMGLM(1)`                                                              |
    | HG                   | `HMMGLM(S)`                                                              |
    | GHG                  | `HMMGLM(S, prior=GaussianPrior())`                                       |
    | HG-L1, GHG-L1        | the same with `l1`, the weight in nats of the sum of all abs(w)          |
    | HMM of HMM Corr      | `HMMGLM(S)` of a design without coupling                                 |
    | HMM of HMM Bern      | `HMMGLM(S, Emission("bernoulli"))` of a design without coupling          |

    `shared_bias`: one bias a neuron for all states, as in the official demo. `transition_floor`: the least probability
    of a transition, e^-8 in the official code. Used in all chapters on brain states. Raises `ValueError` for fewer than
    one state, an L1 weight that is negative or infinite, and a floor that S transitions cannot have.
    """

    states: int
    emission: Emission = field(default_factory=Emission)
    prior: GaussianPrior | None = None
    l1: float = 0.0
    shared_bias: bool = False
    transition_floor: float = math.exp(-8)

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", whole_number("states", self.states, least=1))
        if not 0 <= self.l1 < math.inf:
            raise ValueError(f"l1: got {self.l1!r}, expected at least 0")
        if not 0 <= self.transition_floor * self.states < 1:
            raise ValueError(
                f"transition_floor: got {self.transition_floor!r}, expected at least 0 and below 1 / states"
            )

    @property
    def coupled(self) -> bool:
        """Whether the states of a neuron have to be fitted together."""
        return self.states > 1 and (self.prior is not None or self.shared_bias)
