"""Wiring without a model: how spikes correlate with those of earlier bins."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.data import Trials


def cross_correlogram(trials: Trials, lags: int) -> Float64[Tensor, "lags_and_0 neurons neurons"]:
    """r[k, n, n']: the correlation of x_{t, n} with x_{t - k, n'}, of pairs of bins within a trial; lag 0 is the usual
    correlation of counts. 0 where a neuron never changes.
    """
    (T, N), found = trials.counts.shape[1:], []
    for k in range(lags + 1):
        inside = trials.mask[:, k:]
        pairs = torch.cat((trials.counts[:, k:][inside], trials.counts[:, : T - k][inside]), 1)
        found.append(torch.corrcoef(pairs.double().T)[:N, N:].nan_to_num(0.0))
    return torch.stack(found)


def correlogram_wiring(trials: Trials, basis: Float[Tensor, "lags 1"]) -> Float64[Tensor, "neurons neurons"]:
    """The mean over lags of 1 and more that a basis of spike histories takes; [to, from]."""
    phi = (basis[:, 0] / basis.sum()).double()
    return torch.einsum("k,knm->nm", phi, cross_correlogram(trials, len(basis))[1:])
