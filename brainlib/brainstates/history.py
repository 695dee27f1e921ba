"""What a neuron hears of the past: spike counts of earlier bins, weighted by a few functions of the lag.

Lag 1, the bin before, is a basis's first row; the bin itself is never heard. Used in
chapters/brainstates/01_from_glm_to_hmm_glm.ipynb.
"""

import math

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from brainlib.arguments import whole_number

BLOCK = 2**12  # bins at once: what a convolution adds up stays in the cache


def exponential_basis(lags: int = 5, decay: float = 1.0) -> Float[Tensor, "lags 1"]:
    """The official code's one function, phi_k = exp(-decay k) / sum over k of the same, for lags k of 1 to `lags` bins.

    Raises `ValueError` for no lag and a decay (a bin) that is not finite.
    """
    whole_number("lags", lags, least=1)
    if not math.isfinite(decay):
        raise ValueError(f"decay: got {decay}, expected a finite number")
    return torch.softmax(-decay * torch.arange(1, lags + 1, dtype=torch.float64), dim=0)[:, None].float()


def raised_cosine_basis(lags: int, functions: int) -> Float[Tensor, "lags functions"]:
    """Smooth bumps (1 + cos) / 2, narrow at lag 1 and wider towards `lags`, as Pillow et al. (2008) have them.

    Their peaks lie evenly in log(1 + k), neighbours a quarter of a period apart, the first at lag 1 and the last at
    `lags`; each function sums to 1 over the lags. Raises `ValueError` for no lag or function, and for so many functions
    that some fall between two lags.
    """
    whole_number("lags", lags, least=1)
    whole_number("functions", functions, least=1)
    time = torch.arange(1, lags + 1, dtype=torch.float64).log1p()
    peaks = torch.linspace(float(time[0]), float(time[-1]), functions, dtype=torch.float64)
    spacing = peaks[1] - peaks[0] if functions > 1 else time[-1] - time[0] + 1
    phase = (time[:, None] - peaks) * math.pi / (2 * spacing)
    bumps = (1 + phase.clamp(-math.pi, math.pi).cos()) / 2
    if functions > lags or not (bumps.sum(0) > 0).all():
        raise ValueError(f"functions: got {functions}, expected fewer for {lags} lags: some would fall between two")
    return (bumps / bumps.sum(0)).float()


def identity_basis(lags: int) -> Float[Tensor, "lags lags"]:
    """One function a lag: every lag has a weight of its own. Raises `ValueError` for no lag."""
    whole_number("lags", lags, least=1)
    return torch.eye(lags)


def add_history(
    features: Float[Tensor, "trials time features"],
    counts: Integer[Tensor, "trials time neurons"],
    basis: Float[Tensor, "lags functions"],
) -> None:
    """Adds the convolved counts of equation (1) to `features`, which may be a view of more:

    features[:, t, j N + n'] += sum over k of basis[k - 1, j] x[t - k, n'],   x = 0 before the first bin.
    """
    T, N = counts.shape[1:]
    kernel = basis.double().tolist()
    for start in range(0, T, BLOCK):
        stop = min(start + BLOCK, T)
        for k, row in enumerate(kernel, 1):
            first = max(start, k)
            if first >= stop:
                break
            past = counts[:, first - k : stop - k].to(features.dtype)
            for j, value in enumerate(row):
                features[:, first:stop, j * N : (j + 1) * N].add_(past, alpha=value)
