"""What the neurons and synapses of a Dragon Hatchling do while it reads: for looking, not for training."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import embedding

from brainlib.bdh.kernels.reference import activities, past
from brainlib.bdh.model import BDH
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation
from brainlib.data import require_batch


class Activity(NamedTuple):
    """Activations of every layer: x is what a neuron sends into its synapses, y what it gives to the next layer.

    >>> activity = Activity(x=torch.ones(2, 1, 2, 3, 8), y=torch.zeros(2, 1, 2, 3, 8))
    >>> density(activity.y).tolist()
    [0.0, 0.0]
    """

    x: Float[Tensor, "layers batch heads time head_neurons"]
    y: Float[Tensor, "layers batch heads time head_neurons"]


@torch.no_grad()
def record_activity(model: BDH, tokens: Integer[Tensor, "batch time"]) -> Activity:
    """x and y of every layer for texts that begin without synapses (Appendix E, no dropout).

    Holds all of it at once: 2 layers neurons floats a token. Raises `ValueError` for unfit tokens.

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> model = BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16))
    >>> activity = record_activity(model, torch.tensor([[84, 111, 32]]))
    >>> activity.x.shape
    torch.Size([2, 1, 2, 3, 8])
    """
    config, decay = model.config, model.decay
    require_batch(config.vocab, tokens)
    v = norm(embedding(tokens.long(), model.embedding))
    rope = rotation(model.frequencies, 0, tokens.shape[1], v.dtype)
    found = []
    for _ in range(config.layers):
        x, y, _ = activities(v, model.decoder_x, model.decoder_y, rope, decay=decay)
        v = norm(v + norm((y @ model.encoder).sum(1)))
        found.append((x, y))
    return Activity(*map(torch.stack, zip(*found, strict=True)))


def attention_scores(model: BDH, activity: Activity, layer: int) -> Float[Tensor, "batch heads time time"]:
    """How strongly each byte (row) attends to each earlier one (column): RoPE(x_t) . RoPE(x_s) for s < t, else zero.

    Where synapses fade, it is less by what has faded since.

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> model = BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16))
    >>> activity = record_activity(model, torch.tensor([[84, 111, 32]]))
    >>> attention_scores(model, activity, layer=0).shape
    torch.Size([1, 2, 3, 3])
    """
    x = activity.x[layer]
    q, t = rotate(x, rotation(model.frequencies, 0, x.shape[-2], x.dtype)), torch.arange(x.shape[-2]).to(x)
    return (q @ q.mT) * past(model.decay, t)


def synapses_of(
    model: BDH, activity: Activity, layer: int, head: int, neuron: int
) -> Float[Tensor, "batch time neurons"]:
    """The synapses from neuron `neuron` of `head` to those of the layer below as token t finds them: a column of
    eq. (16)'s sigma.

    sigma_t(i) = sum over s < t of y_s(i) * (x_s turned by the t - s tokens since)(neuron): what y_i and x_neuron did
    together, in the frame of token t, less what has faded. `layer` counts from 1, the first that has neurons below it.
    Raises `ValueError` for a layer, head or neuron that is not there.

    >>> from brainlib.bdh import BDH, BDHConfig
    >>> model = BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16))
    >>> activity = record_activity(model, torch.tensor([[84, 111, 32]]))
    >>> synapses_of(model, activity, layer=1, head=0, neuron=3).shape
    torch.Size([1, 3, 16])
    """
    layers, _, heads, time, head_neurons = activity.x.shape
    if not (1 <= layer < layers and 0 <= head < heads and 0 <= neuron < head_neurons):
        expected = f"1 to {layers - 1}, 0 to {heads - 1}, 0 to {head_neurons - 1}"
        raise ValueError(f"layer, head, neuron: got {layer}, {head}, {neuron}, expected {expected}")
    pair = neuron // 2
    x = activity.x[layer, :, head, :, 2 * pair : 2 * pair + 2]  # [B, T, 2]
    rope = rotation(model.frequencies[pair : pair + 1], 0, time, x.dtype)
    turned = torch.view_as_complex(rotate(x, rope).contiguous())  # in the frame of token 0
    in_frame = torch.view_as_real(turned[:, None] * rope.conj())[..., neuron % 2]  # [B, t, s]: of token s in that of t
    left = past(model.decay, torch.arange(time).to(x))[0 if model.decay is None else head]
    below = activity.y[layer - 1].movedim(1, 2).flatten(2)  # [B, T, neurons]
    return (in_frame * left) @ below


def density(activations: Float[Tensor, "layers *rest"]) -> Float[Tensor, "layers"]:
    """The share of activations above zero, layer by layer.

    >>> density(torch.tensor([[0.0, 1.0], [2.0, 3.0]])).tolist()
    [0.5, 1.0]
    """
    return (activations > 0).flatten(1).double().mean(1)
