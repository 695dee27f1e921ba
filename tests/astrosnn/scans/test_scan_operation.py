"""The scans as one operation of torch: finite differences, what the compiler sees, function transforms, bad input."""

import inspect
import math
import subprocess
import sys

import pytest
import torch
from scan_columns import NAMES, RESETS, columns, scan

from brainlib.astrosnn.kernels import scan as operation
from brainlib.astrosnn.kernels.lif import lif_scan, slow_scan
from brainlib.astrosnn.kernels.wkv import wkv

MODELS = tuple(NAMES)
SCANS = {"lif": lif_scan, "slow": slow_scan, "wkv": wkv}
unchecked = {name: inspect.unwrap(function) for name, function in SCANS.items()}  # under the tests' annotation check


def stacked(model):
    """Arguments of the operation itself."""
    found = list(columns(model).values())
    sequences = [*found[:1], None] if model == "slow" else found[:2]
    rates = found[1:5] if model == "slow" else found[2:4]
    order = [2, 3, 0, 1] if model == "slow" else [0, 1]
    state = torch.stack(found[5:] if model == "slow" else found[4:])
    tensors = *sequences, torch.stack([rates[i] for i in order]), state
    tensors = [t if t is None else t.requires_grad_() for t in tensors]
    return model, *tensors, "soft", "atan", 2.0, False, "cpu"


@pytest.mark.parametrize("model", MODELS)
def test_the_operation_keeps_torchs_rules(model):
    torch.library.opcheck(operation.scan.compiled, stacked(model))


@pytest.mark.parametrize("reset", RESETS)
def test_gradients_are_finite_differences_where_no_spike_is_near(reset):
    """QGate's derivative is 0 further than 1/2 from the threshold, as the step's is."""
    inputs = columns("slow", (1, 5, 3))
    inputs["current"] = 4 * inputs["current"].sign()
    inputs |= {name: inputs[name] / 10 for name in ("weight", "membrane")} | {"beta": inputs["beta"] / 3}

    def last(*tensors):
        named = dict(zip(inputs, tensors, strict=True))
        return tuple(scan("slow", named, reset=reset, surrogate="qgate")[1:])

    assert torch.autograd.gradcheck(last, [tensor.requires_grad_() for tensor in inputs.values()])


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
