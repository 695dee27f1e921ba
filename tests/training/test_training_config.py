"""Configurations, states as trees, and the loss at every byte of a text that is read as streams."""

import dataclasses
import json
import math

import pytest
import torch
from refusals import refused
from tiny_run import Memory
from torch import nn
from torch.nn.functional import cross_entropy

from brainlib.training import TrainingConfig, byte_losses, learning_rate, loss_by_context
from brainlib.training.trees import leaves, pack, unpack


def test_an_unfit_field_is_named_with_what_came(unchecked):
    refused("^steps: got 0", TrainingConfig, steps=0)
    refused("^learning_rate: got nan", TrainingConfig, 10, learning_rate=math.nan)
    refused("^warmup_steps: got 11", TrainingConfig, 10, warmup_steps=11)
    refused("^decay: got 'exponential'", TrainingConfig, 10, decay="exponential")
    refused("^final_fraction: got 1.5", TrainingConfig, 10, final_fraction=1.5)
    refused("^weight_decay: got inf", TrainingConfig, 10, weight_decay=math.inf)
    refused("^betas: got", TrainingConfig, 10, betas=(0.9, 1.0))
    refused("^clip_norm: got 0.0", TrainingConfig, 10, clip_norm=0.0)
    refused("^evaluate_every: got 0", TrainingConfig, 10, evaluate_every=0)
    refused("^checkpoint_every: got 0", TrainingConfig, 10, checkpoint_every=0)
    refused("^precision: got 'float16'", TrainingConfig, 10, precision="float16")
    refused("^seed: got -1", TrainingConfig, 10, seed=-1)


def test_integers_are_numbers_and_the_config_is_frozen(unchecked):
    config = TrainingConfig(steps=1, learning_rate=1, betas=[0, 0.5], clip_norm=None)
    assert (config.learning_rate, config.betas) == (1.0, (0.0, 0.5))
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 2


def rates(**fields) -> list[float]:
    config = TrainingConfig(steps=10, learning_rate=2.0, **fields)
    return [learning_rate(config, step) for step in range(1, 11)]


def test_constant():
    assert rates() == [2.0] * 10
    assert rates(warmup_steps=4) == [0.5, 1.0, 1.5] + [2.0] * 7


def test_linear_ends_at_the_final_fraction():
    expected = [1.0, 2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6, 0.4]
    assert rates(warmup_steps=2, decay="linear", final_fraction=0.2) == pytest.approx(expected, rel=1e-12)


def test_cosine_is_half_way_in_the_middle_and_ends_at_the_final_fraction():
    values = rates(warmup_steps=2, decay="cosine", final_fraction=0.1)
    assert values[:2] == [1.0, 2.0]
    assert values[5] == pytest.approx(2.0 * 0.55, rel=1e-12)
    assert values[9] == pytest.approx(0.2, rel=1e-12)
    assert values[1:] == sorted(values[1:], reverse=True)


CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "tree",
    [
        None,
        torch.arange(3),
        (torch.ones(2), None, [torch.zeros(1, dtype=torch.bfloat16)]),
        {"b": torch.ones(1), "a": {"nested": (torch.ones(()),)}},
        Memory(7, torch.randn(2, 3, generator=torch.Generator().manual_seed(0))),
        (True, -3, 0.1, ()),
    ],
)
def test_pack_and_unpack_are_inverse(tree):
    tensors = []
    layout = json.loads(json.dumps(pack(tree, tensors)))
    again = unpack(layout, tensors, CPU)
    assert type(again) is type(tree)
    assert repr(again) == repr(tree)
    assert all(map(torch.equal, leaves(again, "again"), leaves(tree, "tree")))


@pytest.mark.parametrize("address", ["os:system", "builtins:eval", "nowhere:Memory", "tiny_run:TinyModel", "tiny_run:"])
def test_only_loaded_named_tuples_are_rebuilt(address):
    with pytest.raises(ValueError, match="not loaded"):
        unpack({address: []}, [], CPU)


class Counter(nn.Module):
    """Its logits depend on all bytes read since the state began: on their sum."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(7, 256, generator=torch.Generator().manual_seed(0)))

    def forward(self, tokens, state=None):
        total = tokens.cumsum(1) + (0 if state is None else state)
        return self.table[total % 7], None, total[:, -1:]


@pytest.mark.parametrize("length", [1, 4, 9, 100])
def test_every_byte_is_judged_with_all_that_came_before_it(length):
    model = Counter().train()
    text = torch.randint(256, (53,), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    losses = byte_losses(model, text, batch=2, length=length)
    assert losses.shape == (2, 26) and losses[:, 0].isnan().all() and not losses[:, 1:].isnan().any()
    for row, part in zip(losses, text[:52].long().view(2, 26), strict=True):
        logits = model.table[part.cumsum(0)[:-1] % 7]
        torch.testing.assert_close(row[1:], cross_entropy(logits, part[1:], reduction="none").detach())
    assert model.training


def test_context_is_what_stood_before_the_judged_bytes():
    model = Counter()
    text = torch.randint(256, (161,), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    found = loss_by_context(model, text, 8, [8, 32])
    windows = text[24:].unfold(0, 17, 8).long()  # they begin where the longest context leaves 8 bytes
    with torch.no_grad():
        logits = model(windows[:, :-1])[0]
        expected = cross_entropy(logits[:, 8:].mT, windows[:, 9:])
    torch.testing.assert_close(found[0], expected)


def test_bad_arguments_are_named():
    text = torch.zeros(10, dtype=torch.uint8)
    refused("batch: got 0", byte_losses, Counter(), text, batch=0, length=3)
    refused("length: got 0", byte_losses, Counter(), text, batch=2, length=0)
    refused("tokens: got 10 bytes, expected at least 12 for 6 parts", byte_losses, Counter(), text, batch=6, length=3)


def test_a_text_too_short_for_its_contexts_is_named():
    refused("text: got 16 bytes", loss_by_context, Counter(), torch.zeros(16, dtype=torch.uint8), 4, [2, 8])
    refused("contexts: got none", loss_by_context, Counter(), torch.zeros(99, dtype=torch.uint8), 4, [])
