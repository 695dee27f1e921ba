"""The recurrence compiled by numba on a CPU; on another device the same loop in torch operations."""

from types import ModuleType

from torch import Tensor

from brainlib.timescales.kernels import stepwise


def forward(bits, h0, weight, input_weight, bias, leak, inside, activation) -> Tensor:
    return time_loop(h0).forward(bits, h0, weight, input_weight, bias, leak, inside, activation)


def backward(
    d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return time_loop(h0).backward(
        d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation
    )


def time_loop(tensor: Tensor) -> ModuleType:
    """The implementation for the device of `tensor`."""
    if tensor.device.type != "cpu":
        return stepwise
    from brainlib.timescales.kernels import compiled

    return compiled
