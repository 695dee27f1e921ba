"""What a mixer checks of a state that it is given."""

from torch import Tensor


def require_state(name: str, state: Tensor, shape: tuple[int, ...], like: Tensor) -> None:
    """Raises `ValueError` unless `state` is a tensor of this shape, and of the dtype and on the device of `like`."""
    if not isinstance(state, Tensor):
        raise ValueError(f"state: got a {name} of {type(state).__name__}, expected a tensor of shape {shape}")
    if (tuple(state.shape), state.dtype, state.device) != (shape, like.dtype, like.device):
        raise ValueError(
            f"state: got a {name} of shape {tuple(state.shape)}, {state.dtype} on {state.device}, "
            f"expected {shape}, {like.dtype} on {like.device}"
        )
