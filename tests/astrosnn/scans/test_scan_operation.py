"""The scans as one operation of torch: its rules, function transforms, bad input."""

import math

import pytest
import torch
from scan_columns import NAMES, columns, scan

from brainlib.astrosnn.kernels import scan as operation
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import wkv

SCANS = {"lif": lif_scan, "slow": slow_scan, "wkv": wkv}


@pytest.mark.parametrize(("model", "rates", "states"), [("lif", 2, 1), ("slow", 4, 2), ("wkv", 2, 2)])
def test_the_operation_keeps_torchs_rules(model, rates, states):
    first, second = torch.rand(2, 2, 9, 5, dtype=torch.float64)
    tensors = first, second, torch.rand(rates, 5).double(), torch.rand(states, 2, 5).double()
    tensors = [None if model == "slow" and t is second else t.requires_grad_() for t in tensors]
    torch.library.opcheck(operation.scan.compiled, (model, *tensors, "soft", "atan", 2.0, False, "cpu"))


def test_function_transforms_are_refused_by_name(unchecked):
    current = columns("lif")["current"]
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(RuntimeError, match=r"brainlib::scan: got a transform of torch\.func"):
            transform(lambda one: lif_scan(one)[0].sum())(current)


def test_half_precision_keeps_its_membrane_in_single():
    inputs = columns("lif", dtype=torch.float32)
    inputs |= {name: inputs[name].bfloat16() for name in ("current", "astro")}
    spikes, last = scan("lif", inputs, impl="reference")
    assert spikes.dtype == torch.bfloat16 and last.dtype == torch.float32
    with pytest.raises(ValueError, match="current: got torch"):
        scan("lif", inputs)


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        ("lif", lambda i: {"current": i["current"][:, :0]}, "current: got .* expected at least one step"),
        ("lif", lambda i: {"astro": i["astro"][:, 1:]}, r"astro: got .* \(2, 8, 5\) on cpu, expected .* \(2, 9, 5\)"),
        ("lif", lambda i: {"beta": -0.1}, "beta: got -0.1, expected a number from 0 to 1"),
        ("lif", lambda i: {"threshold": math.nan}, "threshold: got nan, expected a positive number"),
        ("lif", lambda i: {"reset": "slow"}, "reset: got 'slow', expected one of hard, soft, none"),
        ("lif", lambda i: {"surrogate": "step"}, "surrogate: got 'step', expected one of atan"),
        ("lif", lambda i: {"impl": "gpu"}, "impl: got 'gpu', expected one of auto, reference, cpu, triton"),
        ("lif", lambda i: {"time_dim": 3}, "time_dim: got 3, expected an axis of current's shape"),
        ("slow", lambda i: {"state": (i["membrane"][:1], i["calcium"])}, r"state\[0\]: got .* \(1, 5\)"),
        ("wkv", lambda i: {"bonus": i["bonus"].float()}, "bonus: got torch.float32"),
    ],
)
def test_bad_input(unchecked, model, change, message):
    inputs = columns(model)
    given = {name: inputs[name] for name in NAMES[model] if name not in ("membrane", "calcium", "mean", "log_weight")}
    with pytest.raises(ValueError, match=message):
        SCANS[model](**given | change(inputs))
