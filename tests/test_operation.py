"""An operation with a backward pass of its own, however it is called."""

import pytest
import torch
from torch import Tensor

from brainlib.operation import Operation


def forward(x: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    return factor * x * x, x.sign()


def backward(d_square: Tensor, x: Tensor, factor: float) -> Tensor:
    return 2 * factor * x * d_square


def save(ctx, inputs, output):
    x, ctx.factor = inputs
    ctx.save_for_backward(x)
    ctx.mark_non_differentiable(output[1])


def differentiate(backward, ctx, d_square, _):
    return backward(d_square, *ctx.saved_tensors, ctx.factor), None


square = Operation(
    "square_for_a_test", forward, backward, save=save, differentiate=differentiate,
    fake=lambda x, factor: (torch.empty_like(x), torch.empty_like(x)),
    fake_backward=lambda d_square, x, factor: torch.empty_like(x),
)  # fmt: skip
CALLS = {
    "eager": square,
    "the compiled one": square.compiled,
    "torch.compile": torch.compile(square, backend="aot_eager", fullgraph=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_value_and_gradient(call):
    x = torch.tensor([-1.0, 0.5, 3.0], requires_grad=True)
    found, sign = call(x, 3.0)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert found.tolist() == [3.0, 0.75, 27.0] and gradient.tolist() == [-6.0, 3.0, 18.0]
    assert sign.tolist() == [-1.0, 1.0, 1.0] and not sign.requires_grad


def test_torchs_rules_are_kept():
    torch.library.opcheck(square.compiled, (torch.randn(3, requires_grad=True), 2.0))


def test_a_second_derivative_is_refused():
    x = torch.ones(2, requires_grad=True)
    (gradient,) = torch.autograd.grad(square(x, 1.0)[0].sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()
