"""The loop that draws states and spikes, compiled by numba: every bin hears the spikes of the bins before."""

from typing import no_type_check

import numpy as np

from brainlib.jit import njit

KINDS = {"poisson": 0, "negative_binomial": 1, "bernoulli": 2}
LINKS = {"softplus": 0, "exp": 1, "sigmoid": 2}


@njit()
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _draw(chances, random):
    """A place in `chances`, which sum to 1 up to rounding."""
    u = random.random()
    for place in range(len(chances) - 1):
        u -= chances[place]
        if u < 0:
            return place
    return len(chances) - 1


@njit()
@no_type_check
def _rate(eta, link):
    if link == 0:
        return max(eta, 0.0) + np.log1p(np.exp(-abs(eta)))
    if link == 1:
        return np.exp(eta)
    return 1 / (1 + np.exp(-eta))


@njit()
@no_type_check
def _count(f, kind, link, dispersion, random):
    if kind == 0:
        return random.poisson(f)
    if kind == 1:
        return random.poisson(f / dispersion * random.gamma(dispersion))
    p = f if link == 2 else -np.expm1(-f)
    return 1 if random.random() < p else 0


@njit()
@no_type_check
def simulate(initial, transition, weights, basis, refractory, stimuli, kind, link, dispersion, most, random, z, x):
    """Fills states z [B, T] and counts x [B, T, N]; gives the highest rate, and stops at one above `most`.

    initial [S]   transition [S, S]   weights [S, N, D], their features in the order of `Design`
    basis [lags, functions], no functions without coupling   refractory [lags, functions]   stimuli [B, T, covariates]
    """
    B, T, N = x.shape
    D = weights.shape[2]
    shared = N * basis.shape[1]
    own = shared + N * refractory.shape[1]
    features = np.empty(D)
    highest = 0.0
    for b in range(B):
        for t in range(T):
            z[b, t] = _draw(initial if t == 0 else transition[z[b, t - 1]], random)
            features[:own] = 0
            for k in range(min(t, len(basis))):
                for j in range(basis.shape[1]):
                    for n in range(N):
                        features[j * N + n] += basis[k, j] * x[b, t - 1 - k, n]
            for k in range(min(t, len(refractory))):
                for j in range(refractory.shape[1]):
                    for n in range(N):
                        features[shared + j * N + n] += refractory[k, j] * x[b, t - 1 - k, n]
            features[own : D - 1] = stimuli[b, t]
            features[D - 1] = 1
            for n in range(N):
                eta = 0.0
                w = weights[z[b, t], n]
                for d in range(D):
                    eta += w[d] * features[d]
                f = _rate(eta, link)
                highest = max(highest, f)
                if not f <= most:
                    return highest
                x[b, t, n] = _count(f, kind, link, dispersion, random)
    return highest
