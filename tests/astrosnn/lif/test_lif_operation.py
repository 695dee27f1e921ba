"""The scan as an operation of torch: its gradients by finite differences, what the compiler sees, bad input."""

import inspect
import math
import subprocess
import sys

import pytest
import torch
from spiking_columns import RESETS, neurons

from brainlib.astrosnn.kernels.lif import lif_scan, lif_trace
from brainlib.astrosnn.kernels.lif.scan import scan

unchecked = inspect.unwrap(lif_scan)  # under the annotation check of the tests
OPTIONS = 1.0, "hard", "atan", 2.0, True, "cpu"


def leaves(**options):
    return {name: tensor.requires_grad_() for name, tensor in neurons(**options).items()}


@pytest.mark.parametrize("reset", RESETS)
def test_gradients_at_the_membrane_are_finite_differences(reset):
    """Between spikes the membrane is smooth; the detached reset is the exact derivative there."""
    inputs = leaves()
    names = [name for name in inputs if name != "astro"]

    def last(*tensors):
        named = dict(zip(names, tensors, strict=True))
        return lif_scan(astro=inputs["astro"].detach(), reset=reset, time_dim=1, **named)[1]

    assert torch.autograd.gradcheck(last, [inputs[name] for name in names])


@pytest.mark.parametrize("astro", [True, False])
@pytest.mark.parametrize("learn_beta", [True, False])
def test_the_operation_keeps_torchs_rules(astro, learn_beta):
    inputs = leaves()
    inputs["beta"].requires_grad_(learn_beta)
    inputs["astro"] = inputs["astro"] if astro else None
    torch.library.opcheck(scan.compiled, (*inputs.values(), *OPTIONS))


@pytest.mark.parametrize("reads", [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_compiled_or_not_it_is_the_same(reads):
    inputs = leaves()
    results = []
    for spikes, last in (lif_scan(**inputs, time_dim=1), scan.compiled(*inputs.values(), *OPTIONS)[:2]):
        loss = sum(share * output.sin().sum() for share, output in zip(reads, (spikes, last), strict=True) if share)
        results.append([spikes, last, *torch.autograd.grad(loss, list(inputs.values()))])
    assert all(one.equal(other) for one, other in zip(*results, strict=True))


def test_there_are_no_second_derivatives():
    inputs = leaves()
    spikes, _ = lif_scan(**inputs, time_dim=1)
    (gradient,) = torch.autograd.grad(spikes.sum(), inputs["current"], create_graph=True)
    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        gradient.sum().backward()


def test_the_compiler_sees_one_operation():
    inputs, seen = leaves(), []

    def look(graph, _):
        seen.extend(node.target for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    compiled = torch.compile(lambda **i: unchecked(**i, time_dim=1)[0], backend=look, fullgraph=True)
    assert compiled(**inputs).equal(lif_scan(**inputs, time_dim=1)[0])
    assert sum("lif_scan" in str(target) for target in seen) == 1


def test_inputs_may_be_views_and_are_left_as_they_were():
    inputs = leaves()
    before = {name: tensor.detach().clone() for name, tensor in inputs.items()}
    views = {name: torch.stack((tensor, tensor), -1)[..., 0] for name, tensor in inputs.items()}
    assert not any(view.is_contiguous() for view in views.values())
    spikes, last = lif_scan(**views, time_dim=1)
    assert spikes.equal(lif_scan(**inputs, time_dim=1)[0])
    (spikes.sum() + last.sum()).backward()
    assert all(tensor.equal(before[name]) for name, tensor in inputs.items())


def test_a_trace_has_the_membrane_before_the_spike():
    inputs = neurons()
    spikes, membrane, last = lif_trace(**inputs, time_dim=1, threshold=0.7)
    found, end = lif_scan(**inputs, time_dim=1, threshold=0.7)
    assert spikes.equal(found) and last.equal(end)
    assert spikes.equal((membrane + inputs["astro"] >= 0.7).double())
    assert last.equal(membrane[:, -1] * (1 - spikes[:, -1]))


def test_half_precision_keeps_its_membrane_in_single():
    inputs = neurons(dtype=torch.float32)
    half = {name: tensor.bfloat16() for name, tensor in inputs.items() if name in ("current", "astro")}
    spikes, last = lif_scan(**half, beta=inputs["beta"], state=inputs["state"], time_dim=1, impl="reference")
    assert spikes.dtype == torch.bfloat16 and last.dtype == torch.float32
    with pytest.raises(ValueError, match="current: got torch"):
        lif_scan(**half, time_dim=1)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("current", lambda t: t[:, :0], r"current: got shape \(2, 0, 5\), expected at least one step of one neuron"),
        ("astro", lambda t: t[:, 1:], r"astro: got shape \(2, 8, 5\), expected \(2, 9, 5\) beside current's"),
        ("astro", lambda t: t.float(), "astro: got torch.float32 on cpu, expected torch.float64 on cpu"),
        ("state", lambda t: t[:1], r"state: got shape \(1, 5\), expected \(2, 5\) beside current's"),
        ("state", lambda t: t.to("meta"), "state: got torch.float64 on meta, expected torch.float64 on cpu"),
        ("state", lambda t: t.half(), "state: got torch.float16 on cpu, expected torch.float64 on cpu"),
        ("beta", lambda t: t[:2], r"beta: got shape \(2,\), expected \(5,\) beside current's"),
        ("beta", lambda t: t.float(), "beta: got torch.float32 on cpu, expected torch.float64 on cpu"),
        ("beta", lambda t: -0.1, "beta: got -0.1, expected a number from 0 to 1"),
    ],
)
def test_bad_tensors(name, change, message):
    inputs = neurons()
    inputs[name] = change(inputs[name])
    with pytest.raises(ValueError, match=message):
        unchecked(**inputs, time_dim=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset": "slow"}, "reset: got 'slow', expected one of hard, soft, none"),
        ({"surrogate": "step"}, "surrogate: got 'step', expected one of atan, qgate, sigmoid, fast_sigmoid"),
        ({"impl": "gpu"}, "impl: got 'gpu', expected one of auto, reference, cpu, triton"),
        ({"threshold": 0.0}, "threshold: got 0.0, expected a positive number"),
        ({"threshold": math.nan}, "threshold: got nan, expected a positive number"),
        ({"slope": -1.0}, "slope: got -1.0, expected a positive number"),
        ({"time_dim": 3}, r"time_dim: got 3, expected an axis of current's shape \(2, 9, 5\)"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        unchecked(**neurons(), **{"time_dim": 1} | options)


def test_numba_loads_when_it_is_used():
    code = "import sys, brainlib.astrosnn.kernels.lif; print({'numba', 'triton', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
