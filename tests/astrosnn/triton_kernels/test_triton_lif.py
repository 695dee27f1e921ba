"""The scan's Triton kernels against the equations in float64: spikes, membranes and every gradient."""

import pytest
import torch

pytest.importorskip("triton")

from segment_sizes import ODD, SIZES

from brainlib.astrosnn.kernels.lif import SURROGATES, lif_scan, reference
from brainlib.astrosnn.kernels.lif import triton as kernels
from brainlib.astrosnn.kernels.lif.scan import scan
from brainlib.astrosnn.kernels.lif.surrogates import DEFAULT_SLOPES

pytestmark = pytest.mark.usefixtures("patched_once")

NAMES = "d_current", "d_astro", "d_beta", "d_state"
K = kernels.SEGMENT
CLOSE = 1e-4  # to the threshold: there rounding may decide about a spike


def inputs(size, dtype=torch.float64, device="cpu"):
    """current, astro, beta, state: with spikes in a third of the steps."""
    outer, T, N = size
    g = torch.Generator().manual_seed(10 * T + N)
    current, astro = 0.8 * torch.randn(2, outer, T, N, generator=g, dtype=torch.float64) + 0.3
    beta = torch.linspace(0.3, 0.95, N, dtype=torch.float64)
    state = torch.randn(outer, N, generator=g, dtype=torch.float64)
    return [tensor.to(torch.float32).to(dtype).to(device) for tensor in (current, astro, beta, state)]


def difference(found, expected) -> float:
    found, expected = found.detach().cpu().double(), expected.detach().cpu().double()
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def compare(
    size, device, dtype=torch.float64, reset="hard", surrogate="atan", detached=True, threshold=0.9,
    astrocyte=True, heard=("spikes", "last"),
):  # fmt: skip
    """Relative differences of spikes, the last membrane and all gradients by name."""
    current, astro, beta, state = inputs(size)
    low = [t.to(device, dtype) for t in (current, astro)] + [
        t.to(device, dtype if dtype.itemsize > 2 else torch.float32) for t in (beta, state)
    ]
    current, astro, beta, state = leaves = [t.cpu().double().requires_grad_() for t in low]
    options = surrogate, DEFAULT_SLOPES[surrogate], detached
    spikes, membranes, last = reference.scan(
        current, astro if astrocyte else None, beta, state, threshold, reset, *options
    )
    assert (membranes + astro * astrocyte - threshold).abs().min() > (0 if dtype == torch.float64 else CLOSE)
    assert 0 < spikes.mean() < 1 or spikes.numel() == 1
    g = torch.Generator().manual_seed(0)
    d_spikes, d_last = (torch.randn(t.shape, generator=g, dtype=torch.float64) for t in (spikes, last))
    d_spikes, d_last = d_spikes.to(dtype).double(), d_last.float().double()
    loss = (spikes * d_spikes).sum() * ("spikes" in heard) + (last * d_last).sum() * ("last" in heard)
    wanted = torch.autograd.grad(loss, leaves, allow_unused=True)

    if not astrocyte:
        low[1] = None
    d_spikes = d_spikes.to(device, dtype) if "spikes" in heard else None
    d_last = d_last.to(low[3]) if "last" in heard else None
    found_spikes, found_last, kept = kernels.forward(*low, threshold, reset)
    errors = {"spikes": difference(found_spikes, spikes), "last": difference(found_last, last)}
    found = kernels.backward(d_spikes, d_last, *low[:3], kept, threshold, reset, *options, True)
    assert [f.dtype for f in found] == [dtype, dtype, low[2].dtype, low[2].dtype]
    return errors | {
        name: difference(f, w) for name, f, w in zip(NAMES, found, wanted, strict=True) if w is not None
    }  # fmt: skip


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, device, poisoned):
    errors = compare(size, device)
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize("detached", [True, False], ids=["detached", "through the reset"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_resets(reset, detached, device, poisoned):
    errors = compare((2, K + 3, 7), device, reset=reset, detached=detached)
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates(surrogate, device, poisoned):
    errors = compare((1, 9, 20), device, surrogate=surrogate, detached=False)
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize("heard", ["spikes", "last"])
def test_one_gradient_alone(heard, device, poisoned):
    errors = compare((2, K + 3, 7), device, heard=(heard,), detached=False)
    assert max(errors.values()) < 1e-13, errors


def test_without_an_astrocyte(device, poisoned):
    errors = compare(ODD, device, astrocyte=False)
    assert "d_astro" not in errors and max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 1e-3), (torch.bfloat16, 8e-3)])
def test_precisions(dtype, tolerance, device, poisoned, rounding):
    errors = compare((2, K + 3, 7), device, dtype)
    assert errors["spikes"] == 0 and errors["last"] < 1e-5 and max(errors.values()) < tolerance, errors


def test_more_columns_than_a_program_has(device, poisoned, monkeypatch):
    for cut in (kernels.Cut(32, 1), kernels.Cut(128, 4)):
        monkeypatch.setattr(kernels, "plan", lambda columns, cut=cut: cut)
        errors = compare((5, 3, 31), device)
        assert max(errors.values()) < 1e-13, errors


def test_as_one_operation(device):
    current, astro, beta, state = leaves = [t.requires_grad_() for t in inputs((2, 5, 3), device=device)]

    def everything(impl):
        spikes, last = lif_scan(current, astro, beta=beta, state=state, time_dim=1, impl=impl)
        return spikes, last, *torch.autograd.grad((spikes * current.detach()).sum() + last.sin().sum(), leaves)

    for found, expected in zip(everything("triton"), everything("reference"), strict=True):
        assert difference(found, expected) < 1e-12
    for test in ("test_schema", "test_faketensor"):
        torch.library.opcheck(scan.compiled, (*leaves, 1.0, "hard", "atan", 2.0, True, "triton"), test_utils=test)


@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_not_a_number_is_not_hidden(reset, device):
    current, astro, beta, state = inputs(ODD, torch.float32, device)
    current[1, 0, 4] = float("nan")
    last = kernels.forward(current, astro, beta, state, 1.0, reset)[1]
    assert last.isnan().nonzero().tolist() == [[1, 4]]


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="current: got a tensor on cpu"):
        kernels.forward(*inputs((1, 2, 2)), 1.0, "hard")
