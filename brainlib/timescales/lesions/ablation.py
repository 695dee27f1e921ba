"""A network without one of its units (Figure 7; official code)."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.testing import RunningTest


@torch.no_grad()
def ablated(network: LeakyRNN, unit: int, heads: Sequence[int] | None = None) -> LeakyRNN:
    """A copy whose `unit` neither hears nor is heard: its row and its column of W, its input weight and its column of
    the readouts of `heads` (None: all) are 0.

    The unit keeps its biases, so that its state settles to a constant of its own. The official code cuts it off head 0
    alone, `heads=[0]`, whichever head is tested: another head then goes on hearing that constant.

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


def ablation(
    network: LeakyRNN, units: Sequence[int], test: RunningTest, heads: Sequence[int] | None = None
) -> Float[Tensor, " lost"]:
    """The accuracy in `test` without each of `units`, one at a time. Used in chapters/timescales/03_lesions.ipynb.

    All are asked the same; `test.accuracy(network)` is the baseline. `heads` and what it raises: as `ablated`.
    """
    return torch.tensor([test.accuracy(ablated(network, unit, heads)) for unit in units], dtype=torch.float64)


def fastest_and_slowest(network: LeakyRNN, count: int) -> tuple[Int64[Tensor, " fastest"], Int64[Tensor, " slowest"]]:
    """The `count` units with the shortest time constants and the `count` with the longest, both ascending; among equals
    the lower number comes first.

    Raises `ValueError` unless there are twice as many units.
    """
    if not 1 <= count <= network.units // 2:
        raise ValueError(f"count: got {count}, expected 1 to {network.units // 2}, half of the units")
    order = network.tau.argsort(stable=True)
    return order[:count], order[-count:]
