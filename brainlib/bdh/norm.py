"""The layer norm of every place in the model: over the channels, without parameters."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm

EPS = 1e-5  # the official default; it matters where the input is small, as an untrained embedding's is


def norm(v: Float[Tensor, "*batch dim"], eps: float = EPS) -> Float[Tensor, "*batch dim"]:
    """(v - mean) / sqrt(variance + eps)."""
    return layer_norm(v, v.shape[-1:], eps=eps)
