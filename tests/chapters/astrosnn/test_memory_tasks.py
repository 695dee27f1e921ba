import jaxtyping
import pytest
import torch

from brainlib.training import Batches
from chapters.astrosnn.tasks import IGNORED, AssociativeRecall, Copying, DelayedRecall, Mixture, ReadDigits, held_out

IMAGES = torch.arange(3 * 64).remainder(17).to(torch.uint8).view(3, 8, 8)
LABELS = torch.tensor([7, 0, 9])


def tasks(seed: int = 0):
    return [
        DelayedRecall(5, classes=3, batch=4, seed=seed),
        Copying(3, 2, alphabet=5, batch=4, seed=seed),
        AssociativeRecall(3, keys=6, values=4, batch=4, seed=seed),
        ReadDigits(IMAGES, LABELS, "permuted", batch=4, seed=seed),
        Mixture([DelayedRecall(delay, batch=4, seed=seed) for delay in (3, 7)], seed),
    ]


def test_delayed_recall_asks_for_the_cue():
    task = DelayedRecall(5, classes=3, batch=400)
    tokens, targets = task.next_batch()
    assert tokens.shape == targets.shape == (400, task.steps) and task.steps == 7
    assert set(tokens[:, 0].tolist()) == {0, 1, 2} and set(tokens[:, 1:-1].flatten().tolist()) == {3, 4, 5}
    assert bool((tokens[:, -1] == 6).all()) and task.vocab == 7
    assert torch.equal(targets[:, -1], tokens[:, 0]) and bool((targets[:, :-1] == IGNORED).all())


def test_copying_asks_for_the_symbols_in_order():
    task = Copying(3, 2, alphabet=5, batch=1)
    tokens, targets = task.next_batch()
    symbols = tokens[0, :3].tolist()
    assert tokens[0].tolist() == [*symbols, 5, 5, 6, 5, 5] and max(symbols) < 5
    assert targets[0].tolist() == [IGNORED] * 5 + symbols
    assert (task.vocab, task.outputs, task.steps, task.chance) == (7, 5, 8, 0.2)


def test_copying_without_delay():
    tokens, targets = Copying(1, 0, alphabet=5, batch=2).next_batch()
    assert tokens[:, 1].tolist() == [6, 6] and torch.equal(targets[:, 1], tokens[:, 0])


def test_associative_recall_asks_for_the_value_of_each_key():
    task = AssociativeRecall(6, keys=6, values=4, batch=50)
    tokens, targets = task.next_batch()
    assert tokens.shape == (50, task.steps) == (50, 18) and task.vocab == 10
    for row, asked in zip(tokens.tolist(), targets.tolist(), strict=True):
        told = dict(zip(row[:12:2], row[1:12:2], strict=True))
        assert sorted(told) == sorted(row[12:]) == list(range(6))
        assert asked == [IGNORED] * 12 + [told[key] - 6 for key in row[12:]]
    assert not torch.equal(tokens[:, :12:2], tokens[:, 12:])


def test_chance_is_what_the_commonest_value_gives():
    task = AssociativeRecall(8, keys=8, values=5, batch=4000, seed=3)
    counts = torch.nn.functional.one_hot(task.next_batch()[1][:, -8:], 5).sum(1)
    assert task.chance == pytest.approx(float(counts.amax(1).double().mean()) / 8, abs=0.01)
    assert AssociativeRecall(4).chance > 1 / 4


@pytest.mark.parametrize(("by", "steps"), [("rows", 8), ("pixels", 64), ("permuted", 64)])
def test_digits_are_read_in_pieces(by, steps):
    task = ReadDigits(IMAGES, LABELS, by, batch=100, order_seed=1)
    pieces, targets = task.all()
    assert pieces.shape == (3, steps, 64 // steps) and task.steps == steps and task.inputs == 64 // steps
    assert torch.equal(targets[:, -1], LABELS) and bool((targets[:, :-1] == IGNORED).all())
    flat = pieces.flatten(1)
    if by == "permuted":
        assert not torch.equal(flat, IMAGES.flatten(1) / 16)
        assert torch.equal(flat.sort().values, (IMAGES.flatten(1) / 16).sort().values)
    else:
        assert torch.equal(flat, IMAGES.flatten(1) / 16)
    drawn, asked = task.next_batch()
    assert drawn.shape == (100, steps, 64 // steps) and set(asked[:, -1].tolist()) == set(LABELS.tolist())


def test_all_images_share_one_order():
    first = ReadDigits(IMAGES, LABELS, "permuted", order_seed=1)
    assert torch.equal(first.all()[0], ReadDigits(IMAGES, LABELS, "permuted", seed=5, order_seed=1).all()[0])
    assert not torch.equal(first.all()[0], ReadDigits(IMAGES, LABELS, "permuted", order_seed=2).all()[0])


def test_the_images_of_the_test_are_not_learned():
    learned, kept = held_out(23)
    assert sorted([*learned.tolist(), *kept.tolist()]) == list(range(23)) and kept.tolist() == [4, 9, 14, 19]


@pytest.mark.parametrize("number", range(5))
def test_a_stream_of_batches_goes_on_where_it_stopped(number):
    task, other = tasks()[number], tasks(seed=9)[number]
    assert isinstance(task, Batches)
    assert not torch.equal(task.next_batch()[0], other.next_batch()[0])
    other.load_state_dict(task.state_dict())
    for one, same in zip(task.next_batch(), other.next_batch(), strict=True):
        assert torch.equal(one, same)


def test_a_mixture_gives_batches_of_each():
    mixture = Mixture([DelayedRecall(delay) for delay in (3, 7)], seed=1)
    assert {mixture.next_batch()[0].shape[1] for _ in range(20)} == {5, 9} and mixture.steps == 9
    assert (mixture.vocab, mixture.outputs, mixture.chance) == (17, 8, 1 / 8)


def test_the_state_of_another_task_is_refused():
    state = DelayedRecall(5).state_dict()
    with pytest.raises(ValueError, match="delay: got a state with 5, expected 6"):
        DelayedRecall(6).load_state_dict(state)
    with pytest.raises(ValueError, match=r"state: got the entries .*'delay'"):
        AssociativeRecall(6).load_state_dict(state)
    mixed = Mixture([DelayedRecall(3), DelayedRecall(7)])
    with pytest.raises(ValueError, match="delay: got a state with 7, expected 8"):
        Mixture([DelayedRecall(3), DelayedRecall(8)]).load_state_dict(mixed.state_dict())
    with pytest.raises(ValueError, match="state: got the entries"):
        Mixture([DelayedRecall(3), DelayedRecall(7), DelayedRecall(8)]).load_state_dict(mixed.state_dict())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DelayedRecall(-1), "delay: got -1, expected a whole number of at least 0"),
        (lambda: DelayedRecall(4, seed=-1), "seed: got -1, expected a whole number of at least 0"),
        (lambda: DelayedRecall(4, classes=1), "classes: got 1, expected a whole number of at least 2"),
        (lambda: Copying(2, -1), "delay: got -1, expected a whole number of at least 0"),
        (lambda: AssociativeRecall(4, keys=3), "keys: got 3 for 4 pairs, expected at least as many keys"),
        (lambda: Mixture([]), "tasks: got 0 of 0 kinds"),
        (lambda: Mixture([DelayedRecall(3), AssociativeRecall(3)]), "tasks: got 2 of 2 kinds"),
        (lambda: ReadDigits(IMAGES, LABELS, "columns"), "by: got 'columns', expected rows, pixels or permuted"),
        (lambda: ReadDigits(IMAGES[:0], LABELS[:0]), "labels: got 0 for 0 images"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_image_needs_a_label():
    jaxtyping.config.update("jaxtyping_disable", True)  # the type checker would be first to refuse
    try:
        with pytest.raises(ValueError, match="labels: got 2 for 3 images, expected one for each"):
            ReadDigits(IMAGES, LABELS[:2])
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
