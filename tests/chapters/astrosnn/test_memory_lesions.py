import pytest
import torch

from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from chapters.astrosnn.lesions import after_lesion, by_pair, emptied, lesioned, with_units
from chapters.astrosnn.tasks import associative_recall

TOKENS, TARGETS = associative_recall(3, keys=4, values=4).draw(8, torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return AstroSNN(AstroSNNConfig(layers=2, dim=8, heads=2, vocab=8, outputs=4)).double()


def test_no_lesion_changes_nothing(model):
    whole = model(TOKENS)[0]
    for at in (1, 4, 8):
        torch.testing.assert_close(lesioned(model, TOKENS, at, "none"), whole[:, at:])


def test_emptying_takes_the_whole_part_and_nothing_else(model):
    state = model(TOKENS)[2]
    for name, other in (("memory", "membrane"), ("membrane", "memory")):
        for before, after in zip(state.blocks, emptied(state, name).blocks, strict=True):
            assert bool((getattr(after.mixer, name) == 0).all()) and bool((getattr(before.mixer, name) != 0).any())
            assert torch.equal(getattr(after.mixer, other), getattr(before.mixer, other))
            assert torch.equal(after.previous, before.previous)


def test_single_heads_can_be_emptied(model):
    state = model(TOKENS)[2]
    for before, after in zip(state.blocks, emptied(state, "memory", [1]).blocks, strict=True):
        assert torch.equal(after.mixer.memory[:, 0], before.mixer.memory[:, 0])
        assert bool((after.mixer.memory[:, 1] == 0).all())


def test_a_frozen_astrocyte_holds_what_it_held(model):
    logits = lesioned(model, TOKENS, 4, "frozen")
    state = before = model(TOKENS[:, :4])[2]
    for token, answer in zip(TOKENS[:, 4:].unbind(1), logits.unbind(1), strict=True):
        expected, state = model.step(token, state)  # the token itself is still written, and read at once
        torch.testing.assert_close(answer, expected)
        units = zip(state.blocks, before.blocks, strict=True)
        held = [block.mixer._replace(memory=old.mixer.memory) for block, old in units]
        state = with_units(state, held)
    assert not torch.allclose(logits, model(TOKENS)[0][:, 4:])


def test_accuracy_by_pair_is_that_of_the_whole(model):
    pairs = by_pair(model, [(TOKENS, TARGETS)], 3, 4, "astrocyte")
    assert len(pairs) == 3
    assert sum(pairs) / 3 == pytest.approx(after_lesion(model, [(TOKENS, TARGETS)], 4, "astrocyte"))
