"""A connection's strength integrated out: how likely the spikes are if there is one, and what its strength then is.

With all other weights fixed, and up to a constant, the log likelihood of one weight is linear w - precision w^2 / 2
(Fisher's quadratic). For a connection that excites, w = wt with ln wt ~ N(mu, sigma^2), equation (6):

    evidence = integral over u of exp(linear e^u - precision e^2u / 2) N(u; mu, sigma^2)

For one that inhibits w = -wt, so `linear` changes its sign. With no connection the evidence is 1.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

NODES = 10  # of Gauss and Legendre's rule in each panel
NEWTON = 10  # steps towards a mode; how the panels are laid needs no more
DEVIATIONS = (-8.0, -3.0, 3.0, 8.0)  # where panels end about a mode, and about the prior's mean
FALL = (-3.0, -1.0, 1.0, 2.5)  # where they end about the ln w at which the likelihood begins to fall


class Strength(NamedTuple):
    """The logarithm of the evidence, and the posterior's means of wt and of wt^2."""

    log_evidence: Float64[Tensor, "*any"]
    mean: Float64[Tensor, "*any"]
    square: Float64[Tensor, "*any"]


def integrate_strength(
    linear: Float64[Tensor, "*any"], precision: Float64[Tensor, "*any"], mean: float, sd: float
) -> Strength:
    """The integral above for log-normal strengths of log-mean `mean` and log-deviation `sd`.

    In u = ln w the integrand has at most two modes: one where the spikes hardly speak against the prior, and one where
    the likelihood peaks. Both are looked for, and panels laid about each, about the prior's mean, and about where the
    likelihood falls; together they cover all that lies between.
    """
    deviations = linear.new_tensor(DEVIATIONS)
    fall = -torch.maximum(precision.sqrt(), -linear).log()[..., None] + linear.new_tensor(FALL)
    ends = [(mean + sd * deviations).expand(*linear.shape, -1), fall]
    peak = (linear / precision).clamp(min=math.exp(mean + sd * DEVIATIONS[0])).log()
    for u in (torch.full_like(linear, mean), peak):
        for _ in range(NEWTON):
            w = u.exp()
            bend = (1 / sd**2 + 2 * precision * w.square() - linear * w).clamp(min=1 / sd**2)
            u = u + ((linear * w - precision * w.square() - (u - mean) / sd**2) / bend).clamp(-1, 1)
        ends.append(u[..., None] + bend.rsqrt()[..., None] * deviations)
    ends = torch.cat(ends, dim=-1).sort(dim=-1).values
    nodes, weights = _rule(linear.device)
    length = ends.diff(dim=-1)[..., None]
    u = (ends[..., :-1, None] + length * nodes).flatten(-2)
    size = (length * weights).flatten(-2)
    w = u.exp()
    log_p = linear[..., None] * w - precision[..., None] * w.square() / 2 - ((u - mean) / sd).square() / 2
    highest = log_p.amax(-1, keepdim=True)
    p = (log_p - highest).exp() * size
    mass = p.sum(-1)
    log_evidence = mass.log() + highest[..., 0] - math.log(sd) - math.log(2 * math.pi) / 2
    return Strength(log_evidence, (p * w).sum(-1) / mass, (p * w.square()).sum(-1) / mass)


@functools.cache
def _rule(device: torch.device) -> tuple[Tensor, Tensor]:
    """Nodes on (0, 1) and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return torch.from_numpy((nodes + 1) / 2).to(device), torch.from_numpy(weights / 2).to(device)
