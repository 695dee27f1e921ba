from dataclasses import replace

import numpy as np
import pytest
import torch

from brainlib import ledger
from brainlib.arguments import seeded
from chapters.bdh import repetition
from chapters.bdh.experiments import new_model, schedule
from chapters.bdh.repetition import COPIES, MEMORISING, NEVER, PERIOD, REPEATING, REPEATS, WARM_UP, WORD


def test_pairs_of_texts_differ_after_the_first_copy_only():
    pair = {kind: text.view(3, 2, PERIOD) for kind, text in repetition.words(3, 2, seeded(0)).items()}
    assert PERIOD == 77 and pair[NEVER].min() >= 0 and pair[NEVER].max() < 26
    same = pair[REPEATS] == pair[NEVER]
    assert same[..., : WARM_UP + WORD].all() and same[..., REPEATING].float().mean() < 0.1
    assert (pair[NEVER][..., :WARM_UP] == torch.arange(13)).all()
    copies = pair[REPEATS][..., WARM_UP:].unflatten(-1, (COPIES, WORD))
    assert (copies == copies[:, :, :1]).all()
    new = pair[NEVER][..., WARM_UP:].unflatten(-1, (COPIES, WORD))
    assert len(new.reshape(-1, WORD).unique(dim=0)) == 6 * COPIES


def test_batches_hold_both_kinds_and_go_on_where_they_were_saved():
    batches = repetition.Words(4, 2, seed=3)
    inputs, targets = batches.next_batch()
    assert inputs.shape == (4, 2 * PERIOD) and torch.equal(inputs[:, 1:], targets[:, :-1])
    alike = (inputs[:, WORD:] == inputs[:, :-WORD]).float().mean(1)
    assert (alike[:2] > 0.6).all() and (alike[2:] < 0.3).all()
    saved = batches.state_dict()
    expected = batches.next_batch()
    again = repetition.Words(4, 2, seed=9)
    again.load_state_dict(saved)
    assert all(map(torch.equal, again.next_batch(), expected))


@pytest.fixture(scope="module")
def small():
    whole = repetition.REPETITIONS["ci"].experiment
    return replace(whole, model=replace(whole.model, layers=2, neurons=128), training=schedule(3, 1e-3))


def test_it_learns_and_leaves_random_numbers_alone(small):
    before = torch.get_rng_state()
    found = repetition.learn_and_read(small, 1)
    assert len(found["losses"]) == 1 and len(found["pairs with fewer"]) == 2
    assert np.array(found["read"][NEVER]["y"]).shape == (2, PERIOD)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_reading_is_of_the_letters_of_the_second_period(small):
    model, tokens = new_model(small.model, 1, "cpu"), repetition.words(9, 2, seeded(0))[NEVER]
    found = repetition.read(model, tokens)
    torch.testing.assert_close(found["y by pace"].mean(1), found["y"][:, repetition.LAYER])
    at = PERIOD + WARM_UP + 2
    expected = -model(tokens)[0][:, at - 1].log_softmax(1).gather(1, tokens[:, at : at + 1])[:, 0]
    torch.testing.assert_close(found["loss"][:, WARM_UP + 2], expected)


def test_what_is_silenced_is_what_the_claim_says():
    """A fifth fewer where the text repeats; nothing before, which is the control; and nothing at all fails."""
    claim = ledger.read_claims("chapters/bdh/claims.toml")["B6"]
    y = np.full((4, PERIOD), 8.0)
    fewer = y.copy()
    fewer[:, REPEATING] = 6.4
    found = {"read": {REPEATS: {"y": fewer}, NEVER: {"y": y}}}
    effect, control = (repetition.silenced(found, where)[repetition.LAYER] for where in (REPEATING, MEMORISING))
    assert repetition.learned({"read": {REPEATS: {"loss": np.where(fewer < 8, 0.5, 3.0)[0]}}}) == pytest.approx(2.5)
    assert effect == pytest.approx(20) and control == pytest.approx(0)
    for values, outcome in (((effect, effect - 1), "holds"), ((control, control + 1), "fails")):
        record = ledger.Record("B6", values * 3, tuple(range(6)), "laptop", {}, (0.0, 1.0) * 3, (3.0,) * 6)
        assert ledger.Verdict(claim, record).outcome == outcome
