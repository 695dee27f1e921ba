"""The recurrence as an operation of torch: what the compiler sees, bad input."""

import inspect

import pytest
import torch
from leaky_networks import network

from brainlib.timescales.kernels import recurrence
from brainlib.timescales.kernels.recurrence import leaky_recurrence

unchecked = inspect.unwrap(recurrence)  # under the annotation check of the tests


def leaves(*size):
    bits, *others = network(*size)
    return bits, *(tensor.requires_grad_() for tensor in others)


@pytest.mark.parametrize("inside", [True, False])
def test_the_operation_keeps_torchs_rules(inside):
    torch.library.opcheck(leaky_recurrence.compiled, (*leaves(3, 2, 5), inside, "leaky_relu", "compiled"))


def test_the_compiler_sees_one_operation():
    inputs, seen = leaves(3, 2, 5), []

    def look(graph, _):
        seen.extend(node.target for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    last = torch.compile(lambda *i: unchecked(*i)[1], backend=look, fullgraph=True)(*inputs)
    torch.testing.assert_close(last, recurrence(*inputs)[1])
    assert sum("leaky_recurrence" in str(target) for target in seen) == 1


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
def test_bad_tensors(which, change, message):
    inputs = network(3, 2, 4)
    inputs[which] = change(inputs[which])
    with pytest.raises(ValueError, match=message):
        unchecked(*inputs)


def test_unknown_names():
    with pytest.raises(ValueError, match="activation: got 'swish', expected one of leaky_relu, relu, tanh"):
        unchecked(*network(3, 2, 4), activation="swish")
    with pytest.raises(ValueError, match="impl: got 'gpu', expected one of auto, reference, compiled, triton"):
        unchecked(*network(3, 2, 4), impl="gpu")
