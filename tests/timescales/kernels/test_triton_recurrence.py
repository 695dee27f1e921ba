"""The Triton kernels against the equations in float64: values and every gradient."""

import pytest
import torch
from agreement import difference

pytest.importorskip("triton")

from leaky_networks import everything, network

from brainlib.timescales.kernels import recurrence
from brainlib.timescales.kernels import triton as kernels
from brainlib.timescales.kernels.recurrence import leaky_recurrence
from brainlib.timescales.kernels.triton import Plan

TOGETHER, APART = Plan(4, 16, 4, True), Plan(16, 16, 4, False)
SIZES = {  # time, batch, units
    "one of everything": (1, 1, 1),
    "one step": (1, 5, 20),
    "one sequence": (4, 1, 33),
    "odd": (4, 5, 37),
    "fours": (3, 6, 36),
}


def compare(size, device, tolerance=1e-5, dtype=torch.float32, **form):
    """States and gradients, and what the equations give for the same numbers in float64."""
    inputs = [tensor.to(dtype) for tensor in network(*size)]
    found = everything(recurrence, [tensor.to(device) for tensor in inputs], impl="triton", **form)
    for name, wanted in everything(recurrence, [t.double() for t in inputs], impl="reference", **form).items():
        assert difference(found[name], wanted) < tolerance, name


@pytest.fixture(params=[TOGETHER, APART], ids=["all steps together", "step by step"])
def cut(request, monkeypatch):
    monkeypatch.setattr(kernels, "plan", lambda *sizes: request.param)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, inside, device, cut, poisoned):
    compare(size, device, inside=inside)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_activations(activation, inside, device, cut, poisoned):
    compare(SIZES["odd"], device, inside=inside, activation=activation)


@pytest.mark.parametrize("reads", [{"from_states": False}, {"from_last": False}])
def test_one_gradient_alone(reads, device, cut, poisoned):
    for inside in (True, False):
        compare(SIZES["fours"], device, inside=inside, **reads)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_float64(inside, device, cut, poisoned):
    compare(SIZES["odd"], device, 1e-13, torch.float64, inside=inside)


@pytest.mark.parametrize("size", [(3, 5, 150), (3, 5, 260)], ids=["two tiles of a program", "a launch a step"])
def test_the_plan_for_a_size(size, device, poisoned):
    compare(size, device)


def test_every_sequence_and_unit_has_its_program():
    for batch in (1, 64, 600):
        for units in (1, 100, 256, 257, 500):
            for cut in (kernels.plan(batch, units), kernels.plan(batch, units, captured=True)):
                slabs, tiles = cut.grid(batch, units)
                assert 0 <= slabs * cut.rows - batch < cut.rows
                assert tiles == 1 if cut.together else 0 <= tiles * cut.columns - units < cut.columns
                assert sum(steps for _, steps in cut.launches(7)) == 7


def test_as_one_operation(device):
    bits, *leaves = (tensor.to(device) for tensor in network(2, 3, 5))
    leaves = [tensor.requires_grad_() for tensor in leaves]
    torch.library.opcheck(leaky_recurrence.compiled, (bits, *leaves, True, "leaky_relu", "triton"))


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh"])
def test_not_a_number_is_not_hidden(activation, device):
    inputs = [tensor.to(device, torch.float32) for tensor in network(*SIZES["odd"])]
    inputs[1][4, 0] = float("nan")
    states, _ = recurrence(*inputs, activation=activation, impl="triton")
    assert states[:, 4].isnan().all() and states[:, :4].isfinite().all()


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="h0: got a tensor on cpu"):
        recurrence(*network(2, 2, 2), impl="triton")
