"""Cipher languages say the same in other words, and each rule of credit sends gradients along its own paths."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation
from chapters.bdh import ciphers, surgery
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


def test_a_bigram_model_of_the_grammar_pays_its_entropy():
    assert ciphers.bigram_loss(TOY) == pytest.approx(ciphers.entropy(TOY), abs=0.01)
    assert ciphers.entropy(replace(TOY, length=1)) == pytest.approx(math.log(TOY.meanings))
    assert ciphers.entropy(surgery.LARGE) == pytest.approx(2.45, abs=0.005)  # as the claims' reasons say


def tiny(layers: int) -> tuple[BDH, torch.Tensor, torch.Tensor]:
    """A model, tokens and the token after each."""
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers, 8, 2, 16, TOY.vocab, 0.0)).double()
    tokens = ciphers.rows(TOY, (0, 1), 2, 2, torch.Generator().manual_seed(0)).tokens
    return model, tokens[:, :-1], tokens[:, 1:]


def gradient(model: BDH, loss: torch.Tensor) -> torch.Tensor:
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, list(model.parameters()))])


def test_gradients_go_along_the_paths_of_a_rule():
    model, *batch = tiny(layers=2)
    losses = {name: loss_along(model, *batch, paths) for name, paths in RULES.items()}
    gradients = {name: gradient(model, loss) for name, loss in losses.items()}
    for name, loss in losses.items():
        torch.testing.assert_close(loss, model(*batch)[1])
        others = [other for rule, other in gradients.items() if rule != name]
        assert all((gradients[name] - other).abs().max() > 1e-6 for other in others)
    for name, bptt in (("through time", True), ("present only", False)):
        own = gradient(model, model(*batch, bptt=bptt)[1])
        torch.testing.assert_close(gradients[name], own, rtol=1e-9, atol=1e-12)


def test_three_factors_need_only_a_trace_of_the_past():
    """Of one layer: what its Dx owes to keys, collected while reading, and what it owes to the present."""
    model, tokens, targets = tiny(layers=1)
    found = torch.autograd.grad(loss_along(model, tokens, targets, RULES["three factors"]), model.decoder_x)[0]
    present = torch.autograd.grad(loss_along(model, tokens, targets, ()), model.decoder_x)[0]
    time = tokens.shape[1]
    rope = rotation(model.frequencies, 0, time, torch.float64)
    v = norm(model.embedding[tokens])[:, None].detach()
    x = (v @ model.decoder_x).relu().detach()
    q = rotate(x, rope)
    heard = (torch.tril(q @ q.mT, -1) @ v).requires_grad_()
    y = (norm(heard) @ model.decoder_y).relu() * x
    logits = norm(v[:, 0] + norm(torch.einsum("bhtk,hkd->btd", y, model.encoder))) @ model.readout
    error = torch.autograd.grad(cross_entropy(logits.flatten(0, 1), targets.flatten()), heard)[0]
    traced, traces = torch.zeros_like(found), [0.0, 0.0]
    turns = [part.repeat_interleave(2, -1) for part in (rope.real, rope.imag)]
    queries = q, torch.stack((q[..., 1::2], -q[..., ::2]), -1).flatten(-2)
    for t in range(time):
        if t:
            for query, trace in zip(queries, traces, strict=True):
                traced += torch.einsum("bhk,bhkde,bhe->hdk", query[:, :, t], trace, error[:, :, t])
        new = torch.einsum("bhk,bd,be->bhkde", (x[:, :, t] > 0).double(), v[:, 0, t], v[:, 0, t])
        traces = [trace + turn[t, :, None, None] * new for trace, turn in zip(traces, turns, strict=True)]
    torch.testing.assert_close(found, present + traced)
    assert traced.abs().max() > 1e-6
