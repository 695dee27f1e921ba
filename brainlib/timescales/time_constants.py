"""Three ways to learn a time constant that must not be shorter than a time step.

A time constant tau is in bits; at k steps a bit it is k tau steps, at least 1, for a leak 1 / (k tau) of at most 1.
What is trained is a raw value of each unit:

- "clamp" (the official code): k tau = max(k raw, 1). Below, the gradient is 0 and the unit stays where it is.
- "projected": the same, and after each step of the optimiser raw values below 1 / k are put back to it
  (`LeakyRNN.project_`), where the gradient still counts.
- "softplus": tau = 1 + log(1 + exp(raw)), which is smooth and only ever approaches 1.

Used in chapters/timescales/02_curricula.ipynb.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

TauForm = Literal["clamp", "projected", "softplus"]
LEAST_RAISED = 2.0**-24  # bits above 1: with a softplus of exactly 0 a unit would never move


def in_steps(raw: Float[Tensor, "units"], form: TauForm, steps_per_bit: int = 1) -> Float[Tensor, "units"]:
    """The time constants in steps, each at least 1, of raw values."""
    if form == "softplus":
        return steps_per_bit * (1 + softplus(raw))
    return (steps_per_bit * raw).clamp(min=1)


def raw_of(tau: Float[Tensor, "units"], form: TauForm, steps_per_bit: int = 1) -> Float[Tensor, "units"]:
    """The raw values of time constants in bits: the inverse of `in_steps`, up to rounding.

    Raises `ValueError` for time constants that are not finite or too short: below 1 for "softplus", else below a step.
    """
    shortest = 1.0 if form == "softplus" else 1 / steps_per_bit
    if not ((tau >= shortest) & tau.isfinite()).all():
        got = f"{float(tau.min()):g} to {float(tau.max()):g}"
        raise ValueError(f"tau: got {got} bits, expected finite time constants of at least {shortest:g}")
    if form != "softplus":
        return tau
    raised = (tau - 1).clamp(min=LEAST_RAISED)
    return raised + torch.log(-torch.expm1(-raised))
