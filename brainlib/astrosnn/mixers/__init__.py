"""What a block of `AstroSNN` may remember with: one mixer a file, all called alike.

    mixer(x [batch, time, dim], state=None) -> (y [batch, time, dim], state)      all tokens at once
    mixer.step(x [batch, dim], state)       -> (y [batch, dim], state)            one token, for generation
    mixer.state_size(context)               -> numbers kept of a sequence after `context` tokens

The spiking ones are in `brainlib.astrosnn.unit` (amsu, calcium) and `neurons` (lif, plif, alif). Those of the field
stand here, to be compared with them in the same frame: gru, rwkv, spikegpt and attention.
"""

from torch import nn

FORMED = ("amsu", "calcium")  # spiking units with switches, and with several forms of one function
MIXERS = (*FORMED, "lif", "plif", "alif", "gru", "rwkv", "spikegpt", "attention")


def build(config) -> nn.Module:
    """The mixer that an `AstroSNNConfig` names."""
    from brainlib.astrosnn import neurons
    from brainlib.astrosnn.mixers.attention import Attention
    from brainlib.astrosnn.mixers.gru import GRU
    from brainlib.astrosnn.mixers.rwkv import RWKV
    from brainlib.astrosnn.mixers.spikegpt import SpikeGPT
    from brainlib.astrosnn.unit import AMSU

    if config.mixer in FORMED:
        return AMSU(config.unit_config)
    if config.mixer == "attention":
        return Attention(config.dim, config.heads)
    kinds = {"lif": neurons.LIF, "plif": neurons.PLIF, "alif": neurons.ALIF, "gru": GRU, "rwkv": RWKV}
    return (kinds | {"spikegpt": SpikeGPT})[config.mixer](config.dim)


def parameters_of(config) -> int:
    """How many numbers the mixer of an `AstroSNNConfig` learns."""
    dim = config.dim
    if config.mixer in FORMED:
        return config.unit_config.parameters
    return {
        "lif": 2 * dim**2 + dim,
        "plif": 2 * dim**2 + 2 * dim,
        "alif": 2 * dim**2 + 3 * dim,
        "gru": 6 * dim**2 + 6 * dim,
        "rwkv": 4 * dim**2 + 2 * dim,
        "spikegpt": 4 * dim**2 + 2 * dim,
        "attention": 4 * dim**2,
    }[config.mixer]
