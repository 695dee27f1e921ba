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

    Dx and Dy are transposed against the model's own, so that all that belongs to one neuron lies together: only the
    rows of neurons that fire are touched, of the synapses, of Dy and of E alike, on a CPU (numba) and a GPU (Triton).
    """
    if v.device.type == "cpu":
        from brainlib.bdh.kernels import event_driven

        return event_driven.decode(v, decoder_x, decoder_y, encoder, rope, synapses, faded)
    from brainlib.bdh.kernels.triton import decode as rows

    for rho in synapses:
        x = (v @ decoder_x.mT).relu_().transpose(0, 1).contiguous()  # [B, H, K]
        q = rotate(x[:, :, None], rope)[:, :, 0] / faded[:, None]
        attended = faded[:, None] ** 2 * rows.read_and_write(rho, q, v)
        update = rows.gate_rows(norm(attended), decoder_y, x, encoder)
        v = norm(v + norm(update))
    return v
