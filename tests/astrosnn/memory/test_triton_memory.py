"""The memory's Triton kernels against the loops in float64: values and every gradient."""

import pytest
import torch
from agreement import difference

pytest.importorskip("triton")

from astrocyte_memories import everything, memory

from brainlib.astrosnn import astrocyte_memory, reference
from brainlib.astrosnn.kernels.memory import triton as kernels

pytestmark = pytest.mark.usefixtures("patched_once")

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


def compare(exact, device, dtype=torch.float64, tolerance=1e-13):
    """Output, last state and gradients, and what the loops give for the same numbers in float64."""
    wide = dtype if dtype.itemsize > 2 else torch.float32
    inputs = {n: t.to(dtype if n in ("query", "key", "value") else wide) for n, t in exact.items()}
    given = {name: tensor.to(device) for name, tensor in inputs.items()}
    found = everything(astrocyte_memory, given, impl="triton")
    for name, wanted in everything(reference.memory, {n: t.double() for n, t in inputs.items()}).items():
        assert found[name].dtype == (wide if name in ("last", "d_log_decay", "d_state") else dtype)
        assert difference(found[name], wanted) < tolerance, name


@pytest.mark.parametrize("kind", ["fixed", "gated"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, kind, device, small, poisoned):
    compare(memory(kind, size), device)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 1.5e-2)]
)
def test_precisions(dtype, tolerance, device, small, poisoned, rounding):
    compare(memory("gated", ODD), device, dtype, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5)])
def test_the_plan_for_a_dtype(dtype, tolerance, device, poisoned):
    compare(memory("fixed", (1, 67, 1, 4, 4)), device, dtype, tolerance)


def test_extreme_decays(device, small, poisoned):
    """Tokens that keep everything, nothing, and a little less than everything behind tokens that keep nothing."""
    exact = memory("gated", (1, 32, 3, 4, 4))
    log_decay = exact["log_decay"]
    log_decay[:, :, 1] = -60.0
    log_decay[:, :12, 2], log_decay[:, 12:, 2] = -60.0, -1 / 1024 - 1 / 4096
    for dtype, tolerance in ((torch.float64, 1e-13), (torch.float32, 1e-6)):
        compare(exact, device, dtype, tolerance)
    log_decay[:, 5] = -torch.inf
    compare(exact, device)


def test_not_a_number_is_not_hidden(device, small):
    exact = {name: tensor.to(device) for name, tensor in memory("gated", ODD).items()}
    for name in ("query", "key", "value", "log_decay"):
        spoilt = exact | {name: exact[name].clone()}
        spoilt[name][0, 3, 0] = float("nan")
        output, _ = astrocyte_memory(**spoilt, impl="triton")
        assert output[0, 3, 0].isnan().all() and output[:, :, 1].isfinite().all()
