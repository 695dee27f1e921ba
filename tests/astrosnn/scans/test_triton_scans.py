"""The scans' Triton kernels against the equations in float64: values and every gradient."""

import pytest
import torch

pytest.importorskip("triton")

from scan_columns import NAMES, RESETS, columns, everything

from brainlib.astrosnn.kernels import triton as kernels
from brainlib.astrosnn.kernels.lif import SURROGATES, lif_scan

pytestmark = pytest.mark.usefixtures("patched_once")

K = kernels.SEGMENT
SIZES = {  # sequences, steps, channels
    "one of everything": (1, 1, 1),
    "a step short of a segment": (2, K - 1, 5),
    "one segment": (1, K, 3),
    "three segments, odd": (2, 2 * K + 1, 13),
}
MODELS = tuple(NAMES)


def compare(model, size, device, dtype=torch.float64, tolerance=1e-12, without=(), **options):
    inputs = {n: t.to(device, dtype) for n, t in columns(model, size).items() if n not in without}
    if dtype.itemsize < 4:
        inputs = {n: t if t.ndim == 3 else t.float() for n, t in inputs.items()}
    exact = {name: tensor.double() for name, tensor in inputs.items()}
    found = everything(model, inputs, impl="triton", **options)
    for name, expected in everything(model, exact, impl="reference", **options).items():
        assert found[name].dtype == (inputs[name.removeprefix("d_")].dtype if name[:2] == "d_" else found[name].dtype)
        error = (found[name].double() - expected).abs().max() / expected.abs().max().clamp_min(1e-9)
        assert error < tolerance, (name, error)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("model", MODELS)
def test_values_and_gradients(model, size, device, poisoned):
    compare(model, size, device)


@pytest.mark.parametrize("detach", [True, False], ids=["detached", "through the reset"])
@pytest.mark.parametrize("reset", RESETS)
def test_resets(reset, detach, device, poisoned):
    for model in ("lif", "slow"):
        compare(model, (2, K + 3, 7), device, reset=reset, detach_reset=detach)


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates(surrogate, device, poisoned):
    compare("lif", (1, 9, 20), device, surrogate=surrogate, detach_reset=False)


@pytest.mark.parametrize("reads", [(1, 0, 0), (0, 1, 0)], ids=["output", "last state"])
@pytest.mark.parametrize("model", MODELS)
def test_one_gradient_alone(model, reads, device, poisoned):
    compare(model, (2, K + 3, 7), device, reads=reads)


def test_what_need_not_be_given(device, poisoned):
    compare("lif", SIZES["three segments, odd"], device, without=("astro", "state", "threshold"))


@pytest.mark.parametrize("model", MODELS)
def test_single_precision(model, device, poisoned):
    compare(model, (2, K + 3, 7), device, torch.float32, 2e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 1.6e-2)])
def test_half_precision(dtype, tolerance, device, poisoned, rounding):
    compare("lif", (2, K + 3, 7), device, dtype, tolerance)


def test_more_columns_than_a_program_has(device, poisoned, monkeypatch):
    for cut in (kernels.Cut(32, 1), kernels.Cut(128, 4)):
        monkeypatch.setattr(kernels, "plan", lambda columns, cut=cut: cut)
        compare("slow", (5, 3, 31), device)


@pytest.mark.parametrize("reset", RESETS)
def test_not_a_number_is_not_hidden(reset, device):
    inputs = {name: tensor.to(device) for name, tensor in columns("lif", (2, K + 3, 7)).items()}
    inputs["current"][1, 0, 4] = float("nan")
    spikes, last = lif_scan(**inputs, reset=reset, impl="triton")
    assert last.isnan().nonzero().tolist() == [[1, 4]] and spikes[1, :, 4].isnan().all()


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="got a tensor on cpu, expected a GPU"):
        lif_scan(torch.ones(2, 2), impl="triton")
