"""How much of an event is left after D tokens, in a membrane and in an astrocyte's memory: claim A2.

What is left is measured as influence: the derivative of what is held D tokens later to what came in at the event, by
the kernels' own backward pass.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from brainlib.arguments import seeded
from brainlib.astrosnn import astrocyte_memory, lif_scan

BETA, DELAYS, LONG = 0.5, 48, 512
GAMMAS = 1 - 2.0 ** -torch.linspace(3, 11, 4, dtype=torch.float64)
MEMBRANE_THEORY = BETA ** torch.arange(DELAYS, dtype=torch.float64)
ASTROCYTE_THEORY = GAMMAS ** torch.arange(LONG, dtype=torch.float64)[:, None]


def left_in_membrane(seed: int, spike_at: int | None = None) -> Float[Tensor, "delays"]:
    """dm_{t+D} / dI_t of a neuron for D = 0, 1, 2, ..., in float64: beta^D while it does not fire.

    The neuron hears random currents too weak to fire it, but for one at D = `spike_at` (None: none).
    """
    current = 0.1 * torch.rand(DELAYS, 1, generator=seeded(seed), dtype=torch.float64)
    if spike_at is not None:
        current[spike_at] = 2.0
    current.requires_grad_()
    membranes = [lif_scan(current[: delay + 1], beta=BETA, time_dim=0)[1].sum() for delay in range(DELAYS)]
    return torch.stack([torch.autograd.grad(membrane, current)[0][0, 0] for membrane in membranes])


@cache
def left_in_astrocyte(seed: int) -> Float[Tensor, "delays heads"]:
    """do_{t+D} / dv_t of four heads that are asked with the event's key, for D = 0, 1, 2, ..., in float64: gamma^D.

    Other keys and values are written meanwhile.
    """
    heads, generator = len(GAMMAS), seeded(seed)
    keys = normalize(torch.randn(1, LONG, heads, 8, generator=generator, dtype=torch.float64), dim=-1)
    value = torch.randn(1, LONG, heads, 1, generator=generator, dtype=torch.float64).requires_grad_()
    answer, _ = astrocyte_memory(keys[:, :1].expand_as(keys), keys, value, GAMMAS.log())
    left = [torch.autograd.grad(said.sum(), value, retain_graph=True)[0][0, 0, :, 0] for said in answer[0]]
    return torch.stack(left)
