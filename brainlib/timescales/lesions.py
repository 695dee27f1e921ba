"""A network without one of its units, or pushed in a random direction (Figures 7 and 8; official code)."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from brainlib.timescales.model import LeakyRNN


@torch.no_grad()
def ablated(network: LeakyRNN, unit: int, heads: Sequence[int] | None = None) -> LeakyRNN:
    """A copy whose `unit` is cut off: its row and its column of W, its input weight and its column of the readouts of
    `heads` (None: all) are 0.

    The unit keeps its biases, so that its state settles to a constant of its own. The official code cuts it off head 0
    alone, `heads=[0]`, whichever head is tested: another head then goes on reading that constant.

    Raises `ValueError` for a unit or heads that do not exist.
    """
    if not 0 <= unit < network.units:
        raise ValueError(f"unit: got {unit}, expected 0 to {network.units - 1}")
    cut = range(network.heads) if heads is None else heads
    if not set(cut) <= set(range(network.heads)):
        raise ValueError(f"heads: got {list(cut)}, expected some of 0 to {network.heads - 1}")
    network = copy.deepcopy(network)
    network.weight[unit] = 0
    network.weight[:, unit] = 0
    network.input_weight[unit] = 0
    network.readout_weight[list(cut), :, unit] = 0
    return network


def fastest_and_slowest(network: LeakyRNN, count: int) -> tuple[Int64[Tensor, " fastest"], Int64[Tensor, " slowest"]]:
    """The `count` units with the shortest time constants and the `count` with the longest, both ascending; among equals
    the lower number comes first.

    Raises `ValueError` unless there are twice as many units.
    """
    if not 1 <= count <= network.units // 2:
        raise ValueError(f"count: got {count}, expected 1 to {network.units // 2}, half of the units")
    order = network.tau.argsort(stable=True)
    return order[:count], order[-count:]


@torch.no_grad()
def perturbed_weight(network: LeakyRNN, strength: float, generator: torch.Generator) -> LeakyRNN:
    """A copy with W + strength ||W|| D / ||D||, D drawn from a normal distribution, its diagonal 0 as W's; Frobenius
    norms. Raises `ValueError` for a negative strength.
    """
    direction = _normal(network.weight, generator).fill_diagonal_(0)
    network, push = copy.deepcopy(network), _scaled(direction, network.weight, strength)
    network.weight.add_(push)
    return network


@torch.no_grad()
def perturbed_tau(network: LeakyRNN, strength: float, generator: torch.Generator) -> LeakyRNN:
    """A copy with tau + strength ||tau|| |d| / ||d||, d drawn from a normal distribution: no time constant becomes
    shorter. Raises `ValueError` for a negative strength.
    """
    direction = _normal(network.tau, generator).abs()
    network, push = copy.deepcopy(network), _scaled(direction, network.tau, strength)
    network.set_tau_(network.tau + push)
    return network


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Drawn where the generator is, so that one on the CPU gives the same on any device."""
    return torch.randn(like.shape, dtype=like.dtype, generator=generator, device=generator.device).to(like.device)


def _scaled(direction: Tensor, pushed: Tensor, strength: float) -> Tensor:
    """`direction` with `strength` times the norm of what is pushed."""
    if not strength >= 0:
        raise ValueError(f"strength: got {strength}, expected at least 0")
    return strength * (direction * (pushed.norm() / direction.norm()))
