"""RWKV's running average: the sums as they stand in float64, its gradients, extremes, carried states, bad input."""

import inspect

import pytest
import torch

from brainlib.astrosnn.kernels.wkv import WKVState, wkv
from brainlib.astrosnn.kernels.wkv.scan import NOTHING, doubling, wkv_operation


def tensors(batch=2, time=13, channels=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    key, value = (torch.randn(batch, time, channels, generator=generator, dtype=dtype) for _ in range(2))
    decay = 2 * torch.rand(channels, generator=generator, dtype=dtype)
    bonus = torch.randn(channels, generator=generator, dtype=dtype)
    return [tensor.requires_grad_() for tensor in (3 * key, value, decay, bonus)]


def state(batch=2, channels=5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, channels, generator=generator, dtype=dtype).requires_grad_() for _ in range(2)]


def by_definition(key, value, decay, bonus):
    """Each token's weights written out: a softmax over k_i - (t - 1 - i) w, and u + k_t."""
    answers = []
    for t in range(key.shape[1]):
        age = torch.arange(t - 1, -1, -1, dtype=key.dtype)[:, None]
        logits = torch.cat((key[:, :t] - age * decay, (bonus + key[:, t])[:, None]), 1)
        answers.append((logits.softmax(1) * value[:, : t + 1]).sum(1))
    return torch.stack(answers, 1)


def with_gradients(function, inputs):
    """All outputs, and the gradients of a sum in which every number has another weight."""
    outputs = [function(*inputs)] if isinstance(function(*inputs), torch.Tensor) else function(*inputs)
    weights = [torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view(out.shape) for out in outputs]
    loss = sum((out * weight).sum() for out, weight in zip(outputs, weights, strict=True))
    return [*outputs, *torch.autograd.grad(loss, inputs)]


def flat(*inputs):
    y, after = wkv(*inputs[:4], WKVState(*inputs[4:]) if len(inputs) > 4 else None)
    return y, *after


@pytest.mark.parametrize("size", [(2, 13, 5), (1, 1, 1), (3, 2, 70)])
def test_it_is_the_weighted_average_that_the_paper_writes(size):
    inputs = tensors(*size)
    ours, expected = (with_gradients(each, inputs) for each in (lambda *i: wkv(*i)[0], by_definition))
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("time", [1, 2, 7, 64])
def test_torch_operations_give_the_same(time):
    inputs = [*tensors(time=time), *state()]
    for one, other in zip(with_gradients(flat, inputs), with_gradients(doubling, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_gradients_are_finite_differences():
    assert torch.autograd.gradcheck(flat, [*tensors(2, 4, 3), *state(2, 3)])


@pytest.mark.parametrize("cut", [1, 6, 12])
def test_a_text_in_two_parts_is_the_text(cut):
    inputs = tensors()

    def in_parts(key, value, decay, bonus):
        first, middle = wkv(key[:, :cut], value[:, :cut], decay, bonus)
        second, last = wkv(key[:, cut:], value[:, cut:], decay, bonus, middle)
        return torch.cat((first, second), 1), *last

    for one, other in zip(with_gradients(flat, inputs), with_gradients(in_parts, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("scale", "decay"), [(1e4, 0.5), (1.0, 0.0), (1.0, 1e4), (1e4, 0.0)])
def test_nothing_overflows(scale, decay):
    key, value, _, bonus = tensors(time=40, dtype=torch.float32)
    inputs = [leaf.detach().requires_grad_() for leaf in (scale * key, value, torch.full((5,), decay), bonus)]
    found = with_gradients(flat, inputs)
    assert all(tensor.isfinite().all() for tensor in found)
    expected = by_definition(*(leaf.double() for leaf in inputs))
    torch.testing.assert_close(found[0].double(), expected, rtol=1e-3, atol=1e-3)
    assert found[0].abs().max() <= value.abs().max() * (1 + 1e-6)


def test_the_operation_keeps_torchs_rules():
    torch.library.opcheck(wkv_operation, (*tensors(2, 4, 3), *state(2, 3), True))


def test_without_gradients_nothing_is_kept():
    inputs = [leaf.detach() for leaf in tensors()]
    *_, first, second, third = wkv_operation(*inputs, *(leaf.detach() for leaf in state()), False)
    assert not first.numel() + second.numel() + third.numel()
    assert wkv(*inputs)[0].equal(wkv(*tensors())[0])


def test_before_the_first_token_there_is_nothing():
    inputs = tensors(time=1)
    y, after = wkv(*inputs, WKVState(torch.zeros(2, 5).double(), torch.full((2, 5), NOTHING).double()))
    assert y.equal(inputs[1]) and after.mean.equal(inputs[1][:, 0]) and after.log_weight.equal(inputs[0][:, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": torch.zeros(2, 12, 5).double()}, "value: got"),
        ({"value": torch.zeros(2, 13, 5)}, "value: got .*float32"),
        ({"decay": torch.zeros(4).double()}, "decay: got"),
        ({"bonus": torch.zeros(5, device="meta").double()}, "bonus: got .*meta"),
        ({"state": WKVState(torch.zeros(3, 5).double(), torch.zeros(3, 5).double())}, "state.mean: got"),
        ({"state": WKVState(torch.zeros(2, 5).double(), torch.zeros(2, 5))}, "state.log_weight: got"),
    ],
)
def test_unfit_arguments_are_named(change, message):
    arguments = dict(zip(("key", "value", "decay", "bonus"), tensors(), strict=True))
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(wkv)(**arguments | change)  # without the tests' check of annotations
