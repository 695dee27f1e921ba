"""The stream's answers are in the stream, and without anything to carry nothing is gained."""

import torch

from brainlib.bdh import BDHConfig
from chapters.bdh import dictionaries
from chapters.bdh.dictionaries import UNASKED, Plan
from chapters.bdh.recall import Facts

TOY = Facts(keys=3, values=4)


def test_answers_are_those_of_the_dictionary_of_the_moment():
    tokens, answers = dictionaries.draw(TOY, 2, 100, 50, torch.Generator().manual_seed(0))
    for row, right in zip(tokens.tolist(), answers.tolist(), strict=True):
        for start in (0, 50):
            known = {(w - 7) // 4: (w - 7) % 4 for w in row[start : start + 50] if w >= 7}
            asked = [
                (w - 4, a) for w, a in zip(row[start : start + 50], right[start : start + 50], strict=True) if w < 7
            ]
            assert asked and all(known[key] == answer for key, answer in asked)
    assert (answers[tokens >= 7] == UNASKED).all()


def test_questions_from_before_are_about_facts_of_earlier_pieces_of_this_dictionary():
    tokens, _ = dictionaries.draw(TOY, 2, 256, 128, torch.Generator().manual_seed(0))
    found = dictionaries.from_before(TOY, tokens, 128)
    for row, kept in zip(tokens.tolist(), found.tolist(), strict=True):
        for place, word in enumerate(row):
            change, piece = place // 128 * 128, place // 64 * 64
            before, here = ({(w - 7) // 4 for w in part if w >= 7} for part in (row[change:piece], row[piece:place]))
            assert kept[place] == (word < 7 and word - 4 in before - here)
    assert found.any()


def test_a_gain_needs_a_model_that_loses_less():
    found = {f"512: taught {t}, read {r}": [2.0, 2.0] for t in dictionaries.WAYS for r in dictionaries.WAYS}
    found["512: taught carried, read begun anew"] = [9.0, 9.0]  # not the way it was taught
    assert dictionaries.gain(found, 512) == 0
    assert dictionaries.gain(found | {"512: taught carried, read carried": [1.5, 0.5]}, 512) == 1
    better = {"512: taught begun anew, read carried": [1.0, 1.0]}  # its better reading counts
    assert dictionaries.gain(found | better, 512) == -1


def test_the_whole_measure_at_toy_size(runs_here):
    model = BDHConfig(layers=2, dim=8, heads=2, neurons=16, vocab=TOY.vocab, dropout=0.0)
    found = dictionaries.measure(Plan(2, (1e-3,), 2, (3, 20), model, TOY), 0, device="cpu")
    assert (
        len(found["512: taught carried, read carried"]) == 7 and len(found["64: taught begun anew, read carried"]) == 1
    )
    assert len(found["planted: taught carried"]) == 2
    assert all(abs(dictionaries.gain(found, every)) < 0.1 for every in (512, 64))  # they know nothing
