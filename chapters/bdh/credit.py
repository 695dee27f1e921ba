"""Which paths a gradient may take: from backpropagation through time to a rule local in time and depth (section 7.2).

What a layer attends to are the keys and the values of earlier tokens. Backpropagation through time sends the gradient
back along both, brainlib's `bptt=False` along neither: only what a neuron does now learns. Between them lie the keys
alone and the values alone.

Three factors need no way back at all. Cut the paths through the layers, so that the error reaches each of them down the
channel's residual alone, the same for all but for the norms on its way. A key is then x = relu(v Dx) of a v that is
given, and what Dx owes to the keys that a query meets is a sum, over earlier tokens, of the v at which a neuron was
excited: a trace that is gathered while reading and waits beside the synapse. Every weight changes by what arrives
before it, by what it drives, and by the error of the present token.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding

from brainlib.bdh import BDH
from brainlib.bdh.kernels.reference import past
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation

RULES = {
    "through time": ("layers", "keys", "values"),
    "through keys": ("layers", "keys"),
    "through values": ("layers", "values"),
    "three factors": ("keys",),
    "present only": ("layers",),
}


def loss_along(model: BDH, tokens: Tensor, targets: Tensor, paths: tuple[str, ...]) -> Tensor:
    """The loss of `BDH.forward` on texts of their own, its gradient along some `paths` only.

    "keys" and "values" lead to earlier tokens, "layers" through a layer to the ones below it, at any token. In plain
    operations (brainlib's layer knows all paths through time or none), without dropout.
    """
    config, time = model.config, tokens.shape[1]
    v = norm(embedding(tokens, model.embedding))
    rope = rotation(model.frequencies, 0, time, v.dtype)
    mask = past(model.decay, torch.arange(time, dtype=v.dtype, device=v.device))
    for _ in range(config.layers):
        value = v[:, None] if "layers" in paths else v[:, None].detach()
        x = (value @ model.decoder_x).relu()
        query = key = rotate(x, rope)
        key = key if "keys" in paths else key.detach()
        value = value if "values" in paths else value.detach()
        y = (norm((query @ key.mT) * mask @ value) @ model.decoder_y).relu() * x
        v = norm(v + norm(torch.einsum("bhtk,hkd->btd", y, model.encoder)))
    return cross_entropy((v @ model.readout).flatten(0, 1), targets.flatten())
