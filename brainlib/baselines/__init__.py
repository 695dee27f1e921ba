"""Models of the field that the papers' models are measured against."""

from brainlib.baselines.gpt import GPT, GPTConfig, GPTState

__all__ = ["GPT", "GPTConfig", "GPTState"]
