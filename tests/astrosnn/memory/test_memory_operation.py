"""The memory as an operation of torch: finite differences, what the compiler sees, which form is chosen, bad input."""

import inspect
import subprocess
import sys

import pytest
import torch
from astrocyte_memories import FORMS, KINDS, everything, memory

from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.kernels.memory import memory as operation
from brainlib.astrosnn.kernels.memory.memory import chosen

unchecked = inspect.unwrap(astrocyte_memory)  # under the annotation check of the tests
SMALL = (2, 3, 2, 2, 3)


def arguments(kind, size=SMALL):
    """All of the operation's tensors, which ask for gradients."""
    found = memory(kind, size)
    tensors = [found[name] for name in ("query", "key", "value", "log_decay")] + [found.get("write"), found["state"]]
    return [None if tensor is None else tensor.requires_grad_() for tensor in tensors]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_differences(kind, form):
    tensors = arguments(kind)
    given = [tensor for tensor in tensors if tensor is not None]

    def function(*given):
        given = iter(given)
        return astrocyte_memory(*(None if tensor is None else next(given) for tensor in tensors), **form)

    assert torch.autograd.gradcheck(function, given)


@pytest.mark.parametrize("kind", ["fixed", "gated delta"])
def test_the_operation_keeps_torchs_rules(kind):
    torch.library.opcheck(operation.memory.compiled, (*arguments(kind), "cpu"))


def test_the_compiler_sees_one_operation():
    """As users have it, in a process without the tests' check of annotations, which the compiler cannot see through."""
    code = """
import torch
from brainlib.astrosnn import astrocyte_memory

q, w, d = torch.randn(2, 3, 2, 4), torch.rand(2, 3, 2), -torch.rand(2, 3, 2)
seen = []

def look(graph, _):
    seen.extend(str(node.target) for node in graph.graph.nodes)
    return graph.forward

compiled = torch.compile(lambda: astrocyte_memory(q, q, q, d, w)[0], backend=look, fullgraph=True)
print(compiled().equal(astrocyte_memory(q, q, q, d, w)[0]), sum("astrocyte_memory" in target for target in seen))
"""
    found = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True)
    assert found.split() == ["True", "1"]


def test_there_are_no_second_derivatives():
    tensors = arguments("fixed")
    (gradient,) = torch.autograd.grad(astrocyte_memory(*tensors)[0].sum(), tensors[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_may_be_views_and_are_left_as_they_were(kind):
    inputs = memory(kind, (2, 7, 3, 4, 5))
    views = {name: torch.stack((tensor, tensor), -1)[..., 0] for name, tensor in inputs.items()}
    before = {name: tensor.clone() for name, tensor in views.items()}
    for form in FORMS.values():
        found, expected = (everything(astrocyte_memory, given, **form) for given in (views, inputs))
        assert all(tensor.equal(expected[name]) for name, tensor in found.items())
        assert all(tensor.equal(before[name]) for name, tensor in views.items())


def test_what_is_left_open_is_chosen():
    def choice(form="auto", impl="auto", dtype=torch.float32, device="cpu"):
        return chosen(form, impl, torch.empty(1, dtype=dtype, device=device), None)

    assert choice() == ("recurrent", "cpu")
    assert choice("parallel") == ("parallel", "torch")
    assert choice("chunked") == ("chunked", "torch")
    assert choice(impl="torch") == ("chunked", "torch")
    assert choice(impl="triton") == ("chunked", "triton")
    assert choice(dtype=torch.bfloat16) == ("chunked", "torch")
    assert choice(device="meta") == ("chunked", "torch")


def test_narrow_numbers_are_computed_in_single_precision():
    exact = memory("gated delta", (2, 21, 2, 4, 5), torch.float32)
    low = {name: t.bfloat16() if name in ("query", "key", "value") else t for name, t in exact.items()}
    rounded = {name: t.to(exact[name].dtype) for name, t in low.items()}
    for form in ("recurrent", "parallel", "chunked"):
        output, last = astrocyte_memory(**low, form=form)
        wanted, wanted_last = astrocyte_memory(**rounded)
        assert output.dtype == torch.bfloat16 and last.dtype == torch.float32
        torch.testing.assert_close(output, wanted.bfloat16(), rtol=2**-7, atol=1e-5)
        torch.testing.assert_close(last, wanted_last, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("key", lambda t: t[..., :1], r"key: got torch.float64 \(2, 3, 2, 1\) on cpu, expected .* \(2, 3, 2, 2\)"),
        ("value", lambda t: t[:, :2], r"value: got .* \(2, 2, 2, 3\) on cpu, expected .* \(2, 3, 2, 3\)"),
        ("log_decay", lambda t: t[0, 0, :1], r"log_decay: got .* \(1,\) on cpu, expected .* \(2,\)"),
        ("log_decay", lambda t: t[:, :1], r"log_decay: got .* \(2, 1, 2\) on cpu, expected .* \(2, 3, 2\)"),
        ("write", lambda t: t.float(), "write: got torch.float32 .*, expected torch.float64"),
        ("state", lambda t: t.mT, r"state: got .* \(2, 2, 3, 2\) on cpu, expected .* \(2, 2, 2, 3\)"),
        ("state", lambda t: t.to("meta"), "state: got .* on meta, expected .* on cpu"),
        ("query", lambda t: t[:, :0], r"got \(2, 0, 2, 2\), \(2, 3, 2, 3\), expected at least one of each axis"),
    ],
)
def test_bad_tensors(which, change, message):
    inputs = memory("gated delta", SMALL)
    inputs[which] = change(inputs[which])
    with pytest.raises(ValueError, match=message):
        unchecked(**inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "serial"}, "form: got 'serial', expected one of auto, recurrent, parallel, chunked"),
        ({"impl": "gpu"}, "impl: got 'gpu', expected one of auto, torch, cpu, triton"),
        ({"form": "parallel", "impl": "cpu"}, "form: got 'parallel' with impl 'cpu', expected 'recurrent'"),
        ({"impl": "triton"}, "impl: got 'triton' with write, expected 'torch'"),
    ],
)
def test_bad_choices(options, message):
    with pytest.raises(ValueError, match=message):
        unchecked(**memory("gated delta", SMALL), **options)


def test_the_compiled_loop_is_for_wide_numbers_on_a_cpu():
    inputs = {name: tensor.to("meta") for name, tensor in memory("fixed", SMALL).items()}
    with pytest.raises(ValueError, match=r"impl: got 'cpu' for torch\.float64 on meta"):
        unchecked(**inputs, impl="cpu")
