"""The Dragon Hatchling (BDH): a language model that is also a graph of neurons with Hebbian working memory."""

from brainlib.bdh.model import BDH, BDHConfig, BDHState

__all__ = ["BDH", "BDHConfig", "BDHState"]
