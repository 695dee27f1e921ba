"""Spiking neurons with astrocytes: a unit that remembers in a slow matrix beside its fast membrane, and its language
model. A reconstruction around the equations of AstroSNN's overview figure (arXiv 2312.07625)."""

from brainlib.astrosnn.config import AstroSNNConfig, matched
from brainlib.astrosnn.kernels.lif import lif_scan
from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.model import AstroSNN, AstroSNNState
from brainlib.astrosnn.neurons import ALIF, LIF, PLIF, NeuronState
from brainlib.astrosnn.unit import AMSU, AMSUConfig, AMSUState

__all__ = [
    "ALIF",
    "AMSU",
    "LIF",
    "PLIF",
    "AMSUConfig",
    "AMSUState",
    "AstroSNN",
    "AstroSNNConfig",
    "AstroSNNState",
    "NeuronState",
    "astrocyte_memory",
    "lif_scan",
    "matched",
]
