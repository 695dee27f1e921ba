"""What all networks of this part share: they read bits one after another, and linear heads read their state."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from brainlib.arguments import whole_number


class Network(nn.Module):
    """A recurrent network of `units` whose state is read by `heads` linear heads, each answering with two logits.

    A subclass adds `run`, `tau` and what else it has. `readout_weight` is (heads, 2, units), `readout_bias` (heads, 2).

    >>> import torch
    >>> from brainlib.timescales import LeakyRNN, Network
    >>> network: Network = LeakyRNN(units=8, heads=3)
    >>> network.read(torch.zeros(5, 8), heads=[0, 2]).shape  # heads, batch, odd or even
    torch.Size([2, 5, 2])
    """

    def __init__(self, units: int, heads: int, generator: torch.Generator | None = None):
        whole_number("units", units, least=1)
        whole_number("heads", heads, least=1)
        super().__init__()
        self.units, self.heads = units, heads
        self.readout_weight = uniform(1 / math.sqrt(units), (heads, 2, units), generator)
        self.readout_bias = uniform(1 / math.sqrt(units), (heads, 2), generator)

    @property
    def tau(self) -> Float[Tensor, "units"]:
        """The time constants of the units in bits, without gradients."""
        raise NotImplementedError

    def run(
        self, bits: Float[Tensor, "time batch 1"], h0: Float[Tensor, "batch units"] | None = None
    ) -> tuple[Float[Tensor, "time batch units"], Float[Tensor, "batch units"]]:
        """The state after every bit, and the last once more: a loss on the last alone costs least through it."""
        raise NotImplementedError

    def forward(
        self,
        bits: Float[Tensor, "time batch 1"],
        h0: Float[Tensor, "batch units"] | None = None,
        heads: Sequence[int] | None = None,
    ) -> Float[Tensor, "heads batch 2"]:
        """The logits of `heads` (numbers from 0; None: all) after the last bit, starting from `h0` (None: zeros).

        Training and tests start from `initial_state`. Raises `ValueError` for bits or states of another shape, no bits,
        and heads that do not exist.
        """
        _, last = self.run(bits, h0)
        return self.read(last, heads)

    def states(
        self, bits: Float[Tensor, "time batch 1"], h0: Float[Tensor, "batch units"] | None = None
    ) -> Float[Tensor, "time batch units"]:
        """The state after every bit."""
        return self.run(bits, h0)[0]

    def read(
        self, states: Float[Tensor, "*batch units"], heads: Sequence[int] | None = None
    ) -> Float[Tensor, "heads *batch 2"]:
        """The logits of `heads` (None: all) for any states, also those within a sequence."""
        chosen = selection(heads, self.heads)
        weight, bias = self.readout_weight[chosen], self.readout_bias[chosen]
        return linear(states, weight.flatten(0, 1), bias.flatten()).unflatten(-1, (-1, 2)).movedim(-2, 0)

    def initial_state(self, batch: int, generator: torch.Generator | None = None) -> Float[Tensor, "batch units"]:
        """States to start `batch` sequences from."""
        raise NotImplementedError

    def project_(self) -> None:
        """Puts parameters that left their range back to its edge; to be called after each step of an optimiser."""

    def start(self, bits: Tensor, h0: Tensor | None) -> Tensor:
        """`h0`, or zeros if it is None, once both inputs are known to fit."""
        if bits.ndim != 3 or bits.shape[2] != 1 or not len(bits):
            raise ValueError(f"bits: got shape {tuple(bits.shape)}, expected (time, batch, 1) with at least one bit")
        expected = (bits.shape[1], self.units)
        if h0 is None:
            return self.readout_weight.new_zeros(expected)
        if tuple(h0.shape) != expected:
            raise ValueError(f"h0: got shape {tuple(h0.shape)}, expected (batch, units) = {expected}")
        return h0


def uniform(bound: float, shape: Sequence[int], generator: torch.Generator | None) -> nn.Parameter:
    """A parameter drawn from U(-bound, bound)."""
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound, generator=generator))


def selection(heads: Sequence[int] | None, count: int) -> slice | list[int]:
    """An index for `heads` of `count`: a slice where they lie side by side, which spares a copy."""
    if heads is None:
        return slice(None)
    heads = list(heads)
    if not heads or min(heads) < 0 or max(heads) >= count:
        raise ValueError(f"heads: got {heads}, expected some of 0 to {count - 1}")
    first, last = heads[0], heads[-1]
    return slice(first, last + 1) if heads == list(range(first, last + 1)) else heads
