"""The astrocyte of physiology: calcium and IP3 as differential equations, in seconds and micromolar.

It is not the paper's model. It is here to ask what a slow astrocyte's decay, gamma in the rest of the package, could
stand for. Used in chapters/astrosnn/01_tripartite_synapse.
"""

from brainlib.astrosnn.biophysics.decay import Decay, decay_of, superposition_error
from brainlib.astrosnn.biophysics.neurons import Zone, stimulate
from brainlib.astrosnn.biophysics.ullah import GORDLEEVA, Constants, Course, Pulse, rates, resting_state, simulate

__all__ = [
    "GORDLEEVA",
    "Constants",
    "Course",
    "Decay",
    "Pulse",
    "Zone",
    "decay_of",
    "rates",
    "resting_state",
    "simulate",
    "stimulate",
    "superposition_error",
]
