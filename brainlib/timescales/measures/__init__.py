"""What a network's activity tells of its memory: time scales of its units and the dimensions that it fills.

`recording` (states under random bits), `autocorrelation` (tau_net), `dimensionality` (principal components), `activity`
(both of a network).
Used in chapters/timescales/02_curricula.ipynb.
"""

from brainlib.timescales.measures.activity import Activity, activity
from brainlib.timescales.measures.autocorrelation import TauNet, autocorrelation, fit_decay
from brainlib.timescales.measures.dimensionality import dimensionality
from brainlib.timescales.measures.recording import record

__all__ = ["Activity", "TauNet", "activity", "autocorrelation", "dimensionality", "fit_decay", "record"]
