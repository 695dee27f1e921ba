"""What a network's activity tells of its memory: time scales of its units and the dimensions that it fills.

`recording` (activity under random bits), `autocorrelation` (tau_net), `dimensionality` (principal components).
Used in chapters/timescales/02_curricula.ipynb.
"""

from brainlib.timescales.measures.autocorrelation import TauNet, autocorrelation, fit_decay, network_time_constants
from brainlib.timescales.measures.dimensionality import dimensionality
from brainlib.timescales.measures.recording import record

__all__ = ["TauNet", "autocorrelation", "dimensionality", "fit_decay", "network_time_constants", "record"]
