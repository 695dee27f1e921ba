"""Wiring by cross-correlograms: for the models of Table 1 whose states have rates but no coupling, HMM Corr (Poisson
counts) and HMM Bern.

The paper says no more than "wiring by cross-correlogram per state". What follows is our reconstruction: the counts of a
state's bins, each bin weighted by the state's posterior probability; their correlation coefficient with the counts k
bins earlier, so that what a state's rates alone bring about is taken away; and the mean over lags that the models' own
spike-history basis takes.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.data.trials import Trials

NEVER = 1e-9  # bins that a state is expected to have: none


def correlogram_wiring(
    trials: Trials, states: Float[Tensor, "trials time states"], basis: Float[Tensor, "lags 1"]
) -> Float64[Tensor, "states neurons neurons"]:
    """W[s, n, n'] = sum over lags k of phi_k r_s(n, n', k), phi the basis scaled to the sum 1, r the cross-correlogram:
    between -1 and 1, from n' to n, the neurons' own past on the diagonal.

    Its signs and order can be put through equation (8); its scale is that of correlations, not of a model's weights.
    """
    phi = (basis[:, 0] / basis.sum()).double()
    return torch.einsum("k,sknm->snm", phi, cross_correlogram(trials, states, len(basis))[:, 1:])


@torch.no_grad()
def cross_correlogram(
    trials: Trials, states: Float[Tensor, "trials time states"], lags: int
) -> Float64[Tensor, "states lags_and_0 neurons neurons"]:
    """r[s, k, n, n']: the correlation of x_{t, n} with x_{t - k, n'}, lags k = 0 to `lags`, bins t weighted by the
    probability `states[:, t, s]` of state s. Pairs of bins within a trial count; means and variances are the weighted
    ones of these pairs. 0 where a neuron never changes, or the state never occurs.

    Lag 0 with weights of 1 is the usual correlation of counts.
    """
    counts, (T, N) = trials.counts.double(), trials.counts.shape[1:]
    weights = torch.where(trials.mask[..., None], states, 0).double()
    found = counts.new_zeros(states.shape[2], lags + 1, N, N)
    for k in range(lags + 1):
        pairs = torch.cat((counts[:, k:], counts[:, : T - k]), 2).flatten(0, 1).T  # x_t and x_{t - k}
        for s, weight in enumerate(weights[:, k:].flatten(0, 1).T):
            if weight.sum() > NEVER:
                covariance = torch.cov(pairs, correction=0, aweights=weight)
                scale = torch.where(covariance.diagonal() > 1e-12, covariance.diagonal().rsqrt(), 0)
                found[s, k] = (covariance * scale * scale[:, None])[:N, N:].clamp(-1, 1)
    return found
