"""SpikeGPT's time mix: RWKV's, put out by spiking neurons."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from brainlib.astrosnn.conventions import SPIKEGPT
from brainlib.astrosnn.kernels.wkv import WKVState
from brainlib.astrosnn.mixers.rwkv import RWKV
from brainlib.astrosnn.mixers.state import require_state


class SpikeGPTState(NamedTuple):
    """RWKV's average, and the membranes after the last token."""

    average: WKVState
    membrane: Float[Tensor, "batch dim"]


class SpikeGPT(nn.Module):
    """RWKV's y_t as the current of leaky neurons, whose spikes go to the residual stream (arXiv 2302.13939, and its
    code): a token is a time step, tau 2, threshold 1, the input divided by tau, gradients through the reset.

    Its own embedding is binary and a second layer of neurons follows its feed-forward; here the frame is the same for
    all. Used in the chapters on memory and on language.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.average = RWKV(dim)

    def forward(
        self, x: Float[Tensor, "batch time dim"], state: SpikeGPTState | None = None
    ) -> tuple[Float[Tensor, "batch time dim"], SpikeGPTState]:
        """Spikes, and the state after the last token. Raises `ValueError` for a state that does not fit."""
        average, membrane = (None, None) if state is None else state
        if membrane is not None:
            require_state("membrane", membrane, (len(x), self.dim), x)
        current, average = self.average(x, average)
        spikes, membrane = SPIKEGPT.scan(current.to(x.dtype), state=membrane, time_dim=1)
        return spikes, SpikeGPTState(average, membrane)

    def step(
        self, x: Float[Tensor, "batch dim"], state: SpikeGPTState | None
    ) -> tuple[Float[Tensor, "batch dim"], SpikeGPTState]:
        """One token."""
        spikes, state = self(x[:, None], state)
        return spikes[:, 0], state

    def state_size(self, context: int) -> int:
        """3 dim, whatever the context."""
        return 3 * self.dim
