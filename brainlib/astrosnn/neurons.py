"""Layers of spiking neurons, for `nn.Sequential`: currents [batch, time, channels] in, spikes of that shape out.

- `LIF`: leaky integrate-and-fire with a fixed time constant.
- `PLIF`: one learnable time constant for each channel, at the start from fast to slow (Fang et al. 2021, whose layer
  shares one).
- `ALIF`: a threshold that rises with the neuron's own spikes and recovers slowly (Bellec et al. 2018).

    network = nn.Sequential(nn.Linear(8, 64), LIF(64), nn.Linear(64, 64), PLIF(64, learn_threshold=True))

With `return_state` a layer gives `(spikes, state)`, and goes on from a `state` that it is given; `detached` cuts the
gradient of one.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from brainlib.arguments import whole_number
from brainlib.astrosnn.checks import check_state, require_positive, require_time_constant
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.synapses import logit_of_time_constant, spread


class NeuronState(NamedTuple):
    """All that a layer of neurons keeps of its past: m_T after the reset, and ALIF's adaptation c_{T+1}.

    >>> _, state = ALIF(3)(torch.rand(2, 10, 3), return_state=True)
    >>> state.detached().adaptation.shape
    torch.Size([2, 3])
    """

    membrane: Float[Tensor, "batch channels"]
    adaptation: Float[Tensor, "batch channels"] | None

    def detached(self) -> "NeuronState":
        """The same without gradients, to train on a stream in pieces."""
        return NeuronState(self.membrane.detach(), None if self.adaptation is None else self.adaptation.detach())


class Neurons(nn.Module):
    """What the kinds share; their options are told in `LIF`."""

    adapts = False

    def __init__(
        self,
        channels: int,
        *,
        threshold: float = 1.0,
        learn_threshold: bool = False,
    ):
        channels = whole_number("channels", channels, least=1)
        require_positive("threshold", threshold)
        super().__init__()
        self.channels = channels
        self.threshold = nn.Parameter(torch.full((channels,), threshold)) if learn_threshold else threshold

    def beta(self) -> float | Float[Tensor, "channels"]:
        """What a step leaves of the membranes."""
        raise NotImplementedError

    def fire(
        self, current: Float[Tensor, "batch time channels"], state: NeuronState
    ) -> tuple[Float[Tensor, "batch time channels"], NeuronState]:
        """Spikes of currents and a state that fit."""
        spikes, membrane = lif_scan(current, beta=self.beta(), threshold=self.threshold, state=state.membrane)
        return spikes, NeuronState(membrane, None)

    def forward(
        self,
        current: Float[Tensor, "batch time channels"],
        state: NeuronState | None = None,
        return_state: bool = False,
    ) -> Float[Tensor, "batch time channels"] | tuple[Float[Tensor, "batch time channels"], NeuronState]:
        """The spikes, and with `return_state` the state after them; `state` is what was before (None: zeros).

        Raises `ValueError` for currents or a state of another shape, dtype or device.
        """
        if current.ndim != 3 or current.shape[-1] != self.channels or not current.numel():
            expected = f"(batch, time, channels = {self.channels})"
            raise ValueError(f"current: got shape {tuple(current.shape)}, expected {expected}, all at least 1")
        shape = len(current), self.channels
        state = check_state(state, NeuronState, (shape, shape if self.adapts else None), current)
        spikes, state = self.fire(current, state)
        return (spikes, state) if return_state else spikes


class LIF(Neurons):
    """Leaky integrate-and-fire neurons whose membranes forget with the time constant `tau` in steps, at least 1:

    u_t = (1 - 1 / tau) m_{t-1} + I_t        s_t = 1 where u_t >= threshold, else 0        m_t = u_t (1 - s_t)

    Options: `threshold` (1), a learnable number a channel with `learn_threshold`. Raises `ValueError` for unfit sizes
    and numbers.

    >>> LIF(1)(torch.tensor([[[0.6], [0.6], [0.6], [0.0]]])).flatten().tolist()  # one sequence of 4 steps
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, channels: int, *, tau: float = 2.0, **options):
        require_time_constant("tau", tau)
        super().__init__(channels, **options)
        self.tau = tau

    def beta(self) -> float:
        return 1 - 1 / self.tau


class PLIF(Neurons):
    """LIF neurons with a learnable time constant each, log-spaced from 1.5 to 300 steps at the start; options
    `threshold` and `learn_threshold` as in `LIF`.

    >>> (10 / (1 - PLIF(3).beta())).round().tolist()
    [15.0, 212.0, 3000.0]
    """

    def __init__(self, channels: int, **options):
        super().__init__(channels, **options)
        self.decay = nn.Parameter(logit_of_time_constant(spread(1.5, 300.0, channels)))

    def beta(self) -> Float[Tensor, "channels"]:
        return torch.sigmoid(self.decay)


class ALIF(LIF):
    """LIF neurons with the threshold theta + w c_t, where c_{t+1} = rho c_t + (1 - rho) s_t.

    rho is learnable for each channel, its time constant log-spaced from 20 to 2,000 steps at the start: 200 in the
    middle. So is w, `strength` at the start: 180 is what Bellec et al. (2018) have, 1.8 at a threshold of 0.01.
    `tau` is the membrane's; options `threshold` and `learn_threshold` as in `LIF`.

        >>> ALIF(8, strength=1.8)(torch.rand(2, 10, 8)).shape
        torch.Size([2, 10, 8])
    """

    adapts = True

    def __init__(self, channels: int, *, strength: float = 180.0, **options):
        super().__init__(channels, **options)
        self.weight = nn.Parameter(torch.full((channels,), strength))
        self.decay = nn.Parameter(logit_of_time_constant(spread(20.0, 2000.0, channels)))

    def fire(self, current, state):
        decay, beta = torch.sigmoid(self.decay), self.beta()
        spikes, last = slow_scan(current, -self.weight, decay, beta=beta, threshold=self.threshold, state=tuple(state))
        return spikes, NeuronState(*last)
