"""What a token writes is what is in the synapses, and an edit changes what it says it changes."""

import pytest
import torch

from brainlib.bdh import BDH, BDHConfig
from chapters.bdh import recall
from chapters.bdh.recall import Facts

TOY = Facts(facts=3, keys=6, values=5)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BDH(BDHConfig(layers=2, dim=8, heads=2, neurons=16, vocab=TOY.vocab, dropout=0.0)).double().eval()


def test_facts_are_told_and_then_asked_for():
    tokens = TOY.draw(20, torch.Generator().manual_seed(0))
    told, asked = (part.view(20, 3, 2) for part in tokens.split(6, dim=1))
    for facts, questions in zip(told.tolist(), asked.tolist(), strict=True):
        assert sorted(facts) == sorted(questions) and len({key for key, _ in facts}) == 3
    assert told[..., 0].max() < TOY.keys <= told[..., 1].min()
    assert recall.answers(tokens).tolist() == [6, 8, 10]


def test_synapses_are_the_sum_of_what_is_written(model):
    tokens = TOY.draw(4, torch.Generator().manual_seed(0))[:, :6]
    keys, values = recall.writings(model, tokens)
    total = torch.einsum("lbhtk,lbtd->lbhkd", keys, values)
    torch.testing.assert_close(total, model(tokens)[2].synapses, rtol=1e-9, atol=1e-9)


def test_no_edit_changes_nothing_and_a_swap_twice_is_none(model):
    tokens = TOY.draw(4, torch.Generator().manual_seed(0))
    state = model(tokens[:, :6])[2]
    keys, values = recall.writings(model, tokens[:, :6])
    said = recall.after_edit(model, state, 0 * state.synapses, tokens)
    torch.testing.assert_close(said[:, 0], model(tokens[:, :7])[0][:, 6], rtol=1e-9, atol=1e-9)
    assert recall.swap(keys, values, 0, 1).equal(recall.swap(keys, values, 1, 0))
    erased = state.synapses + recall.erase(keys, values, 0)
    torch.testing.assert_close(
        erased,
        state.synapses - torch.einsum("lbhk,lbd->lbhkd", keys[:, :, :, 1], values[:, :, 1]),
    )


def test_an_edit_elsewhere_has_the_same_size(model):
    edit = torch.randn(2, 3, 2, 8, 8)
    other = recall.elsewhere(edit, torch.Generator().manual_seed(0))
    assert not other.equal(edit)
    assert other.norm() == pytest.approx(float(edit.norm()))
    found = recall.edit_facts(model, TOY, 8, seed=0)
    assert set(found) >= {"right", "swapped", "elsewhere: swapped", "others after the swap"}
    assert all(0 <= share <= 1 for share in found.values())
