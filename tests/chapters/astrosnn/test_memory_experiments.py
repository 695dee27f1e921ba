"""The machinery of the chapter on memory, with networks so small that they learn nothing."""

from dataclasses import replace

import pytest
import torch

from brainlib import data
from brainlib.astrosnn import AstroSNN, AstroSNNConfig
from brainlib.ledger import PROFILES
from chapters.astrosnn import lesions, memory
from chapters.astrosnn.capacity import capacity, recalled
from chapters.astrosnn.memory import Experiment, accuracy, chances, draw_task, slowest, trained
from chapters.astrosnn.memory_models import ABLATIONS, ALL, CAUSES, MECHANISMS, model_config
from chapters.astrosnn.memory_profiles import PLANS
from chapters.astrosnn.tasks import IGNORED, AssociativeRecall, DelayedRecall

FRAME = AstroSNNConfig(layers=1, dim=16, heads=4, hidden=16)
TINY = Experiment("recall", ("AM-SU",), (2, 3), 4, 4, (2, 5), together=True, tests=1)


@pytest.fixture(autouse=True)
def runs_here(monkeypatch, tmp_path):
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path))
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")


@pytest.mark.parametrize("name", [*ALL, "heads of 2"])
def test_contestants_are_alike_but_for_one_thing(name):
    frame, task = replace(FRAME, dim=32, hidden=64), AssociativeRecall(4)
    unit, other = model_config("AM-SU", frame, task), model_config(name, frame, task)
    assert (other.vocab, other.outputs, other.layers, other.feedforward) == (64, 32, 1, "spiking")
    if name in MECHANISMS:
        assert other.parameters == pytest.approx(unit.parameters, rel=0.025)
    elif name.endswith("as much state"):
        assert other.parameters > unit.parameters
        sizes = [AstroSNN(config).state_size(12) for config in (unit, other)]
        assert sizes[0] <= sizes[1] < 1.1 * sizes[0]
    else:
        assert (other.mixer, other.dim, other.hidden_size) == ("amsu", 32, 64)
        assert other.heads == (16 if name == "heads of 2" else 4)
        assert (other == unit) == (name in ("AM-SU", "normalised, slow"))


def test_an_unknown_contestant_is_refused():
    with pytest.raises(ValueError, match="name: got 'oligodendrocyte', expected 'heads of"):
        model_config("oligodendrocyte", FRAME, DelayedRecall(3))


def test_profiles_share_no_networks_and_their_experiments_can_be_drawn():
    assert tuple(PLANS) == PROFILES
    for plan in PLANS.values():
        assert [seed for number in range(3) for seed in plan.seeds(number)] == list(range(3 * plan.networks))
        assert "AM-SU" in plan.retention.models and "AM-SU" in plan.pairs.models
        experiments = [field for field in vars(plan).values() if isinstance(field, Experiment)]
        for name in {name for experiment in experiments for name in experiment.models}:
            model_config(name, plan.frame, DelayedRecall(3))
        for experiment in experiments:
            if experiment.task != "digits":
                assert all(0 < chance < 1 for chance in chances(experiment).values())
    assert PLANS["ci"].networks >= 3
    assert set(PLANS["laptop"].causes.models) == set(CAUSES)
    assert set(PLANS["laptop"].ablations.models) == set(ABLATIONS)


def test_a_run_gives_every_accuracy_and_its_networks():
    found = memory.run(TINY, FRAME, range(2), "cpu")
    assert list(found) == ["AM-SU"] and list(found["AM-SU"]) == ["0", "1"]
    one = found["AM-SU"]["1"]
    assert list(one["accuracy"]) == ["2", "5"] and len(one["networks"]["all"]["losses"]) == 4
    assert one["networks"]["all"]["slowest"] == pytest.approx(2048, rel=0.2)
    assert one["networks"]["all"]["state"] == 16 + 16 + 16 * 4  # token shift, membranes, matrices
    network = memory.networks("AM-SU", TINY, FRAME, [1], "cpu")[0]
    assert accuracy(network, memory.test_batches(TINY, 5, 1)) == one["accuracy"]["5"]


def test_networks_of_their_own_are_tested_on_what_they_were_trained():
    found = memory.run(replace(TINY, together=False), FRAME, range(1), "cpu")["AM-SU"]["0"]
    assert list(found["accuracy"]) == list(found["networks"]) == ["2", "3"]


def test_equal_seeds_give_equal_networks():
    config = replace(FRAME, vocab=17, outputs=8)
    models = [trained(config, DelayedRecall(3, batch=4), 2, seed, "cpu")[0] for seed in (0, 0, 1)]
    same, again, other = (model.readout.weight for model in models)
    assert torch.equal(same, again) and not torch.equal(same, other)


def test_accuracy_counts_what_is_asked_only():
    model = AstroSNN(replace(FRAME, vocab=17, outputs=8))
    tokens = DelayedRecall(2, batch=6).next_batch()[0]
    answers = model(tokens)[0].argmax(-1)
    targets = torch.full_like(tokens, IGNORED)
    targets[:3, 1], targets[3:, 2] = answers[:3, 1], (answers[3:, 2] + 1) % 8
    assert accuracy(model, [(tokens, targets), (tokens, answers)]) == (3 + 24) / (6 + 24)


@pytest.mark.parametrize(
    ("name", "expected"), [("LIF", 2), ("PLIF", 300), ("calcium", 300), ("no astrocyte", 2), ("GRU", None)]
)
def test_the_slowest_time_constant(name, expected):
    found = slowest(AstroSNN(model_config(name, FRAME, DelayedRecall(3))))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-3))


def test_digits_of_the_test_are_not_learned(monkeypatch):
    images = torch.arange(10).remainder(17).to(torch.uint8).view(10, 1, 1).expand(10, 8, 8)
    monkeypatch.setattr(data, "digits", lambda: data.Digits(images, torch.arange(10)))
    digits = Experiment("digits", ("AM-SU",), ("rows", "permuted"), 1, 4)
    learned, kept = (draw_task(digits, "pixels", 4, 0, kept) for kept in (False, True))
    assert kept.all()[1][:, -1].tolist() == [4, 9] and learned.all()[1][:, -1].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    found = memory.trained_and_tested(memory.Condition("AM-SU", digits, FRAME), 0, device="cpu")
    assert list(found["accuracy"]) == ["rows", "permuted"]


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="task: got 'juggling', expected recall, pairs, copying or digits"):
        draw_task(replace(TINY, task="juggling"), 3, 1, 0)


def test_the_lesion_study():
    pairs = Experiment("pairs", ("AM-SU",), (2, 4), 2, 4, together=True, tests=1)
    plan = replace(PLANS["ci"], frame=FRAME, retention=replace(TINY, values=(2, 4)), pairs=pairs)
    found = lesions.study(plan, range(1), "cpu")["0"]
    assert found["delay"]["at"] == [1, 2, 3, 4, 5] and len(found["delay"]["frozen"]) == 5
    assert found["pairs"]["at"] == 4 and len(found["pairs"]["astrocyte"]) == 4
    assert all(len(found["heads"][part]) == 4 for part in ("without", "alone"))
    assert len(found["heads"]["time_constants"][0]) == 4


@pytest.mark.parametrize("rule", ["Hebbian", "delta"])
def test_a_matrix_recalls_few_pairs_and_not_many(rule):
    assert recalled(32, 2, rule, seed=0) > 0.99
    assert recalled(8, 500, rule, seed=0) < 0.3
    assert capacity(16, rule, seed=0) > capacity(4, rule, seed=0) > 0


def test_the_last_pair_is_exact_with_the_delta_rule():
    assert recalled(2, 1, "delta", seed=0) == 1


def test_bad_sizes_of_bare_memories_are_refused():
    with pytest.raises(ValueError, match="rule: got 'Oja', expected Hebbian or delta"):
        recalled(8, 3, "Oja", 0)
    with pytest.raises(ValueError, match="pairs: got 0, expected at least 1"):
        recalled(8, 0, "delta", 0)
    with pytest.raises(ValueError, match=r"share: got 1\.0, expected a number between 0 and 1"):
        capacity(8, "delta", 0, share=1.0)
