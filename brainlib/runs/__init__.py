"""Runs of experiments: each condition and seed computed once, kept, side by side; and what chapters keep of them."""

from brainlib.runs.recorded import Run, check, keep, kept
from brainlib.runs.study import study

__all__ = ["Run", "check", "keep", "kept", "study"]
