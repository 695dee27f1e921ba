"""The Triton kernels against the equations in float64: values and every gradient."""

import pytest
import torch
from agreement import difference

pytest.importorskip("triton")

from brainlib.timescales.kernels import recurrence, reference
from brainlib.timescales.kernels import triton as kernels
from brainlib.timescales.kernels.recurrence import leaky_recurrence
from brainlib.timescales.kernels.triton import Plan

NAMES = "d_h0", "d_weight", "d_input_weight", "d_bias", "d_leak"
TOGETHER, APART = Plan(4, 16, 4, True), Plan(16, 16, 4, False)
SIZES = {  # time, batch, units
    "one of everything": (1, 1, 1),
    "one step": (1, 5, 20),
    "one sequence": (4, 1, 33),
    "odd": (4, 5, 37),
    "fours": (3, 6, 36),
}


def inputs(T, B, n, device="cpu", dtype=torch.float64):
    """bits, h0, weight, input_weight, bias and leak, some of the leaks 1."""
    g = torch.Generator().manual_seed(100 * T + 10 * B + n)

    def normal(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=g, dtype=torch.float64)

    bits = (torch.rand(T, B, generator=g) < 0.5).double()
    leak = 1 / (1 + 2 * torch.rand(n, generator=g, dtype=torch.float64))
    leak[::3] = 1.0
    tensors = bits, normal(B, n), normal(n, n, scale=0.5 * n**-0.5), normal(n), normal(n), leak
    return [tensor.to(device, dtype) for tensor in tensors]


def compare(size, device, inside=True, activation="leaky_relu", heard=("states", "last"), dtype=torch.float32):
    """Relative differences of the states and of all gradients by name."""
    exact = inputs(*size)
    leaves = [tensor.requires_grad_() for tensor in exact[1:]]
    states, last = reference.recurrence(*exact, inside, activation)
    g = torch.Generator().manual_seed(0)
    d_states, d_last = (torch.randn(t.shape, generator=g, dtype=torch.float64) for t in (states, last))
    total = (states * d_states).sum() * ("states" in heard) + (last * d_last).sum() * ("last" in heard)
    wanted = torch.autograd.grad(total, leaves)

    low = [tensor.detach().to(device, dtype) for tensor in exact]
    gradients = [d.to(device, dtype) if n in heard else None for d, n in ((d_states, "states"), (d_last, "last"))]
    found = kernels.forward(*low, inside, activation)
    errors = {"states": difference(found, states)}
    found = kernels.backward(*gradients, *low, found, inside, activation)
    return errors | {name: difference(f, w) for name, f, w in zip(NAMES, found, wanted, strict=True)}


@pytest.fixture(params=[TOGETHER, APART], ids=["all steps together", "step by step"])
def cut(request, monkeypatch):
    monkeypatch.setattr(kernels, "plan", lambda *sizes: request.param)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_values_and_gradients(size, inside, device, cut, poisoned):
    errors = compare(size, device, inside)
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_activations(activation, inside, device, cut, poisoned):
    errors = compare(SIZES["odd"], device, inside, activation)
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("heard", ["states", "last"])
def test_one_gradient_alone(heard, device, cut, poisoned):
    for inside in (True, False):
        errors = compare(SIZES["fours"], device, inside, heard=(heard,))
        assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_float64(inside, device, cut, poisoned):
    errors = compare(SIZES["odd"], device, inside, dtype=torch.float64)
    assert max(errors.values()) < 1e-13, errors


@pytest.mark.parametrize("size", [(3, 5, 150), (3, 5, 260)], ids=["two tiles of a program", "a launch a step"])
def test_the_plan_for_a_size(size, device, poisoned):
    errors = compare(size, device)
    assert max(errors.values()) < 1e-5, errors


def test_every_sequence_and_unit_has_its_program():
    for batch in (1, 64, 600):
        for units in (1, 100, 256, 257, 500):
            for cut in (kernels.plan(batch, units), kernels.plan(batch, units, captured=True)):
                slabs, tiles = cut.grid(batch, units)
                assert 0 <= slabs * cut.rows - batch < cut.rows
                assert tiles == 1 if cut.together else 0 <= tiles * cut.columns - units < cut.columns
                assert sum(steps for _, steps in cut.launches(7)) == 7


def test_as_one_operation(device):
    exact = inputs(2, 3, 5, device)
    leaves = [tensor.requires_grad_() for tensor in exact[1:]]

    def everything(impl):
        states, last = recurrence(*exact, impl=impl)
        return states, last, *torch.autograd.grad(states.square().sum() + last.sin().sum(), leaves)

    for found, expected in zip(everything("triton"), everything("reference"), strict=True):
        assert difference(found, expected.cpu()) < 1e-12
    torch.library.opcheck(leaky_recurrence.compiled, (*exact, True, "leaky_relu", "triton"))


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh"])
def test_not_a_number_is_not_hidden(activation, device):
    exact = inputs(*SIZES["odd"], device, torch.float32)
    exact[1][4, 0] = float("nan")
    states = kernels.forward(*exact, True, activation)
    assert states[:, 4].isnan().all() and states[:, :4].isfinite().all()


def test_a_cpu_without_the_interpreter_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.knobs.runtime, "interpret", False)
    with pytest.raises(ValueError, match="h0: got a tensor on cpu"):
        kernels.forward(*inputs(2, 2, 2), True, "relu")
