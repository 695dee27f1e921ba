"""The compiled memory as one differentiable operation: torch.compile sees `brainlib::astrocyte_memory` and, on the way
back, `brainlib::astrocyte_memory_backward`; what is not compiled takes a shorter way to the same functions.
"""

import importlib
from functools import partial

import torch
from torch import Tensor


def kernel(query, key, value, log_decay, write, state, impl: str) -> tuple[Tensor, Tensor]:
    """`astrocyte_memory` by the implementation `impl` (interface: `__init__.py`), with all inputs checked."""
    operation = astrocyte_memory if torch.compiler.is_compiling() else Memory.apply
    inputs = (
        None if tensor is None else tensor.contiguous() for tensor in (query, key, value, log_decay, write, state)
    )
    output, last, _ = operation(*inputs, impl)
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


class Memory(torch.autograd.Function):
    """The operation without the dispatcher's checks."""

    @staticmethod
    def forward(ctx, *inputs):  # with a setup_context torch would look at its signature in every call
        output = forward(*inputs)
        save(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx, d_output, d_last, _):
        twice = torch.is_grad_enabled()  # the operation knows to refuse that
        return differentiate(astrocyte_memory_backward if twice else backward, ctx, d_output, d_last, _)


astrocyte_memory = torch.library.custom_op("brainlib::astrocyte_memory", forward, mutates_args=())
astrocyte_memory_backward = torch.library.custom_op("brainlib::astrocyte_memory_backward", backward, mutates_args=())


@astrocyte_memory.register_fake
def _(query, key, value, log_decay, write, state, impl):
    return (
        torch.empty_like(value),
        torch.empty_like(state),
        nothing(value) if write is None else torch.empty_like(value),
    )


@astrocyte_memory_backward.register_fake
def _(d_output, d_last, query, key, value, log_decay, write, state, errors, impl):
    likes = query, key, value, log_decay, errors if write is None else write, state
    return tuple(torch.empty_like(tensor) for tensor in likes)


astrocyte_memory.register_autograd(partial(differentiate, astrocyte_memory_backward), setup_context=save)
