"""The scans as one operation of torch: what the compiler sees, function transforms, bad input."""

import inspect
import math
import subprocess
import sys

import pytest
import torch
from scan_columns import NAMES, columns, scan

from brainlib.astrosnn.kernels import scan as operation
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import wkv

SCANS = {"lif": lif_scan, "slow": slow_scan, "wkv": wkv}
unchecked = {name: inspect.unwrap(function) for name, function in SCANS.items()}  # under the tests' annotation check


@pytest.mark.parametrize(("model", "rates", "states"), [("lif", 2, 1), ("slow", 4, 2), ("wkv", 2, 2)])
def test_the_operation_keeps_torchs_rules(model, rates, states):
    first, second = torch.rand(2, 2, 9, 5, dtype=torch.float64)
    tensors = first, second, torch.rand(rates, 5).double(), torch.rand(states, 2, 5).double()
    tensors = [None if model == "slow" and t is second else t.requires_grad_() for t in tensors]
    torch.library.opcheck(operation.scan.compiled, (model, *tensors, "soft", "atan", 2.0, False, "cpu"))


def test_the_compiler_sees_one_operation():
    """As users have it, in a process without the tests' check of annotations, which the compiler cannot see through."""
    code = """
import torch
from brainlib.astrosnn import astrocyte_memory
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import wkv

q, d = torch.randn(2, 3, 2, 4), -torch.rand(2, 3, 2)
x, w = torch.randn(2, 9, 5, requires_grad=True), torch.rand(5, requires_grad=True)
scans = {
    "lif": lambda: lif_scan(x, beta=w, threshold=w)[0],
    "slow": lambda: slow_scan(x, w, w)[0],
    "wkv": lambda: wkv(x, x, w, w)[0],
    "memory": lambda: astrocyte_memory(q * x.sum(), q, w.sum() * q, d, torch.exp(d))[0],
}
for name, scan in scans.items():
    seen = []

    def look(graph, _):
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    results = []
    for call in (scan, torch.compile(scan, backend=look, fullgraph=True)):
        output = call()
        results.append([output, *torch.autograd.grad(output.sin().sum(), (x, w))])
    assert all(one.equal(other) for one, other in zip(*results))
    print(name, sum("brainlib" in target for target in seen))
"""
    found = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True)
    assert found.split() == ["lif", "1", "slow", "1", "wkv", "1", "memory", "1"]


def test_function_transforms_are_refused_by_name():
    current = columns("lif")["current"]
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(RuntimeError, match=r"brainlib::scan: got a transform of torch\.func"):
            transform(lambda one: unchecked["lif"](one)[0].sum())(current)


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
def test_bad_input(model, change, message):
    inputs = columns(model)
    given = {name: inputs[name] for name in NAMES[model] if name not in ("membrane", "calcium", "mean", "log_weight")}
    with pytest.raises(ValueError, match=message):
        unchecked[model](**given | change(inputs))
