"""A network whose weights or time constants are pushed in a random direction (Figure 8; official code).

The strength is relative: the push has so many times the norm of what is pushed.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.testing import RunningTest


@torch.no_grad()
def perturbed_weight(network: LeakyRNN, strength: float, generator: torch.Generator) -> LeakyRNN:
    """A copy with W + strength ||W|| D / ||D||, D drawn from a normal distribution, its diagonal 0 as W's; Frobenius
    norms. Raises `ValueError` for a negative strength.
    """
    network = _copy(network, strength)
    direction = _normal(network.weight, generator).fill_diagonal_(0)
    network.weight += strength * _along(direction, network.weight)
    return network


@torch.no_grad()
def perturbed_tau(network: LeakyRNN, strength: float, generator: torch.Generator) -> LeakyRNN:
    """A copy with tau + strength ||tau|| |d| / ||d||, d drawn from a normal distribution: no time constant becomes
    shorter. Raises `ValueError` for a negative strength.
    """
    network = _copy(network, strength)
    direction = _normal(network.tau, generator).abs()
    network.set_tau_(network.tau + strength * _along(direction, network.tau))
    return network


PUSHES = {"weight": perturbed_weight, "tau": perturbed_tau}


def perturbation(
    network: LeakyRNN,
    what: Literal["weight", "tau"],
    strengths: Sequence[float],
    draws: int,
    test: RunningTest,
    generator: torch.Generator,
) -> Float[Tensor, "strengths draws"]:
    """The accuracy in `test` after a push of each strength, in `draws` directions each.

    All are asked the same; `test.accuracy(network)` is the baseline. Raises `ValueError` for another `what`, no draws
    and negative strengths. Used in chapters/timescales/03_lesions.ipynb.
    """
    if what not in PUSHES:
        raise ValueError(f"what: got {what!r}, expected one of {', '.join(PUSHES)}")
    if draws < 1:
        raise ValueError(f"draws: got {draws}, expected at least 1")
    for strength in strengths:
        _require(strength)
    accuracies = [
        [test.accuracy(PUSHES[what](network, strength, generator)) for _ in range(draws)] for strength in strengths
    ]
    return torch.tensor(accuracies, dtype=torch.float64).view(len(strengths), draws)


def _copy(network: LeakyRNN, strength: float) -> LeakyRNN:
    _require(strength)
    return copy.deepcopy(network)


def _require(strength: float) -> None:
    if not strength >= 0:
        raise ValueError(f"strength: got {strength}, expected at least 0")


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Drawn where the generator is, so that one on the CPU gives the same on any device."""
    return torch.randn(like.shape, dtype=like.dtype, generator=generator, device=generator.device).to(like.device)


def _along(direction: Tensor, pushed: Tensor) -> Tensor:
    """`direction` with the norm of what is pushed."""
    return direction * (pushed.norm() / direction.norm())
