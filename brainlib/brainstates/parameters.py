"""What a fitted or simulated HMM-GLM is made of."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor


class Parameters(NamedTuple):
    """The parameters of HMM-GLMs, of one or, along leading axes `runs`, of many at once.

    - `weights[..., s, n, :]`: those of neuron n's GLM in state s, one for each of the design's features, the bias last;
      with coupling, `weights[..., s, n, n']` leads from n' to n through the basis's first function: w_{s, n<-n'};
    - `log_transition[..., s, s']`: log pi_ss', from s to s'; -inf is allowed;
    - `log_initial[..., s]`: of the first bin's state.

    >>> parameters = Parameters(torch.zeros(2, 3, 4), torch.full((2, 2), 0.5).log(), torch.full((2,), 0.5).log())
    >>> parameters.coupling.shape, parameters.bias.shape
    (torch.Size([2, 3, 3]), torch.Size([2, 3]))
    """

    weights: Float[Tensor, "*runs states neurons features"]
    log_transition: Float[Tensor, "*runs states states"]
    log_initial: Float[Tensor, "*runs states"]

    @property
    def coupling(self) -> Float[Tensor, "*runs states neurons neurons"]:
        """W_s, through the basis's first function; of a design with coupling. Raises `ValueError` if there is none."""
        neurons, features = self.weights.shape[-2:]
        if features <= neurons:
            raise ValueError(f"weights: got {features} features for {neurons} neurons, expected a coupled design's")
        return self.weights[..., :neurons]

    @property
    def bias(self) -> Float[Tensor, "*runs states neurons"]:
        """b_s."""
        return self.weights[..., -1]

    def run(self, index: int) -> "Parameters":
        """Those of one of the runs, for a single leading axis."""
        return Parameters(*(tensor[index] for tensor in self))

    def to(self, target: str | torch.device | torch.dtype) -> "Parameters":
        """The same on another device or in another dtype."""
        return Parameters(*(tensor.to(target) for tensor in self))


def sticky(states: int, stay: float) -> Float64[Tensor, "states states"]:
    """Transition probabilities that stay with `stay`, and go to each of the others with the same probability."""
    away = (1 - stay) / max(states - 1, 1)
    return torch.full((states, states), away, dtype=torch.float64).fill_diagonal_(stay if states > 1 else 1.0)
