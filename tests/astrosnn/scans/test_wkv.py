"""RWKV's running average: the sums as they stand in float64, and extremes."""

import pytest
import torch
from agreement import shares
from scan_columns import columns

from brainlib.astrosnn.kernels.wkv import wkv

NAMES = "key", "value", "decay", "bonus"


def by_definition(key, value, decay, bonus):
    """Each token's weights written out: a softmax over k_i - (t - 1 - i) w, and u + k_t."""
    answers = []
    for t in range(key.shape[1]):
        age = torch.arange(t - 1, -1, -1, dtype=key.dtype)[:, None]
        logits = torch.cat((key[:, :t] - age * decay, (bonus + key[:, t])[:, None]), 1)
        answers.append((logits.softmax(1) * value[:, : t + 1]).sum(1))
    return torch.stack(answers, 1)


@pytest.mark.parametrize("size", [(2, 13, 5), (1, 1, 1), (3, 2, 70)])
def test_it_is_the_weighted_average_that_the_paper_writes(size):
    inputs = [columns("wkv", size)[name].requires_grad_() for name in NAMES]
    results = []
    for y in (wkv(*inputs)[0], by_definition(*inputs)):
        results.append([y, *torch.autograd.grad((y * shares(y, -1, 2)).sum(), inputs)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("scale", "decay"), [(1e4, 0.5), (1.0, 0.0), (1.0, 1e4), (1e4, 0.0)])
def test_nothing_overflows(scale, decay):
    key, value, _, bonus = (columns("wkv", (2, 40, 5), dtype=torch.float32)[name] for name in NAMES)
    inputs = [leaf.requires_grad_() for leaf in (scale * key, value, torch.full((5,), decay), bonus)]
    y, state = wkv(*inputs)
    gradients = torch.autograd.grad(y.sum() + state.mean.sum() + state.log_weight.sum(), inputs)
    assert all(tensor.isfinite().all() for tensor in (y, *state, *gradients))
    expected = by_definition(*(leaf.double() for leaf in inputs))
    torch.testing.assert_close(y.double(), expected, rtol=1e-3, atol=1e-3)
    assert y.abs().max() <= value.abs().max() * (1 + 1e-6)
