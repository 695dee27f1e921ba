"""All layers of one new token on the recurrent state, which they change in place."""

from jaxtyping import Complex, Float
from torch import Tensor

from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate


def decode(
    v: Float[Tensor, "batch dim"],
    decoder_x: Float[Tensor, "heads head_neurons dim"],
    decoder_y: Float[Tensor, "heads head_neurons dim"],
    encoder: Float[Tensor, "heads head_neurons dim"],
    rope: Complex[Tensor, "1 pairs"],
    synapses: Float[Tensor, "layers batch heads head_neurons dim"],
    faded: Float[Tensor, "heads"],
) -> Float[Tensor, "batch dim"]:
    """v after the last layer. In each, rho = `faded` times `synapses` hears first, then learns q v^T: eq. (8) in the
    frame that does not rotate, before it decays (for that the caller lets `faded` fall, and touches no synapse).

    Dx and Dy are transposed against the model's own, so that all that belongs to one neuron lies together: on a CPU
    (numba) only the rows of neurons that fire are touched, of the synapses, of Dy and of E alike. On a GPU,
    which waits for the next operation more than for memory, whole matrices are read.
    """
    if v.device.type != "cpu":
        return in_torch(v, decoder_x, decoder_y, encoder, rope, synapses, faded)
    from brainlib.bdh.kernels import event_driven  # it loads numba

    return event_driven.decode(v, decoder_x, decoder_y, encoder, rope, synapses, faded)


def in_torch(v, decoder_x, decoder_y, encoder, rope, synapses, faded) -> Tensor:
    for rho in synapses:
        x = (v @ decoder_x.mT).relu_().transpose(0, 1)[:, :, None]  # [B, H, 1, K]
        q = rotate(x, rope) / faded[:, None, None]
        attended = faded[:, None, None] ** 2 * (q @ rho)
        rho.addcmul_(q.mT, v[:, None, None])
        y = (norm(attended) @ decoder_y.mT).relu_() * x
        v = norm(v + norm((y @ encoder).sum(1)[:, 0]))
    return v
