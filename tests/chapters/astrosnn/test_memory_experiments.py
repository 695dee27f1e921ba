"""The machinery of the chapter on memory, with networks so small that they learn nothing."""

from dataclasses import replace

import pytest
import torch

from brainlib.arguments import seeded
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.ledger import PROFILES
from chapters.astrosnn import memory
from chapters.astrosnn.capacity import capacity, recalled
from chapters.astrosnn.memory import Condition, Experiment, accuracies, accuracy, lead, slowest, tidy
from chapters.astrosnn.memory_profiles import AS_MUCH_STATE, MECHANISMS, PLANS
from chapters.astrosnn.networks import ABLATIONS, CAUSES, model_config
from chapters.astrosnn.tasks import IGNORED, delayed_recall

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
    with pytest.raises(ValueError, match="name: got 'oligodendrocyte', expected 'heads of"):
        model_config(FRAME, "oligodendrocyte")


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
