"""Long timescales: leaky recurrent networks with trainable time constants, and what a curriculum makes of them."""

from brainlib.timescales.gated import GatedRNN
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.network import Network

__all__ = ["GatedRNN", "LeakyRNN", "Network"]
