"""The one-hot prior as plain float64 loops, as the paper writes it: the ground truth of the tests."""

import math

import numpy as np
from numpy import ndarray


def concrete_density(a: ndarray, prior: ndarray, temperature: float) -> float:
    """p(a | a_0, tau), equation (5), of three classes, with respect to the area of (a_inh, a_no)."""
    n = len(a)
    density = math.factorial(n - 1) * temperature ** (n - 1)
    total = 0.0
    for a_c, prior_c in zip(a, prior, strict=True):
        density *= prior_c * a_c ** (-temperature - 1)
        total += prior_c * a_c**-temperature
    return density / total**n


def gaussian_density(value: float, mean: float, sd: float) -> float:
    """N(value; mean, sd^2)."""
    return math.exp(-(((value - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))


def log_joint_prior(
    adjacency: ndarray,  # [S, N, N, 3]
    adjacency_prior: ndarray,  # [N, N, 3]
    strengths: ndarray,  # [S, N, N]
    bias: ndarray,  # [S, N]
    temperature: float,
    strength: tuple[float, float],  # mu_w, sigma_w
    offset: tuple[float, float],  # mu_b, sigma_b
) -> float:
    """The sum of the logarithms of equations (5) and (6) over all states and neurons; strengths count by ln wt."""
    S, N, _ = strengths.shape
    total = 0.0
    for s in range(S):
        for n in range(N):
            total += math.log(gaussian_density(bias[s, n], *offset))
            for m in range(N):
                total += math.log(concrete_density(adjacency[s, n, m], adjacency_prior[n, m], temperature))
                total += math.log(gaussian_density(math.log(strengths[s, n, m]), *strength))
    return total


def class_evidence(
    linear: float, precision: float, mean: float, sd: float, points: int = 400_001
) -> tuple[float, float, float]:
    """Of a likelihood exp(linear w - precision w^2 / 2) and ln w ~ N(mean, sd^2): the log evidence, and the posterior's
    means of w and w^2. The trapezoidal rule in ln w, fine enough for the sharpest likelihood of the tests.
    """
    u = np.linspace(mean - 12 * sd - 10, mean + 12 * sd, points)
    w = np.exp(u)
    log_p = linear * w - precision * w**2 / 2 - ((u - mean) / sd) ** 2 / 2
    p = np.exp(log_p - log_p.max())
    evidence = np.log(p.sum() * (u[1] - u[0]) / (sd * math.sqrt(2 * math.pi))) + log_p.max()
    return float(evidence), float((p * w).sum() / p.sum()), float((p * w**2).sum() / p.sum())
