"""Posterior-predictive checks: does the model, when it simulates, look like the recording?

Take a statistic of the recording and of data sets that the fitted model has simulated; see where the first lies among
the others.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from brainlib.data.trials import Trials


def rates(trials: Trials) -> Float64[Tensor, "neurons"]:
    """Each neuron's spikes a second. Used in chapters/brainstates/03_recordings."""
    return trials.counts.sum((0, 1)).double() / (trials.bins * trials.bin_ms / 1000)


def interspike_intervals(trials: Trials, longest: int) -> Int64[Tensor, "neurons intervals"]:
    """Histogram of each neuron's intervals between successive spikes, within trials: column k holds those of k bins.

    Column 0 holds spikes that share a bin with the one before; the last, `longest`, longer intervals too. Raises
    `ValueError` for a longest below 1. Used in chapters/brainstates/03_recordings.
    """
    if longest < 1:
        raise ValueError(f"longest: got {longest}, expected at least 1 bin")
    counts, N = trials.counts, trials.neurons
    trial, neuron, time = (counts > 0).transpose(1, 2).nonzero().T
    train = trial * N + neuron
    same = train.diff() == 0
    bins = time.diff()[same].clamp(max=longest)
    found = torch.bincount(neuron[1:][same] * (longest + 1) + bins, minlength=N * (longest + 1)).view(N, longest + 1)
    found[:, 0] += (counts.long() - 1).clamp(min=0).sum((0, 1))
    return found


class Check(NamedTuple):
    """Where a recording's statistic lies among the replicates', entry by entry."""

    low: Float64[Tensor, "*rest"]
    high: Float64[Tensor, "*rest"]
    p: Float64[Tensor, "*rest"]  # twice the smaller tail; what the model never reaches gets 2 / (replicates + 1)


def check(observed: Float[Tensor, "*rest"], replicated: Float[Tensor, "samples *rest"], share: float = 0.95) -> Check:
    """The middle `share` of the replicates, and the posterior-predictive p-value, (1 + how many are as extreme) /
    (1 + how many there are).

    Raises `ValueError` for shapes that do not fit and shares outside 0 .. 1.
    """
    if not len(replicated) or replicated.shape[1:] != observed.shape:
        expected = ("replicates", *observed.shape)
        raise ValueError(f"replicated: got the shape {tuple(replicated.shape)}, expected {expected}")
    if not 0 < share < 1:
        raise ValueError(f"share: got {share}, expected one between 0 and 1")
    observed, replicated = observed.double(), replicated.double()
    low, high = replicated.quantile(replicated.new_tensor([(1 - share) / 2, (1 + share) / 2]), dim=0)
    tails = torch.stack(((replicated <= observed).sum(0), (replicated >= observed).sum(0))).amin(0)
    return Check(low, high, (2 * (1 + tails).double() / (1 + len(replicated))).clamp(max=1))
