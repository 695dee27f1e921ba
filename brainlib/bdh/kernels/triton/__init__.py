"""The layer of the Dragon Hatchling on a GPU, in Triton: derivations and design in README.md beside this file."""

from brainlib.bdh.kernels.triton.layer import backward, forward

__all__ = ["backward", "forward"]
