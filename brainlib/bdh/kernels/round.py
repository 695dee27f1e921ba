"""The round as one differentiable operation, whichever implementation computes it."""

from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from brainlib.bdh.kernels import slabs


class Options(NamedTuple):
    precision: torch.dtype  # of the matrix products
    dropout: float = 0.0
    seed: int = 0
    carry: bool = True  # compute the synapses after the last token
    through_time: bool = True  # gradients reach earlier tokens
    differentiate: bool = True  # a backward pass may follow


def neuron_round(
    v: Float[Tensor, "batch time dim"],
    decoder_x: Float[Tensor, "heads dim head_neurons"],
    decoder_y: Float[Tensor, "heads dim head_neurons"],
    encoder: Float[Tensor, "heads head_neurons dim"],
    turn: Complex[Tensor, "time pairs"],
    synapses: Float[Tensor, "batch heads head_neurons dim"] | None,
    decay: Float[Tensor, "heads"] | None = None,
    *,
    dropout: float = 0.0,
    carry: bool = True,
    through_time: bool = True,
) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch heads head_neurons dim"] | None]:
    """E y and the new synapses of one layer: Appendix E, with eq. (8)'s rho in the frame that does not rotate.

    x = relu(v Dx), q = RoPE(x), a_t = sum over s < t of f^(t-s) (q_t . q_s) v_s + f^t q_t rho, y = relu(LN(a) Dy) * x,
    with f = exp(-decay) of each head (None: 1, nothing fades). `synapses` is rho as token 0 finds it (None: zero);
    with `carry` it is also returned as the token after the last would find it, else None.
    `dropout` is the chance that an entry of y is dropped. Without `through_time` earlier tokens and the synapses are
    constants to the gradient (section 7.2). Under autocast the matrix products run in its dtype.
    """
    kind = v.device.type
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else v.dtype
    seed = int(torch.randint(2**62, ())) if dropout else 0
    options = Options(precision, dropout, seed, carry, through_time, torch.is_grad_enabled())
    if synapses is not None and not through_time:
        synapses = synapses.detach()
    with torch.autocast(kind, enabled=False):
        update, after = NeuronRound.apply(v, decoder_x, decoder_y, encoder, turn, synapses, decay, options)
    return update, after if after is None or through_time else after.detach()


class NeuronRound(torch.autograd.Function):
    @staticmethod
    def forward(ctx, v, decoder_x, decoder_y, encoder, turn, synapses, decay, options):
        inputs = (v, decoder_x, decoder_y, encoder, turn, synapses, decay)
        update, after, *saved = slabs.forward(*inputs, options)
        ctx.save_for_backward(*inputs, *saved)
        ctx.options = options
        ctx.set_materialize_grads(False)
        return update, after

    @staticmethod
    @once_differentiable
    def backward(ctx, d_update, d_after):
        dv, dDx, dDy, dE, d_synapses, d_decay = slabs.backward(
            d_update, d_after, *ctx.saved_tensors, options=ctx.options
        )
        return dv, dDx, dDy, dE, None, d_synapses, d_decay, None
