"""What the field calls a LIF neuron, with its numbers: one name stands for several neurons, and two for the same.

All have a membrane's time constant of 2 steps. BrainCog's, of the library of the authors' laboratory, fires exactly
when the reconstruction's does, half the current against half the threshold; only their surrogates differ. SpikeGPT's
takes half the current against a whole threshold, and lets gradients pass through its reset.
"""

from torch import Tensor

from brainlib.astrosnn import lif_scan


def reconstruction(current: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and the last membranes of ours: m <- m / 2 + I, a threshold of 1."""
    return lif_scan(current)


def braincog(current: Tensor) -> tuple[Tensor, Tensor]:
    """m <- m + (I - m) / 2, a threshold of 1/2."""
    return lif_scan(current / 2, threshold=0.5, surrogate="qgate")


def spikegpt(current: Tensor) -> tuple[Tensor, Tensor]:
    """m <- m + (I - m) / 2, a threshold of 1."""
    return lif_scan(current / 2, detach_reset=False)
