"""Three ways to learn a time constant that must not be shorter than a time step of one bit.

What is trained is a raw value of each unit:

- "clamp" (the official code): tau = max(raw, 1). Below, the gradient is 0 and the unit stays where it is.
- "projected": the same, and after each step of the optimiser raw values below 1 are put back to it
  (`LeakyRNN.project_`), where the gradient still counts.
- "softplus": tau = 1 + log(1 + exp(raw)), which is smooth and only ever approaches 1.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

TauForm = Literal["clamp", "projected", "softplus"]
LEAST_RAISED = 2.0**-24  # bits above 1: with a softplus of exactly 0 a unit would never move


def tau_of(raw: Float[Tensor, "units"], form: TauForm) -> Float[Tensor, "units"]:
    """The time constants in bits, each at least 1, of raw values."""
    return 1 + softplus(raw) if form == "softplus" else raw.clamp(min=1)


def raw_of(tau: Float[Tensor, "units"], form: TauForm) -> Float[Tensor, "units"]:
    """The raw values of time constants in bits: the inverse of `tau_of`, up to rounding.

    Raises `ValueError` for time constants that are not finite or below 1.
    """
    if not ((tau >= 1) & tau.isfinite()).all():
        got = f"{float(tau.min()):g} to {float(tau.max()):g}"
        raise ValueError(f"tau: got {got} bits, expected finite time constants of at least 1")
    if form != "softplus":
        return tau
    raised = (tau - 1).clamp(min=LEAST_RAISED)
    return raised + torch.log(-torch.expm1(-raised))
