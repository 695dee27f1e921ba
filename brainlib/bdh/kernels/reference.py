"""The layer as the paper's recurrence, one token after another in float64: the ground truth of the kernels' tests."""

import torch
from torch import Tensor

from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate


def neuron_layer(v, decoder_x, decoder_y, encoder, rope, synapses, decay, bptt):
    """`neuron_layer` of layer.py; its gradients are autograd's."""
    inputs = (v, decoder_x, decoder_y, encoder, rope, synapses, decay)
    update, after = recurrence(*(double(tensor) for tensor in inputs), bptt)
    return update.to(v.dtype), after.to(v.dtype)


def recurrence(v, Dx, Dy, E, rope, rho, decay, bptt):
    """One layer of Appendix E with its attention as eq. (8)'s state, in the frame that does not rotate:

    a_t = rho_{t-1} q_t,  rho_t = exp(-decay) (rho_{t-1} + v_t q_t^T).
    """
    (B, T, D), (H, _, K) = v.shape, Dx.shape
    rho = v.new_zeros(B, H, K, D) if rho is None else rho
    fade = v.new_ones(H, 1, 1) if decay is None else (-decay).exp()[:, None, None]
    x = (v[:, None] @ Dx).relu()  # [B, H, T, K]
    q = rotate(x, rope)
    key, value, rho = (q, v, rho) if bptt else (q.detach(), v.detach(), rho.detach())  # section 7.2
    a = []
    for t in range(T):
        a.append(torch.einsum("bhk,bhkd->bhd", q[:, :, t], rho))
        rho = fade * (rho + torch.einsum("bhk,bd->bhkd", key[:, :, t], value[:, t]))
    y = (norm(torch.stack(a, 2)) @ Dy).relu() * x
    return torch.einsum("bhtk,hkd->btd", y, E), rho


def double(tensor: Tensor | None) -> Tensor | None:
    if tensor is None:
        return None
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
