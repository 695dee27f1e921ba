"""LSTM and GRU with the same heads and the same calls, to ask of them what is asked of the leaky network."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from brainlib.timescales.network import Network

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class GatedRNN(Network):
    """One layer of `torch.nn.LSTM` or `torch.nn.GRU` under linear heads (the official code has an LSTM and no GRU).

    All weights are drawn from U(-1, 1) / sqrt(units), torch's default; the forget gate gets no bias of its own. Bits
    are read as -1 and 1. A state is the output of the cells; an LSTM's cells themselves always begin at 0. Raises
    `ValueError` for another kind and for sizes that are not positive. `generator` (None: torch's own) draws the
    weights.

    >>> import torch
    >>> from brainlib.timescales import GatedRNN, tasks
    >>> network = GatedRNN("gru", units=8, heads=3)
    >>> network(tasks.draw_bits(10, 4, torch.Generator())).shape  # heads, batch, odd or even
    torch.Size([3, 4, 2])
    """

    def __init__(
        self,
        kind: Literal["lstm", "gru"] = "lstm",
        units: int = 500,
        heads: int = 100,
        *,
        generator: torch.Generator | None = None,
    ):
        if kind not in CELLS:
            raise ValueError(f"kind: got {kind!r}, expected one of {', '.join(CELLS)}")
        super().__init__(units, heads, generator)
        self.kind = kind
        self.cell = CELLS[kind](1, units, device="meta").to_empty(device="cpu")  # nothing is drawn yet
        with torch.no_grad():
            for parameter in self.cell.parameters():
                parameter.uniform_(-1 / math.sqrt(units), 1 / math.sqrt(units), generator=generator)

    @property
    def tau(self) -> Float[Tensor, "units"]:
        """1 / (1 - f) bits, f the share that a cell keeps where only its bias speaks: f = sigmoid(bias) of an LSTM's
        forget gate or a GRU's update gate.
        """
        bias = (self.cell.bias_ih_l0 + self.cell.bias_hh_l0).detach()
        return 1 + bias[self.units : 2 * self.units].exp()  # the second gate of both kinds

    def run(
        self, bits: Float[Tensor, "time batch 1"], h0: Float[Tensor, "batch units"] | None = None
    ) -> tuple[Float[Tensor, "time batch units"], Float[Tensor, "batch units"]]:
        """The output after every bit, and the last once more."""
        h0 = self.start(bits, h0)[None]
        signs = 2 * bits.to(h0.dtype) - 1
        if self.kind == "lstm":
            states, (last, _) = self.cell(signs, (h0, torch.zeros_like(h0)))
        else:
            states, last = self.cell(signs, h0)
        return states, last[0]

    def initial_state(self, batch: int, generator: torch.Generator | None = None) -> Float[Tensor, "batch units"]:
        """Zeros, as in the official code: nothing is drawn from `generator`."""
        return self.readout_weight.new_zeros(batch, self.units)
