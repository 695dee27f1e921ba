from dataclasses import replace

import pytest
import torch

from chapters.bdh import repetition
from chapters.bdh.experiments import new_model, schedule
from chapters.bdh.repetition import COPIES, PERIOD, WARM_UP, WORD


@pytest.mark.parametrize("copies", [COPIES, 1])
def test_a_text_is_a_warm_up_and_words_as_often_as_they_are_copied(copies):
    text = repetition.repeated_words(3, 2, torch.Generator().manual_seed(0), copies).view(3, 2, PERIOD)
    assert PERIOD == 77 and text.min() >= 0 and text.max() < 26
    assert (text[..., :WARM_UP] == torch.arange(13)).all()
    words = text[..., WARM_UP:].view(3, 2, COPIES // copies, copies, WORD)
    assert (words == words[:, :, :, :1]).all()
    assert len(words[:, :, :, 0].reshape(-1, WORD).unique(dim=0)) == 6 * COPIES // copies


def test_batches_go_on_where_they_were_saved():
    batches = repetition.RepeatedWords(4, 2, seed=3)
    inputs, targets = batches.next_batch()
    assert inputs.shape == (4, 2 * PERIOD) and torch.equal(inputs[:, 1:], targets[:, :-1])
    saved = batches.state_dict()
    expected = batches.next_batch()
    again = repetition.RepeatedWords(4, 2, seed=9)
    again.load_state_dict(saved)
    assert all(map(torch.equal, again.next_batch(), expected))


@pytest.fixture(scope="module")
def small():
    whole = repetition.EXPERIMENTS["ci"]
    return replace(whole, model=replace(whole.model, layers=2, neurons=128), training=schedule(3, 1e-3))


def test_it_learns_and_leaves_random_numbers_alone(small):
    before = torch.get_rng_state()
    assert len(repetition.learn(small, 1)["history"]["losses"]) == 3
    assert torch.equal(torch.get_rng_state(), before)


def test_a_reading_is_of_the_letters_of_the_second_period(small):
    model = new_model(small.model, 1, "cpu")
    reading = repetition.read(model, texts=5)
    torch.testing.assert_close(reading.y_by_pace.mean(1), reading.y)
    assert (reading.y <= reading.x).all() and 0 < reading.y.mean() < 1
    tokens = repetition.repeated_words(5, 2, torch.Generator().manual_seed(0))
    at = PERIOD + WARM_UP + 2
    logits, _, _ = model(tokens)
    expected = -logits[:, at - 1].log_softmax(1).gather(1, tokens[:, at : at + 1]).mean()
    torch.testing.assert_close(reading.loss[WARM_UP + 2], expected)
    control = repetition.read(model, texts=5, copies=1)
    shares = repetition.shares(reading, control)
    assert shares["memorising"][1] == pytest.approx(float(reading.y[1, WARM_UP : WARM_UP + WORD].mean()) * 100)
    assert shares["never repeating"][0] == pytest.approx(float(control.y[0, WARM_UP + WORD :].mean()) * 100)
    assert len(repetition.ratio_by_pace(reading)) == repetition.PACES
