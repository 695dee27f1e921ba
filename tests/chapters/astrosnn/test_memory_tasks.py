import pytest
import torch

from brainlib import data
from brainlib.arguments import seeded
from brainlib.training import Batches
from chapters.astrosnn import tasks
from chapters.astrosnn.tasks import IGNORED, Stream, associative_recall, copying, delayed_recall, read_digits


def test_delayed_recall_asks_for_the_cue():
    task = delayed_recall(5, classes=3)
    tokens, targets = task.draw(400, seeded(0))
    assert tokens.shape == targets.shape == (400, task.steps) and task.steps == 7
    assert set(tokens[:, 0].tolist()) == {0, 1, 2} and set(tokens[:, 1:-1].flatten().tolist()) == {3, 4, 5}
    assert bool((tokens[:, -1] == 6).all()) and task.vocab == 7
    assert torch.equal(targets[:, -1], tokens[:, 0]) and bool((targets[:, :-1] == IGNORED).all())


@pytest.mark.parametrize("delay", [0, 2])
def test_copying_asks_for_the_symbols_in_order(delay):
    task = copying(3, delay, alphabet=5)
    tokens, targets = (rows[0].tolist() for rows in task.draw(1, seeded(0)))
    assert tokens == [*tokens[:3], *[5] * delay, 6, 5, 5] and max(tokens[:3]) < 5
    assert targets == [IGNORED] * (3 + delay) + tokens[:3]
    assert (task.vocab, task.outputs, task.steps, task.chance) == (7, 5, 6 + delay, 0.2)


def test_associative_recall_asks_for_the_value_of_each_key():
    task = associative_recall(6, keys=6, values=4)
    tokens, targets = task.draw(50, seeded(0))
    assert tokens.shape == (50, task.steps) == (50, 18) and task.vocab == 10
    for row, asked in zip(tokens.tolist(), targets.tolist(), strict=True):
        told = dict(zip(row[:12:2], row[1:12:2], strict=True))
        assert sorted(told) == sorted(row[12:]) == list(range(6))
        assert asked == [IGNORED] * 12 + [told[key] - 6 for key in row[12:]]
    assert not torch.equal(tokens[:, :12:2], tokens[:, 12:])
    with pytest.raises(ValueError, match="keys: got 3 for 4 pairs, expected at least as many keys"):
        associative_recall(4, keys=3)


def test_chance_is_what_the_commonest_value_gives():
    task = associative_recall(8, keys=8, values=5)
    counts = torch.nn.functional.one_hot(task.draw(4000, seeded(3))[1][:, -8:], 5).sum(1)
    assert task.chance == pytest.approx(float(counts.amax(1).double().mean()) / 8, abs=0.01)


@pytest.mark.parametrize(("by", "steps"), [("rows", 8), ("pixels", 64), ("permuted", 64)])
def test_digits_are_read_in_pieces_and_those_of_the_test_are_not_learned(by, steps, monkeypatch):
    images = torch.arange(10 * 64).remainder(17).to(torch.uint8).view(10, 8, 8)
    monkeypatch.setattr(tasks.data, "digits", lambda: data.Digits(images, torch.arange(10)))
    task = read_digits(by, test=True)
    pieces, targets = task.draw(1, seeded(0))
    assert pieces.shape == (2, steps, 64 // steps) and task.steps == steps and task.inputs == 64 // steps
    assert targets[:, -1].tolist() == [4, 9] and bool((targets[:, :-1] == IGNORED).all())
    kept, read = images[4::5].flatten(1) / 16, pieces.flatten(1)
    assert torch.equal(read.sort().values, kept.sort().values) and torch.equal(read, kept) == (by != "permuted")
    drawn, asked = read_digits(by).draw(100, seeded(0))
    assert drawn.shape == (100, steps, 64 // steps) and set(asked[:, -1].tolist()) == {0, 1, 2, 3, 5, 6, 7, 8}


def test_a_stream_gives_batches_of_each_task_and_goes_on_where_it_stopped():
    stream, other = (Stream([delayed_recall(delay) for delay in (3, 7)], 4, seed) for seed in (0, 9))
    assert isinstance(stream, Batches)
    assert {stream.next_batch()[0].shape[1] for _ in range(20)} == {5, 9}
    other.load_state_dict(stream.state_dict())
    for _ in range(5):
        assert all(map(torch.equal, stream.next_batch(), other.next_batch()))
