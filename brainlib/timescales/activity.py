"""What a network does while it reads random bits: the time scales of its units, and the dimensions that it fills."""

from statistics import fmean
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.timescales.autocorrelation import TauNet, autocorrelation, fit_decay
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
    for name, count in (("length", length), ("trials", trials)):
        whole_number(name, count, least=1)
    bits = draw_bits(BURN_IN + length, trials, generator, rate, network.readout_weight.device)
    return network.states(bits, network.initial_state(trials, generator))[BURN_IN:]


def dimensionality(states: Float[Tensor, "time batch units"], share: float = 0.9) -> float:
    """The number of principal components that hold more than `share` of the variance, of each sequence by itself; the
    mean over sequences (official code).

    One dimension counts 1 (the official code counts from 0: one less), activity that never changes 0. Raises
    `ValueError` for a share outside 0 .. 1 and for states that are not finite.
    """
    if not 0 < share < 1:
        raise ValueError(f"share: got {share}, expected one between 0 and 1")
    if not states.isfinite().all():
        raise ValueError("states: got values that are not finite, expected those of a network that does not explode")
    found = []
    for sequence in states.unbind(1):
        moved = sequence.double() - sequence[0]  # exactly 0 where nothing changes
        moved = moved - moved.mean(0)
        variances = torch.linalg.eigvalsh(moved.mT @ moved).flip(-1).clamp(min=0)  # descending
        total = variances.sum()
        found.append(1 + int((variances.cumsum(-1) <= share * total).sum()) if total > 0 else 0)
    return fmean(found)


class Activity(NamedTuple):
    """`tau_net` of every unit, and the mean number of `dimensions` of a simulation."""

    tau_net: TauNet
    dimensions: float


def activity(
    network: Network, generator: torch.Generator, length: int, trials: int, rate: float | None = None, lags: int = 30
) -> Activity:
    """From `trials` simulations of `length` bits with a chance `rate` of a 1 (None: each trial's own).

    The official code takes 10 trials of 100,500 bits: with 500 units their states are 2 GB.

    Raises as `record`, `autocorrelation` and `dimensionality`.

    >>> from brainlib.timescales import LeakyRNN, activity
    >>> network = LeakyRNN(units=12, heads=1, generator=torch.Generator().manual_seed(0))
    >>> found = activity.activity(network, torch.Generator().manual_seed(0), length=500, trials=2)
    >>> found.tau_net.values.shape, 1 <= found.dimensions <= 12
    (torch.Size([12]), True)
    """
    states = record(network, length, trials, generator, rate)
    return Activity(fit_decay(autocorrelation(states, lags)), dimensionality(states))
