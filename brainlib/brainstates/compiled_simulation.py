"""The loops of `simulate.py`, compiled by numba."""

from typing import no_type_check

import numpy as np

from brainlib.jit import njit


@njit()
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _draw(probabilities, random):
    """A place in `probabilities`, which sum to 1 up to rounding."""
    u = random.random()
    for place in range(len(probabilities) - 1):
        u -= probabilities[place]
        if u < 0:
            return place
    return len(probabilities) - 1


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
def _count(f, kind, link, random):
    if kind == 0:
        return random.poisson(f)
    p = f if link == 2 else -np.expm1(-f)
    return 1 if random.random() < p else 0


@njit()
@no_type_check
def simulate_trials(initial, transition, weights, basis, kind, link, most, random, z, x):
    """Fills states z [B, T] and counts x [B, T, N]; gives the highest rate, and stops at one above `most`.

    initial [S]   transition [S, S]   weights [S, N, D], their features in the order of `Design`
    basis [lags, functions], no functions without coupling
    """
    B, T, N = x.shape
    D = weights.shape[2]
    features = np.empty(D)
    highest = 0.0
    for b in range(B):
        for t in range(T):
            z[b, t] = _draw(initial if t == 0 else transition[z[b, t - 1]], random)
            features[: D - 1] = 0
            for k in range(min(t, len(basis))):
                for j in range(basis.shape[1]):
                    for n in range(N):
                        features[j * N + n] += basis[k, j] * x[b, t - 1 - k, n]
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
                x[b, t, n] = _count(f, kind, link, random)
    return highest
