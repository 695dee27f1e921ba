"""What simulations of a network tell: the time scales of its units, tau_net, and the dimensions that it fills."""

from typing import NamedTuple

import torch

from brainlib.timescales.measures.autocorrelation import TauNet, autocovariance, fit_decay, normalised
from brainlib.timescales.measures.dimensionality import dimensionality
from brainlib.timescales.measures.recording import record
from brainlib.timescales.network import Network

AT_ONCE = 2**29  # states held by a simulation


class Activity(NamedTuple):
    """`tau_net` of every unit, and the mean number of `dimensions` of a simulation."""

    tau_net: TauNet
    dimensions: float


def activity(
    network: Network, generator: torch.Generator, length: int, trials: int, rate: float | None = None, lags: int = 30
) -> Activity:
    """From `trials` simulations of `length` bits with a chance `rate` of a 1 (None: each trial's own).

    The official code takes 10 trials of 100,500 bits. Memory: as many trials at once as have 2^29 states, 2 GB.

    Raises as `record`, `autocorrelation` and `dimensionality`. Used in chapters/timescales/02_curricula.ipynb.
    """
    for name, count in (("length", length), ("trials", trials)):
        if count < 1:
            raise ValueError(f"{name}: got {count}, expected at least 1")
    group = max(1, min(trials, AT_ONCE // (length * network.units)))
    covariances, dimensions = [], 0.0
    for first in range(0, trials, group):
        states = record(network, length, min(group, trials - first), generator, rate)
        covariances.append(autocovariance(states, lags))
        dimensions += dimensionality(states) * states.shape[1]
    return Activity(fit_decay(normalised(torch.cat(covariances, dim=1))), dimensions / trials)
