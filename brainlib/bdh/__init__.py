"""The Dragon Hatchling (BDH): a language model that is also a graph of neurons with Hebbian working memory.

The direction of edges, everywhere here: an edge from neuron i to neuron j stands in column i and row j of its matrix,
the paper's H(i, j) = e_j^T H e_i. So G = Dx E leads from who speaks to whom that excites, and the synapses
sigma = sum of y x^T from who is excited (x) to who spoke (y).
"""

from brainlib.bdh.anatomy.activity import Activity, attention_scores, density, record_activity, synapses_of
from brainlib.bdh.model import BDH, BDHConfig, BDHState

__all__ = [
    "BDH",
    "Activity",
    "BDHConfig",
    "BDHState",
    "attention_scores",
    "density",
    "record_activity",
    "synapses_of",
]
