"""The compiled memory as one differentiable operation, whichever implementation computes it."""

import importlib

import torch
from torch import Tensor

from brainlib.operation import Operation


def kernel(query, key, value, log_decay, write, state, impl: str) -> tuple[Tensor, Tensor]:
    """`astrocyte_memory` by the implementation `impl` (interface: `__init__.py`), with all inputs checked."""
    inputs = (
        None if tensor is None else tensor.contiguous() for tensor in (query, key, value, log_decay, write, state)
    )
    output, last, _ = memory(*inputs, impl)
    return output, last


def forward(
    query: Tensor, key: Tensor, value: Tensor, log_decay: Tensor, write: Tensor | None, state: Tensor, impl: str
) -> tuple[Tensor, Tensor, Tensor]:
    module = importlib.import_module(f"brainlib.astrosnn.kernels.memory.{impl}")
    if impl == "triton":
        return *module.forward(query, key, value, log_decay, state), nothing(value)
    return module.forward(query, key, value, log_decay, write, state)


def backward(
    d_output: Tensor | None,
    d_last: Tensor | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_decay: Tensor,
    write: Tensor | None,
    state: Tensor,
    errors: Tensor,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    d_output, d_last = (None if d is None else d.contiguous() for d in (d_output, d_last))
    module = importlib.import_module(f"brainlib.astrosnn.kernels.memory.{impl}")
    if impl == "triton":
        *gradients, d_state = module.backward(d_output, d_last, query, key, value, log_decay, state)
        return *gradients, nothing(value), d_state
    return module.backward(d_output, d_last, query, key, value, log_decay, write, state, errors)


def nothing(value: Tensor) -> Tensor:
    """Stands for errors, and for a gradient at `write`, where there is no delta rule."""
    return value.new_empty(0, 0, 0, 0)


def save(ctx, inputs, output):
    *tensors, impl = inputs
    ctx.save_for_backward(*tensors, output[2])
    ctx.impl = impl
    ctx.mark_non_differentiable(output[2])
    ctx.set_materialize_grads(False)


def differentiate(backward, ctx, d_output, d_last, _):
    if d_output is None and d_last is None:
        return (None,) * 7
    *gradients, d_write, d_state = backward(d_output, d_last, *ctx.saved_tensors, ctx.impl)
    delta = ctx.saved_tensors[4] is not None
    return *gradients, d_write if delta else None, d_state, None


def fake(query, key, value, log_decay, write, state, impl):
    errors = nothing(value) if write is None else torch.empty_like(value)
    return torch.empty_like(value), torch.empty_like(state), errors


def fake_backward(d_output, d_last, query, key, value, log_decay, write, state, errors, impl):
    likes = query, key, value, log_decay, errors if write is None else write, state
    return tuple(torch.empty_like(tensor) for tensor in likes)


memory = Operation(
    "astrocyte_memory", forward, backward,
    fake=fake, fake_backward=fake_backward, save=save, differentiate=differentiate,
)  # fmt: skip
