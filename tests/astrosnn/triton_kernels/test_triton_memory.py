"""The memory's Triton kernels against the loops in float64: values and every gradient."""

import pytest
import torch
from agreement import difference

pytest.importorskip("triton")

from brainlib.astrosnn import astrocyte_memory, reference
from brainlib.astrosnn.kernels.memory import triton as kernels

pytestmark = pytest.mark.usefixtures("patched_once")

NAMES = "d_query", "d_key", "d_value", "d_log_decay", "d_state"
SIZES = {  # batch, tokens, heads, key size, value size
    "one of everything": (1, 1, 1, 1, 1),
    "a chunk": (1, 16, 2, 4, 8),
    "odd": (1, 21, 2, 5, 18),
    "two sequences, two tiles of keys": (2, 33, 1, 19, 3),
}
ODD = SIZES["odd"]


@pytest.fixture
def small(monkeypatch):
    """Several chunks and tiles at sizes that the interpreter can do."""
    monkeypatch.setattr(kernels, "plan", lambda dtype: kernels.Cut(16, 16, 4, 2))


def inputs(size, gated, slowest=0.01):
    """query, key, value, log_decay, state, exact in bfloat16."""
    B, T, h, K, V = size
    g = torch.Generator().manual_seed(T)

    def normal(*shape):
        return torch.randn(*shape, generator=g).bfloat16().double()

    log_decay = -slowest - normal(B, T, h).abs() if gated else -torch.linspace(slowest, 0.5, h).bfloat16().double()
    return [normal(B, T, h, K), normal(B, T, h, K), normal(B, T, h, V), log_decay, normal(B, h, K, V)]


def run(d_output, d_last, tensors):
    """Output, last state, and the gradients at all tensors."""
    *inputs, state = tensors
    output, last, errors = kernels.forward(*inputs, None, state)
    *gradients, _, d_state = kernels.backward(d_output, d_last, *inputs, None, state, errors)
    return output, last, [*gradients, d_state]


def compare(exact, device, dtype=torch.float64, heard=("output", "last")):
    """Relative differences of the output, the last state and all gradients by name."""
    leaves = [tensor.clone().requires_grad_() for tensor in exact]
    output, last = reference.memory(*leaves[:4], state=leaves[4])
    g = torch.Generator().manual_seed(0)
    d_output, d_last = (torch.randn(t.shape, generator=g).bfloat16() for t in (output, last))
    loss = (output * d_output).sum() * ("output" in heard) + (last * d_last).sum() * ("last" in heard)
    wanted = torch.autograd.grad(loss, leaves)

    wide = dtype if dtype.itemsize > 2 else torch.float32
    low = [t.to(device, dtype if i < 3 else wide) for i, t in enumerate(exact)]
    d_output = d_output.to(device, dtype) if "output" in heard else None
    d_last = d_last.to(device, wide) if "last" in heard else None
    found_output, found_last, found = run(d_output, d_last, low)
    assert [t.dtype for t in found] == [t.dtype for t in low]
    errors = {"output": difference(found_output, output), "last": difference(found_last, last)}
    return errors | {name: difference(f, w) for name, f, w in zip(NAMES, found, wanted, strict=True)}


@pytest.mark.parametrize("gated", [False, True], ids=["fixed", "gated"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, gated, device, small, poisoned):
    errors = compare(inputs(size, gated), device)
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 1.5e-2)]
)
def test_precisions(dtype, tolerance, device, small, poisoned, rounding):
    errors = compare(inputs(ODD, gated=True), device, dtype)
    assert max(errors.values()) < tolerance, errors


@pytest.mark.parametrize("heard", ["output", "last"])
def test_one_gradient_alone(heard, device, small, poisoned):
    errors = compare(inputs(ODD, gated=True), device, heard=(heard,))
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_plan_for_a_dtype(dtype, device, poisoned):
    errors = compare(inputs((1, 67, 1, 4, 4), gated=False), device, dtype)
    assert max(errors.values()) < (1e-13 if dtype == torch.float64 else 1e-5), errors


def test_extreme_decays(device, small, poisoned):
    """Tokens that keep everything, nothing, and a little less than everything behind tokens that keep nothing."""
    exact = inputs((1, 32, 3, 4, 4), gated=True)
    exact[3][:, :, 0] = 0.0
    exact[3][:, :, 1] = -60.0
    exact[3][:, :12, 2], exact[3][:, 12:, 2] = -60.0, -1 / 1024 - 1 / 4096
    for dtype, tolerance in ((torch.float64, 1e-13), (torch.float32, 1e-6)):
        errors = compare(exact, device, dtype)
        assert max(errors.values()) < tolerance, errors


def test_decay_to_nothing(device, small, poisoned):
    query, key, value, log_decay, state = inputs(ODD, gated=True)
    log_decay[:, 5] = -torch.inf
    low = [t.to(device) for t in (query, key, value, log_decay, state)]
    output, last, found = run(torch.ones_like(low[2]), None, low)
    wanted, wanted_last = reference.memory(query, key, value, log_decay, state=state)
    assert difference(output, wanted) < 1e-13 and difference(last, wanted_last) < 1e-13
    assert all(t.isfinite().all() for t in found) and (found[3][:, 5].abs() < 1e-13).all()


def test_as_the_memory(device, small):
    leaves = [t.to(device).requires_grad_() for t in inputs(ODD, gated=False)]

    def everything(memory, **impl):
        output, last = memory(*leaves[:4], state=leaves[4], **impl)
        return output, last, *torch.autograd.grad(output.sin().sum() + last.sin().sum(), leaves)

    found, expected = everything(astrocyte_memory, impl="triton"), everything(reference.memory)
    for one, other in zip(found, expected, strict=True):
        assert difference(one, other.cpu()) < 1e-12


def test_not_a_number_is_not_hidden(device, small):
    exact = [t.to(device) for t in inputs(ODD, gated=True)]
    for name in range(4):
        spoilt = [t.clone() for t in exact]
        spoilt[name][0, 3, 0] = float("nan")
        output, _, _ = kernels.forward(*spoilt[:4], None, spoilt[4])
        assert output[0, 3, 0].isnan().all() and output[:, :, 1].isfinite().all()


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="query: got a tensor on cpu"):
        run(None, None, inputs(ODD, gated=True))
