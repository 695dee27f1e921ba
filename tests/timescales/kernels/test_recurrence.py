"""The kernel for a CPU against the equations in float64: values, the gradients of every parameter; and bad input."""

import math

import pytest
import torch
from agreement import assert_same
from leaky_networks import ACTIVATIONS, everything, network
from refusals import refused

from brainlib.timescales.kernels import compiled, recurrence
from brainlib.timescales.kernels.recurrence import leaky_recurrence

SIZES = [(1, 1, 1), (1, 5, 7), (2, 1, 37), (13, 3, 16), (300, 3, 21), (6, 2 * compiled.ROWS + 1, 33)]  # T, B, n


def compare(inputs, **form):
    found, expected = (everything(recurrence, inputs, impl=impl, **form) for impl in ("compiled", "reference"))
    assert_same(found, expected, 1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_values_and_gradients_are_those_of_the_equations(size, inside, activation, poisoned):
    compare(network(*size), inside=inside, activation=activation)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inside", [True, False])
def test_single_precision_is_near_double(inside, activation):
    inputs, form = network(40, 19, 70), {"inside": inside, "activation": activation}
    found = everything(recurrence, [tensor.float() for tensor in inputs], **form)
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    rounded = [tensor.float().double() for tensor in inputs]
    assert_same(found, everything(recurrence, rounded, impl="reference", **form), 2e-5)


@pytest.mark.parametrize("reads", [{"from_states": False}, {"from_last": False}])
@pytest.mark.parametrize("inside", [True, False])
def test_a_loss_may_read_the_states_or_the_last_alone(inside, reads):
    compare(network(9, 4, 11), inside=inside, **reads)


def test_silent_units_stay_silent_on_the_way_back():
    """Outside, a relu's zero is recovered from two states: exactly, or half of the silent units would learn."""
    bits, h0, weight, input_weight, bias, leak = network(30, 33, 50, torch.float32)
    bias.fill_(-100.0)
    found = everything(recurrence, [bits, h0, weight, input_weight, bias, leak], inside=False, activation="relu")
    assert found["last"].abs().max() > 0
    for name in ("d_weight", "d_input_weight", "d_bias"):
        assert not found[name].any()


@pytest.mark.parametrize(("which", "factor"), [(2, 1e4), (5, 1e-6)], ids=["saturated", "a memory of a million steps"])
@pytest.mark.parametrize("inside", [True, False])
def test_extreme_inputs(inside, which, factor):
    inputs, form = network(10, 4, 9), {"inside": inside, "activation": "tanh"}
    inputs[which] *= factor
    found = everything(recurrence, inputs, **form)
    for name, wanted in everything(recurrence, inputs, impl="reference", **form).items():
        torch.testing.assert_close(found[name], wanted, rtol=1e-9, atol=1e-9 * max(1, float(wanted.abs().max())))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inside", [True, False])
def test_what_is_not_a_number_stays_in_its_sequence(inside, activation):
    inputs, form = network(5, 2 * compiled.ROWS, 9), {"inside": inside, "activation": activation}
    expected, _ = recurrence(*inputs, **form)
    inputs[1][3] = math.nan
    states, last = recurrence(*inputs, **form)
    others = torch.arange(2 * compiled.ROWS) != 3
    assert states[:, 3].isnan().all() and last[3].isnan().all()
    assert states[:, others].equal(expected[:, others])


def test_many_slabs():
    compare(network(4, 2 * compiled.SLAB + 5, 6))


@pytest.mark.parametrize("inside", [True, False])
def test_the_number_of_threads_changes_nothing(inside, with_threads):
    inputs = network(6, 5 * compiled.ROWS + 2, 20)
    one, two = with_threads(lambda: everything(recurrence, inputs, inside=inside))
    assert one["states"].equal(two["states"]) and one["d_h0"].equal(two["d_h0"])
    assert_same(one, two, 1e-13)  # a product over all sequences may be summed in another order


@pytest.mark.parametrize("inside", [True, False])
def test_the_operation_keeps_torchs_rules(inside):
    bits, *leaves = network(3, 2, 5)
    leaves = (tensor.requires_grad_() for tensor in leaves)
    torch.library.opcheck(leaky_recurrence.compiled, (bits, *leaves, inside, "leaky_relu", "compiled"))


def test_inputs_may_be_views():
    inputs = network(6, 4, 5)
    views = [torch.stack((tensor, tensor), -1)[..., 0] for tensor in inputs]
    assert not any(view.is_contiguous() for view in views)
    assert recurrence(*views)[0].equal(recurrence(*inputs)[0])


def test_bad_input(unchecked):
    bits, h0, weight, *rest = network(3, 2, 4)
    refused("bits: got a tensor that requires a gradient", recurrence, bits.clone().requires_grad_(), h0, weight, *rest)
    refused(r"bits: got shape \(3, 1\), expected \(3, 2\)", recurrence, bits[:, :1], h0, weight, *rest)
    refused(r"weight: got shape \(3, 4\), expected \(4, 4\)", recurrence, bits, h0, weight[:3], *rest)
    refused("input_weight: got torch.float32", recurrence, bits, h0, weight, rest[0].float(), *rest[1:])
    refused("activation: got 'swish'", recurrence, bits, h0, weight, *rest, activation="swish")
    refused("impl: got 'gpu'", recurrence, bits, h0, weight, *rest, impl="gpu")
