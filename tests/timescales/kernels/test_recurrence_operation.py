"""The recurrence as an operation of torch: its rules, views, bad input."""

import pytest
import torch
from leaky_networks import network

from brainlib.timescales.kernels import recurrence
from brainlib.timescales.kernels.recurrence import leaky_recurrence


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


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (0, lambda t: t.requires_grad_(), "bits: got a tensor that requires a gradient"),
        (0, lambda t: t[:, :1], r"bits: got shape \(3, 1\), expected \(3, 2\)"),
        (2, lambda t: t[:3], r"weight: got shape \(3, 4\), expected \(4, 4\)"),
        (3, lambda t: t.float(), "input_weight: got torch.float32 on cpu, expected torch.float64 on cpu"),
    ],
)
def test_bad_tensors(unchecked, which, change, message):
    inputs = network(3, 2, 4)
    inputs[which] = change(inputs[which])
    with pytest.raises(ValueError, match=message):
        recurrence(*inputs)


def test_unknown_names(unchecked):
    with pytest.raises(ValueError, match="activation: got 'swish', expected one of leaky_relu, relu, tanh"):
        recurrence(*network(3, 2, 4), activation="swish")
    with pytest.raises(ValueError, match="impl: got 'gpu', expected one of auto, reference, compiled, triton"):
        recurrence(*network(3, 2, 4), impl="gpu")
