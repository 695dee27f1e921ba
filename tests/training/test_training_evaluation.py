"""The loss at every byte of a text that is read as streams."""

import pytest
import torch
from refusals import refused
from torch import nn
from torch.nn.functional import cross_entropy

from brainlib.training import byte_losses, loss_by_context


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
