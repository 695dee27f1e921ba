"""One layer of the Dragon Hatchling over all neurons, forward and backward, without ever holding them all at once.

A layer's activations are `neurons / dim` times wider than its input. The layer is therefore computed slab by slab
(one head, a few sequences) while the slab is in cache, and where they are many the backward pass computes the
activations again instead of storing them. Derivation of the gradients: README.md beside this file.

`reference` is the layer in plain operations. An implementation is a module with these two functions (`slabs` in torch
operations, `triton` for a GPU):

    forward(v, decoder_x, decoder_y, encoder, rope, synapses, decay, options) -> update, after, scores, attended, *kept
    backward(d_update, d_after, v, decoder_x, decoder_y, encoder, rope, synapses, decay, scores, attended, *kept,
             options=) -> dv, d_decoder_x, d_decoder_y, d_encoder, d_synapses

    v, update [B, T, D]   decoder_x, decoder_y [H, D, K]   encoder [H, K, D]   rope [T, K/2] complex
    synapses, after [B, H, K, D] or None   decay [H] or None   options: `Options` of layer.py
    scores [B, H, T, T] in options.precision and attended [B, H, T, D], as the same module's backward wants them, and
    whatever else it keeps (`slabs` only)
    d_update or d_after may be None (no gradient came that way); d_synapses is None where there is no such input or no
    gradient through time; `after` is None unless options.return_state. The decay is a constant.
"""

from brainlib.bdh.kernels.decode import decode
from brainlib.bdh.kernels.layer import neuron_layer

__all__ = ["decode", "neuron_layer"]
