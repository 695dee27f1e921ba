"""The hidden chain on a GPU, in Triton: `posterior` of its states and transitions, `paths` best and drawn."""

from brainlib.brainstates.kernels.triton.paths import sample_paths, viterbi
from brainlib.brainstates.kernels.triton.posterior import filter_states, forward_backward

__all__ = ["filter_states", "forward_backward", "sample_paths", "viterbi"]
