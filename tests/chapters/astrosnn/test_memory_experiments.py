"""The machinery of the chapter on memory, with networks so small that they learn nothing: its tasks and lesions."""

from dataclasses import replace

import pytest
import torch
from refusals import refused

from brainlib import data
from brainlib.arguments import seeded
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.ledger import PROFILES
from brainlib.training import Batches
from chapters.astrosnn import memory, tasks
from chapters.astrosnn.capacity import capacity, recalled
from chapters.astrosnn.lesions import after_lesion, by_pair, emptied, lesioned, with_units
from chapters.astrosnn.memory import Condition, Experiment, accuracies, accuracy, lead, slowest, tidy
from chapters.astrosnn.memory_profiles import AS_MUCH_STATE, MECHANISMS, PLANS
from chapters.astrosnn.networks import ABLATIONS, CAUSES, model_config
from chapters.astrosnn.tasks import IGNORED, Stream, associative_recall, copying, delayed_recall, read_digits

FRAME = AstroSNNConfig(layers=1, dim=16, heads=4, hidden=16)
TINY = Experiment("recall", ("AM-SU",), (2, 3), 4, 4, (2, 5), together=True, tests=1)


@pytest.mark.parametrize("name", [*MECHANISMS, *AS_MUCH_STATE, *CAUSES, *ABLATIONS, "heads of 2"])
def test_contestants_are_alike_but_for_one_thing(name):
    frame = replace(FRAME, dim=32, hidden=64)
    unit, other = model_config(frame, "AM-SU"), model_config(frame, name)
    assert (other.layers, other.feedforward) == (1, "spiking")
    if name in MECHANISMS:
        assert other.parameters == pytest.approx(unit.parameters, rel=0.025)
    elif name in AS_MUCH_STATE:
        assert other.parameters > unit.parameters
        sizes = [AstroSNN(config).state_size(12) for config in (unit, other)]
        assert sizes[0] <= sizes[1] < 1.1 * sizes[0]
    else:
        assert (other.mixer, other.dim, other.hidden_size) == ("amsu", 32, 64)
        assert other.heads == (16 if name == "heads of 2" else 4)
        assert (other == unit) == (name == "normalised, slow")


def test_profiles_share_no_networks_and_their_experiments_can_be_drawn():
    assert tuple(PLANS) == PROFILES
    for plan in PLANS.values():
        assert [seed for number in range(3) for seed in plan.seeds(number)] == list(range(3 * plan.networks))
        experiments = [field for field in vars(plan).values() if isinstance(field, Experiment)]
        for name in {name for experiment in experiments for name in experiment.models}:
            model_config(plan.frame, name)
        assert all(0 < experiment.chance(value) < 1 for experiment in experiments for value in experiment.tested)
    refused("name: got 'oligodendrocyte', expected 'heads of", model_config, FRAME, "oligodendrocyte")


def test_a_run_gives_every_accuracy_and_its_networks(runs_here):
    found = memory.run(TINY, FRAME, range(2), "cpu")
    assert list(found) == ["AM-SU"] and list(found["AM-SU"]) == ["0", "1"]
    one = found["AM-SU"]["1"]
    assert list(one["accuracy"]) == ["2", "5"] and len(one["networks"]["all"]["losses"]) == 4
    assert one["networks"]["all"]["slowest"] == pytest.approx(2048, rel=0.2)
    assert one["networks"]["all"]["state"] == 16 + 16 + 16 * 4  # token shift, membranes, matrices
    network = memory.networks("AM-SU", TINY, FRAME, [1], "cpu")[0]
    again = accuracy(lambda inputs: network(inputs)[0], memory.test_batches(TINY, 5, 1))
    assert again == one["accuracy"]["5"] == accuracies(tidy(found), "AM-SU", 5)[1]
    alone = memory.run(replace(TINY, together=False), FRAME, range(1), "cpu")["AM-SU"]["0"]
    assert list(alone["accuracy"]) == list(alone["networks"]) == ["2", "3"]


def test_accuracy_counts_what_is_asked_only():
    tokens, _ = delayed_recall(2).draw(6, seeded(0))
    logits = torch.randn(6, 4, 8, generator=seeded(1))
    answers, targets = logits.argmax(-1), torch.full_like(tokens, IGNORED)
    targets[:3, 1], targets[3:, 2] = answers[:3, 1], (answers[3:, 2] + 1) % 8
    assert accuracy(lambda inputs: logits, [(tokens, targets), (tokens, answers)]) == (3 + 24) / (6 + 24)
    assert accuracy(lambda inputs: logits[:, 2:], [(tokens[3:].repeat(2, 1), targets[3:].repeat(2, 1))]) == 0


@pytest.mark.parametrize(
    ("name", "expected"), [("LIF", 2), ("PLIF", 300), ("calcium", 300), ("no astrocyte", 2), ("GRU", None)]
)
def test_the_slowest_time_constant(name, expected):
    found = slowest(AstroSNN(Condition(name, TINY, FRAME).config(2)))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-3))


def one(score, slowest=2.0):
    facts = {"slowest": slowest, "parameters": 1, "state": 1}
    return {"accuracy": {"4": score, "8": score / 2}, "networks": {"all": facts}}


def test_the_lead_is_over_the_best_of_the_others_seed_by_seed():
    table = tidy(
        {
            "AM-SU": {"10": one(0.9), "2": one(1.0)},
            "LIF": {"2": one(0.2), "10": one(0.3)},
            "GRU": {"2": one(0.5), "10": one(0.1)},
        }
    )
    assert accuracies(table, "AM-SU", 4) == [1.0, 0.9]
    assert accuracies(table, "AM-SU", 16) == accuracies(table, "RWKV", 4) == []
    assert lead(table, 4, "AM-SU", ("LIF", "GRU", "RWKV")) == pytest.approx([0.5, 0.6])
    assert lead(table, 4, "AM-SU", ("RWKV",)) == lead(table, 4, "RWKV", ("LIF",)) == lead(tidy({}), 4, "A", "B") == []


@pytest.mark.parametrize("rule", ["Hebbian", "delta"])
def test_a_matrix_recalls_few_pairs_and_not_many(rule):
    assert recalled(32, 2, rule, seed=0) > 0.99 and recalled(8, 500, rule, seed=0) < 0.3
    assert capacity(16, rule, seed=0) > capacity(4, rule, seed=0) > 0
    assert recalled(2, 1, rule, seed=0) == 1


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
    refused("keys: got 3 for 4 pairs, expected at least as many keys", associative_recall, 4, keys=3)


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
