"""Cipher languages say the same in other words, and each rule of credit sends gradients along its own paths."""

from dataclasses import replace

import pytest
import torch

from brainlib.bdh import BDH
from chapters.bdh import cipher_lessons, ciphers
from chapters.bdh.ciphers import SOURCE, TAG, TRANSLATION, CipherBatches, Ciphers
from chapters.bdh.credit import RULES, loss_along

TOY = Ciphers(languages=3, meanings=5, length=4)


def meanings(words, language):
    spelled = ciphers.dictionaries(TOY)[language]
    return (words[:, None] == spelled).int().argmax(1)


def test_a_translation_says_the_same_in_the_other_language():
    text = ciphers.rows(TOY, (0, 2), 6, 3, torch.Generator().manual_seed(0))
    assert text.tokens.shape == (6, 3 * TOY.pair_length) and text.tokens.max() < TOY.vocab
    for tokens, language, kind in zip(*text, strict=True):
        sources, translations = ((kind == what).nonzero()[:, 0].view(3, 4) for what in (SOURCE, TRANSLATION))
        for source, target in zip(sources, translations, strict=True):
            one, other = int(language[source[0]]), int(language[target[0]])
            assert {one, other} == {0, 2}
            assert meanings(tokens[source], one).equal(meanings(tokens[target], other))
        assert (tokens[kind == TAG] >= TOY.languages * TOY.meanings).all()
    assert {0, 2} == set(text.language[:, 0].tolist())  # either side comes first


def test_unmatched_translations_and_their_words_entropy():
    text = ciphers.rows(TOY, (0, 1), 200, 1, torch.Generator().manual_seed(0), matched=False)
    source, target = (text.tokens[text.kind == kind].view(-1, TOY.length) for kind in (SOURCE, TRANSLATION))
    one, other = (text.language[text.kind == kind].view(-1, TOY.length)[:, 0] for kind in (SOURCE, TRANSLATION))
    same = [meanings(a, i).equal(meanings(b, j)) for a, b, i, j in zip(source, target, one, other, strict=True)]
    assert sum(same) < 20
    assert 0 < ciphers.entropy(TOY) < torch.tensor(float(TOY.meanings)).log()


def test_verses_have_frequent_words_for_meanings_and_hold_some_out():
    verses = Ciphers(languages=2, meanings=50, length=5, text="verses")
    learned, held_out = (ciphers.verse_meanings(verses, which)[0] for which in (False, True))
    assert len(learned) > 5 * len(held_out) > 10_000
    assert (learned == 0).float().mean() > (learned == 48).float().mean()  # the most frequent word is meaning 0
    assert ciphers.sentences(verses, 7, torch.Generator().manual_seed(0)).shape == (7, 5)


def test_batches_go_on_where_they_stopped():
    first, second = (CipherBatches(TOY, ((0, 1), (0, 2)), 2, 1, seed=3) for _ in range(2))
    first.next_batch()
    second.load_state_dict(first.state_dict())
    for one, other in zip(first.next_batch(), second.next_batch(), strict=True):
        assert one.equal(other)


@pytest.mark.parametrize("rule", RULES)
def test_gradients_go_along_the_paths_of_a_rule(rule):
    torch.manual_seed(0)
    config = replace(cipher_lessons.small_bdh(TOY, dim=8, neurons=16), layers=2)
    model = BDH(config).double()
    tokens = ciphers.rows(TOY, (0, 1), 2, 2, torch.Generator().manual_seed(0)).tokens
    batch = tokens[:, :-1], tokens[:, 1:]
    gradients = {}
    for name, paths in RULES.items():
        model.zero_grad()
        loss = loss_along(model, *batch, paths)
        loss.backward()
        gradients[name] = torch.cat([weight.grad.flatten() for weight in model.parameters()])
        torch.testing.assert_close(loss, model(*batch)[1])
    others = [gradient for name, gradient in gradients.items() if name != rule]
    assert all((gradients[rule] - other).abs().max() > 1e-6 for other in others)
    if len(RULES[rule]) != 1:  # brainlib's own
        model.zero_grad()
        model(*batch, bptt=bool(RULES[rule]))[1].backward()
        own = torch.cat([weight.grad.flatten() for weight in model.parameters()])
        torch.testing.assert_close(gradients[rule], own, rtol=1e-9, atol=1e-12)
