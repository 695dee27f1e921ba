"""The M-step of the transitions."""

import torch
from jaxtyping import Float
from torch import Tensor


def most_likely_transitions(
    expected: Float[Tensor, "*runs states states"], previous: Float[Tensor, "*runs states states"], floor: float
) -> Float[Tensor, "*runs states states"]:
    """log pi with the highest sum of expected log pi among all whose every pi is at least `floor`.

    `expected[s, s']` is how often s' followed s, summed over time and trials: xi. Where no floor is reached pi is
    xi_ss' / sum of xi_s. Lower ones are put on the floor, and the others share what is left in proportion; the official
    code clamps and divides by the sum instead, which is no maximum and may lower the likelihood. A state that was never
    left keeps its `previous` row.
    """
    expected = expected.double()
    total = expected.sum(-1, keepdim=True)
    low = torch.zeros_like(expected, dtype=torch.bool)
    for _ in range(expected.shape[-1]):
        left = 1 - floor * low.sum(-1, keepdim=True)
        free = torch.where(low, 0, expected)
        probability = torch.where(low, floor, free * (left / free.sum(-1, keepdim=True)))
        low = low | (probability < floor)
    return torch.where(total > 0, probability.log(), previous.double())


def raise_to_floor(log_transition: Float[Tensor, "*runs states states"], floor: float) -> Tensor:
    """Transitions with nothing below the floor, the closest to those given in the sense above."""
    return most_likely_transitions(log_transition.exp(), log_transition, floor)
