"""The paper's equations (1) and (2) as plain loops in float64: the ground truth of the tests.

f_{t,n} = sigma(b_n + sum over n' of w_{z_t, n<-n'} sum over k of x_{t-k, n'} phi_k)       (1)
x_{t,n} ~ Poisson(f_{t,n})                                                                 (2)
"""

import itertools
import math

import torch
from torch import Tensor


def history(counts: Tensor, phi: Tensor) -> Tensor:
    """sum over k of x_{t-k, n'} phi_k, [T, N], of counts [T, N] and phi [K], lag 1 first."""
    heard = torch.zeros(counts.shape, dtype=torch.float64)
    for t in range(len(counts)):
        for k in range(1, min(t, len(phi)) + 1):
            heard[t] += counts[t - k].double() * phi[k - 1].double()
    return heard


def log_emission(counts: Tensor, weights: Tensor, bias: Tensor, phi: Tensor, sigma) -> Tensor:
    """log p(x_t | z_t = s, x_<t) for every state, [T, S]: weights [S, N, N], bias [S, N], sigma a function."""
    heard = history(counts, phi)
    found = torch.zeros(len(counts), len(bias), dtype=torch.float64)
    for t, s, n in itertools.product(*map(range, (*found.shape, counts.shape[1]))):
        f = sigma(bias[s, n].double() + weights[s, n].double() @ heard[t]).item()
        x = counts[t, n].item()
        found[t, s] += x * math.log(f) - f - math.lgamma(x + 1)
    return found
