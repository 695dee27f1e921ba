"""The paper's equations (1) and (2) as plain loops in float64: the ground truth of the tests.

f_{t,n} = sigma(b_n + sum over n' of w_{z_t, n<-n'} sum over k of x_{t-k, n'} phi_k)       (1)
x_{t,n} ~ Poisson(f_{t,n})                                                                 (2)
"""

import math

import torch
from torch import Tensor


def history(counts: Tensor, phi: Tensor) -> Tensor:
    """sum over k of x_{t-k, n'} phi_k, [T, N], of counts [T, N] and phi [K], lag 1 first."""
    T, N = counts.shape
    heard = torch.zeros(T, N, dtype=torch.float64)
    for t in range(T):
        for n in range(N):
            for k in range(1, len(phi) + 1):
                if t - k >= 0:
                    heard[t, n] += counts[t - k, n].item() * phi[k - 1].item()
    return heard


def rates(counts: Tensor, states: Tensor, weights: Tensor, bias: Tensor, phi: Tensor, sigma) -> Tensor:
    """Equation (1), [T, N]: counts [T, N], states [T], weights [S, N, N], bias [S, N], phi [K], sigma a function."""
    T, N = counts.shape
    heard = history(counts, phi)
    f = torch.zeros(T, N, dtype=torch.float64)
    for t in range(T):
        z = states[t].item()
        for n in range(N):
            eta = bias[z, n].double()
            for source in range(N):
                eta = eta + weights[z, n, source].double() * heard[t, source]
            f[t, n] = sigma(eta)
    return f


def log_probability(counts: Tensor, rates: Tensor) -> Tensor:
    """log p(x_t | f_t) by equation (2), [T]."""
    found = torch.zeros(len(counts), dtype=torch.float64)
    for t in range(len(counts)):
        for x, f in zip(counts[t].tolist(), rates[t].tolist(), strict=True):
            found[t] += x * math.log(f) - f - math.lgamma(x + 1)
    return found


def log_emission(counts: Tensor, weights: Tensor, bias: Tensor, phi: Tensor, sigma) -> Tensor:
    """log p(x_t | z_t = s, x_<t) for every state, [T, S]."""
    T = len(counts)
    found = []
    for s in range(len(weights)):
        always = torch.full((T,), s)
        found.append(log_probability(counts, rates(counts, always, weights, bias, phi, sigma)))
    return torch.stack(found, dim=1)
