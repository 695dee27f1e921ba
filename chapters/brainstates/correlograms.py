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

BLOCK = 2**15  # bins at once
NEVER = 1e-9  # bins that a state is expected to have: none


def correlogram_wiring(
    trials: Trials, states: Float[Tensor, "trials time states"], basis: Float[Tensor, "lags functions"]
) -> Float64[Tensor, "states neurons neurons"]:
    """W[s, n, n'] = sum over lags k of phi_k r_s(n, n', k), phi the basis scaled to the sum 1, r the cross-correlogram:
    between -1 and 1, from n' to n, the neurons' own past on the diagonal.

    Its signs and order can be put through equation (8); its scale is that of correlations, not of a model's weights.
    Raises `ValueError` as `cross_correlogram`, for a basis of several functions and for one with negative parts or the
    sum 0.
    """
    lags, functions = basis.shape
    if functions != 1 or not basis.isfinite().all() or basis.min() < 0 or not basis.sum() > 0:
        raise ValueError(f"basis: got {basis.tolist()}, expected one function of the lag, not negative and not all 0")
    phi = (basis[:, 0] / basis.sum()).double().to(trials.counts.device)
    return torch.einsum("k,sknm->snm", phi, cross_correlogram(trials, states, lags)[:, 1:])


@torch.no_grad()
def cross_correlogram(
    trials: Trials, states: Float[Tensor, "trials time states"], lags: int
) -> Float64[Tensor, "states lags_and_0 neurons neurons"]:
    """r[s, k, n, n']: the correlation of x_{t, n} with x_{t - k, n'}, lags k = 0 to `lags`, bins t weighted by the
    probability `states[:, t, s]` of state s. Pairs of bins within a trial count; means and variances are the weighted
    ones of these pairs. 0 where a neuron never changes, or the state never occurs.

    Lag 0 with weights of 1 is the usual correlation of counts. Raises `ValueError` for states that do not fit the
    trials, weights that are negative or not finite, negative lags and lags that no trial is longer than.
    """
    counts, mask = trials.counts, trials.mask
    T, N = counts.shape[1:]
    if states.shape[:2] != counts.shape[:2]:
        raise ValueError(f"states: got the shape {tuple(states.shape)}, expected {tuple(counts.shape[:2])} and states")
    if not 0 <= lags < T:
        raise ValueError(f"lags: got {lags}, expected 0 to {T - 1}, fewer than the longest trial's bins")
    weights = torch.where(mask[..., None], states, 0)
    if not weights.isfinite().all() or weights.min() < 0:
        raise ValueError("states: got values that are negative or not finite, expected probabilities")
    found = counts.new_zeros((states.shape[2], lags + 1, N, N), dtype=torch.float64)
    for k in range(lags + 1):
        found[:, k] = _correlations(counts[:, k:], counts[:, : T - k], weights[:, k:])
    return found


def _correlations(
    later: Tensor,  # [B, T, N]
    earlier: Tensor,  # [B, T, N]
    weights: Tensor,  # [B, T, S]
) -> Float64[Tensor, "states neurons neurons"]:
    S, N = weights.shape[-1], later.shape[-1]
    total = later.new_zeros(S, dtype=torch.float64)
    sums = later.new_zeros((2, 2, S, N), dtype=torch.float64)  # of later and earlier; of values and their squares
    products = later.new_zeros((S, N, N), dtype=torch.float64)
    for x, y, w in zip(*(tensor.flatten(0, 1).split(BLOCK) for tensor in (later, earlier, weights)), strict=True):
        x, y, w = x.double(), y.double(), w.double()
        total += w.sum(0)
        for side, values in enumerate((x, y)):
            sums[side] += torch.stack((w.mT @ values, w.mT @ values.square()))
        for s in range(S):
            products[s] += (w[:, s, None] * x).mT @ y
    share = torch.where(total > NEVER, 1 / total, 0)
    (mean_x, square_x), (mean_y, square_y) = sums * share[:, None]
    deviations = [(square - mean**2) for mean, square in ((mean_x, square_x), (mean_y, square_y))]
    changes = [variance > 1e-12 * square for variance, square in zip(deviations, (square_x, square_y), strict=True)]
    scale_x, scale_y = (torch.where(ok, v.clamp(min=0).rsqrt(), 0) for ok, v in zip(changes, deviations, strict=True))
    covariance = products * share[:, None, None] - mean_x[:, :, None] * mean_y[:, None]
    return (covariance * scale_x[:, :, None] * scale_y[:, None]).clamp(-1, 1)
