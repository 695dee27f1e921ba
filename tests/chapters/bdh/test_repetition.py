from dataclasses import replace

import pytest
import torch

from chapters.bdh import repetition
from chapters.bdh.experiments import new_model, schedule
from chapters.bdh.repetition import COPIES, PERIOD, WARM_UP, WORD


def test_a_text_is_a_warm_up_and_a_word_eight_times():
    text = repetition.repeated_words(3, 2, torch.Generator().manual_seed(0)).view(3, 2, PERIOD)
    assert PERIOD == 77 and text.min() >= 0 and text.max() < 26
    assert (text[..., :WARM_UP] == torch.arange(13)).all()
    words = text[..., WARM_UP:].view(3, 2, COPIES, WORD)
    assert (words == words[:, :, :1]).all() and len(words[:, :, 0].reshape(6, 8).unique(dim=0)) == 6


def test_without_copies_every_word_is_new():
    text = repetition.repeated_words(3, 2, torch.Generator().manual_seed(0), copies=1).view(3, 2, PERIOD)
    assert (text[..., :WARM_UP] == torch.arange(13)).all()
    assert len(text[..., WARM_UP:].reshape(48, WORD).unique(dim=0)) == 48


def test_batches_go_on_where_they_were_saved():
    batches = repetition.RepeatedWords(4, 2, seed=3)
    inputs, targets = batches.next_batch()
    assert inputs.shape == (4, 2 * PERIOD) and torch.equal(inputs[:, 1:], targets[:, :-1])
    saved = batches.state_dict()
    expected = batches.next_batch()
    again = repetition.RepeatedWords(4, 2, seed=9)
    again.load_state_dict(saved)
    assert all(map(torch.equal, again.next_batch(), expected))


def test_it_learns_and_leaves_random_numbers_alone():
    small = repetition.EXPERIMENTS["ci"]
    small = replace(small, model=replace(small.model, layers=2, neurons=128), training=schedule(3, 1e-3))
    before = torch.get_rng_state()
    assert len(repetition.learn(small, 1)["history"]["losses"]) == 3
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(scope="module")
def model():
    return new_model(replace(repetition.EXPERIMENTS["ci"].model, layers=2, neurons=128), 1, "cpu")


def test_a_reading_has_one_place_for_each_letter_of_the_period(model):
    reading = repetition.read(model, texts=5)
    assert reading.loss.shape == (PERIOD,) and reading.loss.mean() == pytest.approx(3.26, abs=0.5)
    assert reading.y_by_pace.shape == (2, repetition.PACES, PERIOD)
    torch.testing.assert_close(reading.y_by_pace.mean(1), reading.y)
    assert (reading.y <= reading.x).all() and 0 < reading.y.mean() < 1


def test_the_loss_is_that_of_the_letter_at_the_place(model):
    """The first letters of two texts differ at the word only: so does the loss there."""
    tokens = repetition.repeated_words(5, 2, torch.Generator().manual_seed(0))
    logits, _, _ = model(tokens)
    place = WARM_UP + 2
    at = PERIOD + place
    expected = -logits[:, at - 1].log_softmax(1).gather(1, tokens[:, at : at + 1]).mean()
    torch.testing.assert_close(repetition.read(model, texts=5).loss[place], expected)


def test_shares_are_those_of_the_phases(model):
    reading, control = repetition.read(model, texts=5), repetition.read(model, texts=5, copies=1)
    shares = repetition.shares(reading, control)
    assert shares["memorising"][1] == pytest.approx(float(reading.y[1, WARM_UP : WARM_UP + WORD].mean()) * 100)
    assert shares["never repeating"][0] == pytest.approx(float(control.y[0, WARM_UP + WORD :].mean()) * 100)
    assert len(repetition.ratio_by_pace(reading)) == repetition.PACES
