"""What a network does while it reads random bits."""

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.timescales.network import Network
from brainlib.timescales.tasks import draw_bits

BURN_IN = 500  # bits, as in the official code


@torch.no_grad()
def record(
    network: Network, length: int, trials: int, generator: torch.Generator, rate: float | None = None
) -> Float[Tensor, "time batch units"]:
    """The states after each of `length` bits, in `trials` sequences, once `BURN_IN` bits have been read.

    `rate` is the chance of a 1; None draws each trial's own from U(0, 1), as the official code does: the
    autocorrelations depend on it. Holds length x trials x units floats. Raises `ValueError` as `tasks.draw_bits`, and
    for a length below 1.
    """
    if length < 1:
        raise ValueError(f"length: got {length}, expected at least 1")
    bits = draw_bits(BURN_IN + length, trials, generator, rate, network.readout_weight.device)
    return network.states(bits, network.initial_state(trials, generator))[BURN_IN:]
