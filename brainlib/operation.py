"""Operations with a backward pass written by hand, as autograd and torch.compile want them."""

from collections.abc import Callable
from functools import partial

import torch


class Operation:
    """`forward`, with `backward` for its gradients, under the name `brainlib::<name>`.

    torch.compile sees `compiled`, an operation of torch.library, and on the way back another, `<name>_backward`. What
    is not compiled takes a shorter way to the same functions, without the dispatcher's checks, which cost a small
    network a tenth of its training step.

    Transforms of torch.func (grad, vmap, jvp) raise `RuntimeError`.

    - `fake` and `fake_backward` take the same arguments and return tensors of the right shapes without computing.
    - `save(ctx, inputs, output)` keeps what `differentiate(backward, ctx, *gradients)` needs to call `backward` and to
      return a gradient, or None, for every input.
    """

    def __init__(
        self, name: str, forward: Callable, backward: Callable, *,
        fake: Callable, fake_backward: Callable, save: Callable, differentiate: Callable,
    ):  # fmt: skip
        self.name = f"brainlib::{name}"
        self.compiled = torch.library.custom_op(f"brainlib::{name}", forward, mutates_args=())
        compiled_backward = torch.library.custom_op(f"brainlib::{name}_backward", backward, mutates_args=())
        self.compiled.register_fake(fake)
        compiled_backward.register_fake(fake_backward)
        self.compiled.register_autograd(partial(differentiate, compiled_backward), setup_context=save)

        class Shortcut(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *inputs):  # with a setup_context torch would look at its signature in every call
                output = forward(*inputs)
                save(ctx, inputs, output)
                return output

            @staticmethod
            def backward(ctx, *gradients):
                twice = torch.is_grad_enabled()  # the compiled one knows to refuse that
                return differentiate(compiled_backward if twice else backward, ctx, *gradients)

        self.shortcut = Shortcut.apply

    def __call__(self, *inputs):
        if torch.compiler.is_compiling():
            return self.compiled(*inputs)
        if torch._C._are_functorch_transforms_active():
            raise RuntimeError(f"{self.name}: got a transform of torch.func, expected torch.autograd or torch.compile")
        return self.shortcut(*inputs)
