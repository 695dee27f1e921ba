"""How much of an event is left after D tokens, in a membrane and in an astrocyte's memory: claim A2.

What is left is measured as influence: the derivative of what is held D tokens later to what came in at the event, by
the kernels' own backward pass.
"""

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.astrosnn import astrocyte_memory, lif_scan

BETA, DELAYS, LONG = 0.5, 48, 512
GAMMAS = 1 - 2.0 ** -torch.linspace(3, 11, 4, dtype=torch.float64)
MEMBRANE_THEORY = BETA ** torch.arange(DELAYS, dtype=torch.float64)
ASTROCYTE_THEORY = GAMMAS ** torch.arange(LONG, dtype=torch.float64)[:, None]


class Left(NamedTuple):
    """What is left of an event after 0, 1, 2, ... tokens, and the largest relative difference from theory."""

    membrane: Float[Tensor, "delays"]
    astrocyte: Float[Tensor, "delays heads"]
    after_spike: float  # the most that is left in a membrane after it fired
    error: float


@cache
def left(seed: int) -> Left:
    """What is left in a membrane and in an astrocyte of four heads, among other input drawn by `seed`."""
    membrane = left_in_membrane(DELAYS, BETA, seeded(seed))
    astrocyte = left_in_astrocyte(LONG, GAMMAS, seeded(seed))
    spiked = left_in_membrane(DELAYS, BETA, seeded(seed), spike_at=10)
    errors = [(membrane / MEMBRANE_THEORY - 1).abs().max(), (astrocyte / ASTROCYTE_THEORY - 1).abs().max()]
    return Left(membrane, astrocyte, float(spiked[10:].abs().max()), float(max(errors)))


def left_in_membrane(
    delays: int, beta: float, generator: torch.Generator, spike_at: int | None = None
) -> Float[Tensor, "delays"]:
    """dm_{t+D} / dI_t of a neuron for D = 0 to `delays` - 1, in float64: beta^D while it does not fire.

    The neuron hears random currents too weak to fire it, but for one at D = `spike_at` (None: none).
    """
    current = 0.1 * torch.rand(delays, 1, generator=generator, dtype=torch.float64)
    if spike_at is not None:
        current[spike_at] = 2.0
    current.requires_grad_()
    left = []
    for delay in range(delays):
        _, membrane = lif_scan(current[: delay + 1], beta=beta)
        left.append(torch.autograd.grad(membrane.sum(), current)[0][0, 0])
    return torch.stack(left)


def left_in_astrocyte(
    delays: int, gammas: Float[Tensor, "heads"], generator: torch.Generator
) -> Float[Tensor, "delays heads"]:
    """do_{t+D} / dv_t of heads that are asked with the event's key, for D = 0 to `delays` - 1, in float64: gamma^D.

    Other keys and values of length 1 are written meanwhile. Raises `ValueError` for a gamma outside (0, 1].
    """
    if not ((gammas > 0) & (gammas <= 1)).all():
        raise ValueError(f"gammas: got {gammas.tolist()}, expected decays above 0 and at most 1")
    heads, dim = len(gammas), 8
    keys = torch.randn(1, delays, heads, dim, generator=generator, dtype=torch.float64)
    keys = torch.nn.functional.normalize(keys, dim=-1)
    value = torch.randn(1, delays, heads, 1, generator=generator, dtype=torch.float64).requires_grad_()
    answer, _ = astrocyte_memory(keys[:, :1].expand_as(keys), keys, value, gammas.double().log())
    left = [torch.autograd.grad(said.sum(), value, retain_graph=True)[0][0, 0, :, 0] for said in answer[0]]
    return torch.stack(left)
