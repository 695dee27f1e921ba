"""Which paths through the past a gradient may take: between backpropagation through time and none (section 7.2).

What a layer attends to are the keys and the values of earlier tokens. Backpropagation through time sends the gradient
back along both. Without it (`bptt=False` in brainlib) along neither: only what a neuron does now learns. Between them
lie two more rules: along values only, or along keys only.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding

from brainlib.bdh import BDH
from brainlib.bdh.kernels.reference import past
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation

RULES = {
    "through time": ("keys", "values"),
    "through values": ("values",),
    "through keys": ("keys",),
    "present only": (),
}


def loss_along(model: BDH, tokens: Tensor, targets: Tensor, paths: tuple[str, ...]) -> Tensor:
    """The loss of `BDH.forward` on texts of their own; its gradient reaches earlier tokens along `paths` only.

    In plain operations (brainlib's layer knows all or none of the paths), without dropout.
    """
    config, time = model.config, tokens.shape[1]
    v = norm(embedding(tokens, model.embedding))
    rope = rotation(model.frequencies, 0, time, v.dtype)
    mask = past(model.decay, torch.arange(time, dtype=v.dtype, device=v.device))
    for _ in range(config.layers):
        value = v[:, None]
        x = (value @ model.decoder_x).relu()
        query = key = rotate(x, rope)
        key = key if "keys" in paths else key.detach()
        value = value if "values" in paths else value.detach()
        y = (norm((query @ key.mT) * mask @ value) @ model.decoder_y).relu() * x
        v = norm(v + norm(torch.einsum("bhtk,hkd->btd", y, model.encoder)))
    return cross_entropy((v @ model.readout).flatten(0, 1), targets.flatten())
