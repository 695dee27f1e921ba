"""Three forms and a compiled loop are one function: values and every gradient, against loops in float64; bad input."""

import pytest
import torch
from agreement import assert_same
from astrocyte_memories import FORMS, KINDS, NAMES, everything, memory
from refusals import refused

from brainlib.astrosnn import reference
from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.kernels.memory import memory as dispatcher
from brainlib.astrosnn.kernels.memory.cpu import SEGMENT

EXACT = 1e-10
SIZES = {  # batch, tokens, heads, key size, value size
    "one of everything": (1, 1, 1, 1, 1),
    "whole vectors": (2, 8, 2, 8, 16),
    "odd": (2, 21, 3, 5, 11),
    "two tiles of values": (1, 5, 1, 3, 19),
    "two tiles of keys": (1, 5, 2, 19, 3),
}


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(dispatcher, "LENGTH", 8)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_is_the_loops(kind, size, poisoned):
    inputs = memory(kind, size)
    expected = everything(reference.memory, inputs)
    for form in FORMS.values():
        assert_same(everything(astrocyte_memory, inputs, **form), expected, EXACT)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_may_be_cut_anywhere(kind, form):
    inputs = memory(kind, (2, 23, 2, 4, 5))
    whole = everything(astrocyte_memory, inputs, **form)

    def in_parts(query, key, value, log_decay, write=None, state=None, **form):
        outputs = []
        for part in (slice(0, 3), slice(3, 4), slice(4, 23)):
            tokens = (t[:, part] if t is not None and t.ndim > 1 else t for t in (query, key, value, log_decay, write))
            output, state = astrocyte_memory(*tokens, state, **form)
            outputs.append(output)
        return torch.cat(outputs, 1), state

    assert_same(everything(in_parts, inputs, **form), whole, EXACT)


@pytest.mark.parametrize("heard", ["output", "last"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_may_hear_one_of_the_two(kind, heard):
    inputs = memory(kind, (2, 9, 2, 3, 4))
    expected = everything(astrocyte_memory, inputs, heard=(heard,), **FORMS["recurrent"])
    found = everything(astrocyte_memory, inputs, heard=(heard,), impl="cpu")
    expected.setdefault("d_query", torch.zeros_like(inputs["query"]))  # the last state asks nothing
    assert_same(found, expected, EXACT)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", ["gated", "gated delta"])
@pytest.mark.parametrize("lowest", [-60.0, -1e6, -torch.inf])
def test_a_gate_may_forget_everything(kind, form, lowest):
    """What came before is gone, to the last bit that float64 has; nothing overflows, and gradients stay exact."""
    inputs = memory(kind, (2, 21, 2, 4, 5))
    inputs["log_decay"][0, 3] = inputs["log_decay"][:, 9:12] = lowest
    inputs["log_decay"][1, 17, 1] = lowest
    assert_same(everything(astrocyte_memory, inputs, **form), everything(reference.memory, inputs), EXACT)
    output, _ = astrocyte_memory(**inputs, **form)
    other = {name: t if name == "log_decay" else t.clone() for name, t in inputs.items()}
    other["value"][:, :9] += 1
    torch.testing.assert_close(astrocyte_memory(**other, **form)[0][:, 9:], output[:, 9:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_without_decay_the_delta_rule_overwrites(form):
    """With eta = 1 a key answers what was last written under it, and other keys at right angles keep theirs."""
    keys, values = torch.eye(4, dtype=torch.float64), torch.randn(40, 4, 3, dtype=torch.float64)
    key = keys.repeat(40, 1)[None, :, None]
    zeros, ones = torch.zeros(1, dtype=torch.float64), torch.ones(1, 160, 1, dtype=torch.float64)
    output, last = astrocyte_memory(key, key, values.view(1, 160, 1, 3), zeros, ones, **form)
    torch.testing.assert_close(output[0, :, 0], values.view(160, 3), rtol=0, atol=1e-12)
    torch.testing.assert_close(last[0, 0], values[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_is_near_double(kind, form):
    """Also the gradient of a fast gate in a long sequence, a small number beside those whose difference it is."""
    inputs = memory(kind, (2, 6 * SEGMENT + 9, 2, 16, 16), torch.float32)
    inputs["log_decay"][..., 1] = -2.5 - inputs["log_decay"][..., 1].abs()
    found = everything(astrocyte_memory, inputs, **form)
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    expected = everything(astrocyte_memory, {name: t.double() for name, t in inputs.items()}, impl="cpu")
    assert_same(found, expected, 2e-5)
    if "gated" in kind:  # a fixed decay's gradient is itself a sum over tokens in which much cancels
        assert_same(*({"fast": f["d_log_decay"][..., 1]} for f in (found, expected)), 1e-4)


@pytest.mark.parametrize("kind", ["fixed", "gated delta"])
def test_what_is_not_a_number_stays_in_its_head(kind):
    inputs = memory(kind, (3, 12, 2, 4, 5))
    inputs["value"][1, 4, 0, 2] = torch.nan
    found = everything(astrocyte_memory, inputs, impl="cpu")
    assert found["output"][1, 4:, 0, 2].isnan().all() and found["last"][1, 0, :, 2].isnan().all()
    assert found["output"][[0, 2]].isfinite().all() and found["output"][1, :, 1].isfinite().all()
    assert found["output"][1, :4].isfinite().all() and found["d_key"][[0, 2]].isfinite().all()


def test_the_number_of_threads_changes_nothing(with_threads):
    inputs = memory("gated delta", (5, 12, 3, 4, 5))
    one, two = with_threads(lambda: everything(astrocyte_memory, inputs, impl="cpu"))
    assert all(one[name].equal(tensor) for name, tensor in two.items())


SMALL = (2, 3, 2, 2, 3)


@pytest.mark.parametrize("kind", ["fixed", "gated delta"])
def test_the_operation_keeps_torchs_rules(kind):
    found = memory(kind, SMALL)
    tensors = [None if name not in found else found[name].requires_grad_() for name in NAMES]
    torch.library.opcheck(dispatcher.memory.compiled, (*tensors, "cpu"))


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


def test_bad_input(unchecked):
    given = memory("gated delta", SMALL)

    def bad(message, **changes):
        refused(message, astrocyte_memory, **given | changes)

    bad(r"value: got .* \(2, 2, 2, 3\) on cpu, expected .* \(2, 3, 2, 3\)", value=given["value"][:, :2])
    bad("log_decay: got ", log_decay=given["log_decay"][:, :1])
    bad("write: got torch.float32 .*, expected torch.float64", write=given["write"].float())
    bad(r"got \(2, 0, 2, 2\), .* expected at least one of each axis", query=given["query"][:, :0])
    bad("form: got 'serial', expected one of auto, recurrent, parallel, chunked", form="serial")
    bad("impl: got 'gpu', expected one of auto, torch, cpu, triton", impl="gpu")
    bad("form: got 'parallel' with impl 'cpu'", form="parallel", impl="cpu")
    bad("impl: got 'triton' with write, expected 'torch'", impl="triton")
