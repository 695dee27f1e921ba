"""The Triton kernels of neurons with a slow variable against the equations in float64."""

from itertools import product

import pytest
import torch

pytest.importorskip("triton")

from segment_sizes import ODD, SIZES

from brainlib.astrosnn.kernels.lif import SURROGATES
from brainlib.astrosnn.kernels.lif import triton as lif
from brainlib.astrosnn.kernels.slow import slow_scan
from brainlib.astrosnn.kernels.slow import triton as kernels
from brainlib.astrosnn.kernels.slow.scan import scan

pytestmark = pytest.mark.usefixtures("patched_once")

K = kernels.STEPS


def inputs(size, device, dtype=torch.float64):
    """current, weight (of both signs), decay, m_0 and c_1."""
    B, T, D = size
    g = torch.Generator().manual_seed(10 * T + D)
    shapes = (B, T, D), (D,), (D,), (B, D), (B, D)
    current, weight, decay, m, c = (torch.randn(s, generator=g).to(device, dtype) for s in shapes)
    return [tensor.requires_grad_() for tensor in (current + 0.4, weight, decay.sigmoid(), m, c.sigmoid())]


def compare(size, device, dtype=torch.float64, heard=(1, 1, 1), **options):
    """The largest differences of spikes, last state and all gradients from the equations, relative to the largest."""
    leaves = inputs(size, device, dtype)
    exact = [leaf.detach().double().requires_grad_() for leaf in leaves]
    options = {"beta": 0.8, "threshold": 0.9} | options
    results = []
    for impl, tensors in (("triton", leaves), ("reference", exact)):
        spikes, last = slow_scan(*tensors[:3], state=tuple(tensors[3:]), impl=impl, **options)
        outputs = spikes, *last
        weights = (torch.linspace(-1, 1, output.numel()).view_as(output).to(device) for output in outputs)
        losses = ((o.double() * w).sum() for o, w in zip(outputs, weights, strict=True))
        loss = sum(loss for loss, part in zip(losses, heard, strict=True) if part)
        gradients = torch.autograd.grad(loss, tensors, materialize_grads=True)
        results.append([tensor.detach() for tensor in (*outputs, *gradients)])
    return [
        float((found.double() - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
        for found, expected in zip(*results, strict=True)
    ]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, device, poisoned):
    errors = compare(size, device)
    assert max(errors) < 1e-12, errors


@pytest.mark.parametrize(("reset", "injection"), [*product(("hard", "soft", "none"), ("threshold", "membrane"))])
def test_resets_and_injections(reset, injection, device, poisoned):
    errors = compare((2, K + 3, 7), device, reset=reset, injection=injection)
    assert max(errors) < 1e-12, errors


@pytest.mark.parametrize("surrogate", SURROGATES)
def test_surrogates(surrogate, device, poisoned):
    errors = compare((1, 9, 20), device, surrogate=surrogate)
    assert max(errors) < 1e-12, errors


@pytest.mark.parametrize("heard", [(1, 0, 0), (0, 1, 0), (0, 0, 1)], ids=["spikes", "membrane", "slow variable"])
def test_one_gradient_alone(heard, device, poisoned):
    errors = compare((2, K + 3, 7), device, heard=heard)
    assert max(errors) < 1e-12, errors


def test_single_precision(device, poisoned):
    errors = compare((2, K + 3, 7), device, torch.float32)
    assert errors[0] == 0 and max(errors) < 2e-5, errors


def test_more_columns_than_a_program_has(device, poisoned, monkeypatch):
    for cut in (lif.Cut(32, 1), lif.Cut(128, 4)):
        monkeypatch.setattr(lif, "plan", lambda columns, cut=cut: cut)
        errors = compare((5, 3, 31), device)
        assert max(errors) < 1e-12, errors


def test_as_one_operation(device):
    options = 0.5, 1.0, "hard", "threshold", "atan", "triton"
    for test in ("test_schema", "test_faketensor"):
        torch.library.opcheck(scan.compiled, (*inputs((2, 5, 3), device), *options), test_utils=test)


def test_not_a_number_is_not_hidden(device):
    current, weight, decay, *state = (tensor.detach() for tensor in inputs(ODD, device, torch.float32))
    current[1, 0, 4] = float("nan")
    _, (m, _) = slow_scan(current, weight, decay, state=tuple(state), impl="triton")
    assert m.isnan().nonzero().tolist() == [[1, 4]]


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(lif.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="current: got a tensor on cpu"):
        slow_scan(*(tensor.detach() for tensor in inputs((1, 2, 2), "cpu")[:3]), impl="triton")
