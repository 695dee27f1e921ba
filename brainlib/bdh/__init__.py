"""The Dragon Hatchling (BDH): a language model that is also a graph of neurons with Hebbian working memory."""

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
