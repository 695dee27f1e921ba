"""One round of the Dragon Hatchling over all neurons, forward and backward, without ever holding them all at once.

A layer's activations are `neurons / dim` times wider than its input. The round is therefore computed slab by slab
(one head, a few sequences) while the slab is in cache, and the backward pass computes the activations again instead
of storing them: what lives between the two is as narrow as the input. Derivation of the gradients: README.md beside
this file.
"""

from brainlib.bdh.kernels.decode import decode_round
from brainlib.bdh.kernels.slabs import neuron_round

__all__ = ["decode_round", "neuron_round"]
