"""The layer in plain operations, all tokens at once and every activation held: what the kernels are tested against, and
what looks at activations. Its gradients are autograd's.
"""

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate


def activities(
    v: Float[Tensor, "batch time dim"],
    decoder_x: Float[Tensor, "heads dim head_neurons"],
    decoder_y: Float[Tensor, "heads dim head_neurons"],
    rope: Complex[Tensor, "time pairs"],
    synapses: Float[Tensor, "batch heads head_neurons dim"] | None = None,
    decay: Float[Tensor, "heads"] | None = None,
    bptt: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """x and y of one layer of Appendix E [B, H, T, K], and the synapses after its last token [B, H, K, D].

    x = relu(v Dx), a_t = sum over s < t of f^(t-s) (q_t . q_s) v_s + f^t q_t rho, y = relu(LN(a) Dy) * x, with
    q = RoPE(x) and f = exp(-decay).
    """
    value, t = v[:, None], torch.arange(v.shape[1], device=v.device, dtype=v.dtype)
    x = (value @ decoder_x).relu()
    query = key = rotate(x, rope)
    if not bptt:  # section 7.2
        key, value = key.detach(), value.detach()
    attended = (query @ key.mT) * past(decay, t) @ value
    after = key.mT @ (left(decay, len(t) - t)[..., None] * value)
    if synapses is not None:
        synapses = synapses if bptt else synapses.detach()
        attended = attended + left(decay, t)[..., None] * (query @ synapses)
        after = after + left(decay, len(t) + 0 * t[:1])[..., None] * synapses
    y = (norm(attended) @ decoder_y).relu() * x
    return x, y, after


def past(decay: Tensor | None, t: Tensor) -> Tensor:
    """[heads or 1, T, T]: how much of each token (column) is left at each later one (row); else zero."""
    return left(decay, t[:, None] - t).tril(-1)


def left(decay: Tensor | None, ages: Tensor) -> Tensor:
    """[heads or 1, *ages]: exp(-decay age)."""
    rate = ages.new_zeros(1) if decay is None else decay.to(ages.dtype)
    return (-rate.view(-1, *[1] * ages.ndim) * ages).exp()
