"""The memory as an operation of torch: its rules, views, narrow numbers, bad input."""

import pytest
import torch
from astrocyte_memories import FORMS, KINDS, NAMES, everything, memory

from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.kernels.memory import memory as operation

SMALL = (2, 3, 2, 2, 3)


@pytest.mark.parametrize("kind", ["fixed", "gated delta"])
def test_the_operation_keeps_torchs_rules(kind):
    found = memory(kind, SMALL)
    tensors = [None if name not in found else found[name].requires_grad_() for name in NAMES]
    torch.library.opcheck(operation.memory.compiled, (*tensors, "cpu"))


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_may_be_views_and_are_left_as_they_were(kind):
    inputs = memory(kind, (2, 7, 3, 4, 5))
    views = {name: torch.stack((tensor, tensor), -1)[..., 0] for name, tensor in inputs.items()}
    before = {name: tensor.clone() for name, tensor in views.items()}
    for form in FORMS.values():
        found, expected = (everything(astrocyte_memory, given, **form) for given in (views, inputs))
        assert all(tensor.equal(expected[name]) for name, tensor in found.items())
        assert all(tensor.equal(before[name]) for name, tensor in views.items())


def test_narrow_numbers_are_computed_in_single_precision():
    exact = memory("gated delta", (2, 21, 2, 4, 5), torch.float32)
    low = {name: t.bfloat16() if name in ("query", "key", "value") else t for name, t in exact.items()}
    rounded = {name: t.to(exact[name].dtype) for name, t in low.items()}
    for form in ("recurrent", "parallel", "chunked"):
        output, last = astrocyte_memory(**low, form=form)
        wanted, wanted_last = astrocyte_memory(**rounded)
        assert output.dtype == torch.bfloat16 and last.dtype == torch.float32
        torch.testing.assert_close(output, wanted.bfloat16(), rtol=2**-7, atol=1e-5)
        torch.testing.assert_close(last, wanted_last, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: {"value": i["value"][:, :2]}, r"value: got .* \(2, 2, 2, 3\) on cpu, expected .* \(2, 3, 2, 3\)"),
        (lambda i: {"log_decay": i["log_decay"][:, :1]}, "log_decay: got "),
        (lambda i: {"write": i["write"].float()}, "write: got torch.float32 .*, expected torch.float64"),
        (lambda i: {"query": i["query"][:, :0]}, r"got \(2, 0, 2, 2\), .* expected at least one of each axis"),
        (lambda i: {"form": "serial"}, "form: got 'serial', expected one of auto, recurrent, parallel, chunked"),
        (lambda i: {"impl": "gpu"}, "impl: got 'gpu', expected one of auto, torch, cpu, triton"),
        (lambda i: {"form": "parallel", "impl": "cpu"}, "form: got 'parallel' with impl 'cpu'"),
        (lambda i: {"impl": "triton"}, "impl: got 'triton' with write, expected 'torch'"),
    ],
)
def test_bad_input(unchecked, change, message):
    inputs = memory("gated delta", SMALL)
    with pytest.raises(ValueError, match=message):
        astrocyte_memory(**inputs | change(inputs))
