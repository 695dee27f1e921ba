"""The round of one new token on the recurrent state, which it changes in place."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate


def decode_round(
    v: Float[Tensor, "batch dim"],
    decoder_x: Float[Tensor, "heads dim head_neurons"],
    decoder_y: Float[Tensor, "heads head_neurons dim"],
    encoder: Float[Tensor, "heads head_neurons dim"],
    turn: Complex[Tensor, "1 pairs"],
    synapses: Float[Tensor, "batch heads head_neurons dim"],
    decay: Float[Tensor, "heads"] | None = None,
) -> Float[Tensor, "batch dim"]:
    """E y for one token; `synapses` hears first, then learns q v^T and fades by exp(-decay) (eq. (8) in the frame that
    does not rotate).

    `decoder_y` is transposed against the model's own, so that all that belongs to one neuron lies together: on a CPU
    only the rows of neurons that fire are touched, of the synapses, of Dy and of E alike.
    """
    x = (v @ decoder_x).relu_().transpose(0, 1).contiguous()  # [B, H, K]
    q = rotate(x[:, :, None], turn)[:, :, 0]
    on_cpu = v.device.type == "cpu"
    if on_cpu:
        from brainlib.bdh.kernels import events

        heard = events.hear_and_learn(synapses, q, v)
    else:
        heard = torch.einsum("bhk,bhkd->bhd", q, synapses)
        synapses.addcmul_(q[..., None], v[:, None, None])
    if decay is not None:
        synapses.mul_((-decay).exp()[:, None, None])
    if on_cpu:
        return events.fire(norm(heard), decoder_y, x, encoder)
    y = torch.einsum("bhd,hkd->bhk", norm(heard), decoder_y).relu_().mul_(x)
    return torch.einsum("bhk,hkd->bd", y, encoder)
