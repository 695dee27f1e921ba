"""Spiking neurons without an astrocyte, in the frame of the AM-SU: what it has to be compared with.

    y_t = W_o s_t        I_t = W_x x_t + b        (x, state) -> (y, state), x [batch, time, dim]

- `LIF`: leaky integrate-and-fire with a fixed time constant.
- `PLIF`: one learnable time constant for each channel, at the start from fast to slow (Fang et al. 2021, whose layer
  shares one).
- `ALIF`: a threshold that rises with the neuron's own spikes and recovers slowly (Bellec et al. 2018).

All reset to 0 and use the arctangent surrogate, as the unit does by default. `step` is one token, `state_size` the
numbers kept of a sequence, the same after any number of tokens.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.kernels.slow import slow_scan
from brainlib.astrosnn.synapses import check_input, check_state, linear, logit_of_time_constant, spread, zeros


class NeuronState(NamedTuple):
    """All that a layer of neurons keeps of its past: m_T after the reset, and ALIF's adaptation c_{T+1}."""

    membrane: Float[Tensor, "batch dim"]
    adaptation: Float[Tensor, "batch dim"] | None


class Neurons(nn.Module):
    """What the kinds share: the linear maps, the state and its checks. A kind has `fire`."""

    adapts = False

    def __init__(self, dim: int, generator: torch.Generator | None = None):
        if dim < 1:
            raise ValueError(f"dim: got {dim}, expected at least 1")
        super().__init__()
        self.dim = dim
        self.input = linear(dim, dim, generator=generator)
        self.output = linear(dim, dim, bias=False, generator=generator)

    def fire(
        self, current: Float[Tensor, "batch time dim"], state: NeuronState
    ) -> tuple[Float[Tensor, "batch time dim"], NeuronState]:
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: NeuronState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], NeuronState]:
        """y_1 to y_T and the state after them, from the state that the tokens before left (None: zeros).

        Raises `ValueError` for an input or a state of another shape, dtype or device.
        """
        check_input(x, self.dim, self.input.weight)
        state = check_state(state, NeuronState, self.state_shapes(len(x)), self.input.weight)
        spikes, state = self.fire(self.input(x).to(self.input.weight.dtype), state)
        return self.output(spikes), state

    def step(
        self, x: Float[Tensor, "batch dim"], state: NeuronState | None = None
    ) -> tuple[Float[Tensor, "batch dim"], NeuronState]:
        """One token: y and the state after it."""
        y, state = self(x.unsqueeze(1), state)
        return y.squeeze(1), state

    def initial_state(self, batch: int) -> NeuronState:
        """The state before the first token: zeros."""
        return zeros(NeuronState, self.state_shapes(batch), self.input.weight)

    def state_size(self, context: int) -> int:
        """How many numbers are kept of a sequence after `context` tokens."""
        return self.dim * (2 if self.adapts else 1)

    def state_shapes(self, batch: int) -> tuple[tuple[int, int], tuple[int, int] | None]:
        return (batch, self.dim), (batch, self.dim) if self.adapts else None


class LIF(Neurons):
    """Leaky integrate-and-fire neurons whose membranes forget with the time constant `tau` in tokens, at least 1."""

    def __init__(self, dim: int, *, tau: float = 2.0, generator: torch.Generator | None = None):
        check_tau("tau", tau)
        super().__init__(dim, generator)
        self.tau = tau

    def fire(self, current, state):
        spikes, membrane = lif_scan(current, beta=1 - 1 / self.tau, state=state.membrane, time_dim=1)
        return spikes, NeuronState(membrane, None)


class PLIF(Neurons):
    """LIF neurons with a learnable time constant each, log-spaced from `fastest` to `slowest` tokens at the start."""

    def __init__(
        self, dim: int, *, fastest: float = 1.5, slowest: float = 300.0, generator: torch.Generator | None = None
    ):
        check_range(fastest, slowest)
        super().__init__(dim, generator)
        self.decay = nn.Parameter(logit_of_time_constant(spread(fastest, slowest, dim)))

    def fire(self, current, state):
        spikes, membrane = lif_scan(current, beta=torch.sigmoid(self.decay), state=state.membrane, time_dim=1)
        return spikes, NeuronState(membrane, None)


class ALIF(Neurons):
    """LIF neurons with the threshold 1 + w c_t, where c_{t+1} = rho c_t + (1 - rho) s_t.

    rho is learnable for each channel, its time constant log-spaced from `fastest` to `slowest` tokens at the start: 200
    in the middle. So is w, 1.8 at the start (Bellec et al. 2018). `tau` is the membrane's.
    """

    adapts = True

    def __init__(
        self,
        dim: int,
        *,
        tau: float = 2.0,
        fastest: float = 20.0,
        slowest: float = 2000.0,
        generator: torch.Generator | None = None,
    ):
        check_tau("tau", tau)
        check_range(fastest, slowest)
        super().__init__(dim, generator)
        self.tau = tau
        self.weight = nn.Parameter(torch.full((dim,), 1.8))
        self.decay = nn.Parameter(logit_of_time_constant(spread(fastest, slowest, dim)))

    def fire(self, current, state):
        decay, beta = torch.sigmoid(self.decay), 1 - 1 / self.tau
        spikes, last = slow_scan(current, -self.weight, decay, beta=beta, state=tuple(state))
        return spikes, NeuronState(*last)


def check_tau(name: str, tau: float) -> None:
    if not 1 <= tau < math.inf:
        raise ValueError(f"{name}: got {tau}, expected a time constant of at least 1 token")


def check_range(fastest: float, slowest: float) -> None:
    if not 1 < fastest <= slowest < math.inf:
        raise ValueError(f"fastest, slowest: got {fastest}, {slowest}, expected 1 < fastest <= slowest, in tokens")
