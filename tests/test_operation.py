"""An operation with a backward pass of its own, however it is called; and that every kernel is one to the compiler."""

import pytest
import torch
from process import told
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


COMPILED = """
import warnings
import torch
from brainlib.astrosnn import astrocyte_memory
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import wkv
from brainlib.bdh.kernels import neuron_layer
from brainlib.bdh.rotation import rope_frequencies, rotation
from brainlib.timescales.kernels import recurrence

warnings.simplefilter("ignore")
q, d = torch.randn(2, 3, 2, 4), -torch.rand(2, 3, 2)
rope, up = rotation(rope_frequencies(8), 0, 9, torch.float32), torch.randn(2, 5, 8)
x, w = torch.randn(2, 9, 5, requires_grad=True), torch.rand(5, requires_grad=True)
kernels = {
    "lif": lambda: lif_scan(x, beta=w, threshold=w)[0],
    "slow": lambda: slow_scan(x, w, w)[0],
    "wkv": lambda: wkv(x, x, w, w)[0],
    "memory": lambda: astrocyte_memory(q * x.sum(), q, w.sum() * q, d, torch.exp(d))[0],
    "bdh": lambda: neuron_layer(x, w[:, None] * up, up, up.mT.contiguous(), rope, None, None)[0],
    "leaky": lambda: recurrence(torch.ones(3, 2), x[:, 0], w[:, None] * w, w, w, 0.1 + 0.9 * w)[1],
}
for name, kernel in kernels.items():
    seen = []

    def look(graph, _):
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    results = []
    for call in (kernel, torch.compile(kernel, backend=look, fullgraph=True)):
        output = call()
        results.append([output, *torch.autograd.grad(output.sin().sum(), (x, w))])
    assert all(one.equal(other) for one, other in zip(*results)), name
    print(name, sum("brainlib" in target for target in seen))
"""


def test_the_compiler_sees_one_operation_in_each_kernel():
    """As users have it, in a process without the tests' check of annotations, which the compiler cannot see through."""
    found = told(COMPILED).split()
    assert dict(zip(found[::2], found[1::2], strict=True)) == dict.fromkeys(found[::2], "1") and len(found) == 12
