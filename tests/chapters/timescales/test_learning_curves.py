"""Learning curves are compared for the same price, survive a record, and say where the time constants went."""

import json

import pytest
import torch
from refusals import refused

from brainlib.timescales import LeakyRNN
from brainlib.timescales.curricula import multi_head
from brainlib.timescales.training import CurriculumConfig, Epoch, TauSummary, TrainedNetwork
from chapters.timescales.learning_curves import UNTRAINED, LearningCurve, as_records, gathered, leads
from chapters.timescales.networks import milestones

CONFIG = CurriculumConfig("parity", multi_head(), units=6, heads=5, largest_span=5)


def network(tau=None):
    made = LeakyRNN(6, 5, generator=torch.Generator().manual_seed(3))
    if tau is not None:
        made.raw_tau.data[:] = torch.tensor(tau)
    return made


def trained():
    """Span 2 after epoch 1, span 3 after epoch 3; epoch 4 was not enough for span 4."""
    taus = ([1.0, 1.0, 1.5, 1.5, 2.0, 2.0], [1.0, 1.2, 1.0, 1.5, 2.0, 3.0])
    first, second = (network(tau) for tau in taus)
    epochs = [
        Epoch((2,), (0.99,), True, 0.1, TauSummary.of(first), 10.0),
        Epoch((2, 3), (0.99, 0.9), False, 0.3, TauSummary.of(first), 30.0),
        Epoch((2, 3), (0.99, 0.985), True, 0.1, TauSummary.of(second), 50.0),
        Epoch((2, 3, 4), (0.99, 0.98, 0.6), False, 0.9, TauSummary.of(second), 80.0),
    ]
    return TrainedNetwork(CONFIG, 3, second, epochs, {1: first.state_dict(), 3: second.state_dict()}, "here")


def curve(seed, solved, operations, tau=()):
    constants = {span: TauSummary(mean, 0.3, 2.0, 0.0) for span, mean in dict(tau).items()}
    return LearningCurve(seed, solved, (0.5,) * len(operations), operations, constants)


def test_a_curve_holds_the_history():
    made = LearningCurve.of(trained())
    assert made.solved == {2: 1, 3: 3}
    assert made.accuracy == (0.99, 0.9, 0.985, 0.6)
    assert list(made.tau) == [UNTRAINED, 2, 3]
    new = TauSummary.of(CONFIG.new_network(torch.Generator().manual_seed(3)))
    assert made.tau[UNTRAINED].mean == new.mean and made.tau[2].mean == pytest.approx(1.5)
    assert made.tau_change("mean") == pytest.approx(made.tau[3].mean - made.tau[UNTRAINED].mean)


def test_a_curve_survives_a_record():
    made = LearningCurve.of(trained())
    record = json.loads(json.dumps(as_records({"multi-head": [made]})))
    assert gathered([record, record, {"single-head": []}]) == {"multi-head": [made, made], "single-head": []}


def test_reached_counts_what_was_paid():
    one = curve(0, {2: 1, 3: 2, 4: 4}, (10.0, 20.0, 40.0, 80.0))
    assert [one.reached(epochs) for epochs in range(5)] == [1, 2, 3, 3, 4]
    assert [one.reached(price, "operations") for price in (5.0, 20.0, 79.0, 80.0)] == [1, 3, 3, 4]
    assert one.reached() == 4


def test_a_path_steps_up_at_every_price():
    one = curve(0, {2: 1, 3: 3}, (10.0, 20.0, 40.0, 80.0))
    assert one.path() == [(0, 1), (1, 2), (3, 3), (4, 3)]
    assert one.path("operations") == [(0, 1), (10, 2), (40, 3), (80, 3)]


def test_leads_are_judged_when_the_cheaper_curve_ends():
    quick = curve(0, {2: 1, 3: 2}, (10.0, 20.0))  # two dear epochs
    slow = curve(0, {2: 1, 3: 3, 4: 4, 5: 5}, (2.0, 4.0, 6.0, 8.0, 10.0))
    assert leads([quick], [slow]) == [3 - 2]
    assert leads([quick], [slow], by="operations") == [2 - 5]
    assert leads([slow], [quick]) == [-1]


def test_leads_need_pairs():
    near = curve(1, {2: 1}, (1.0, 2.0))
    assert leads([curve(0, {2: 1, 3: 2}, (1.0, 2.0)), near], [near, near]) == [1, 0]
    refused("zip", leads, [near], [])


def test_a_rebound_is_above_0_only_where_the_mean_rose_again():
    falling = curve(0, {2: 1, 3: 2}, (1.0, 2.0), {UNTRAINED: 1.5, 2: 1.4, 3: 1.3})
    turning = curve(0, {2: 1, 3: 2}, (1.0, 2.0), {UNTRAINED: 1.5, 2: 1.3, 3: 1.35})
    assert falling.rebound == pytest.approx(-0.1)
    assert turning.rebound == pytest.approx(0.05)
    assert turning.tau_change("mean") == pytest.approx(-0.15)


def test_beside_a_curve_stand_the_time_constants_of_another_network_after_as_many_epochs():
    other = trained()
    beside = curve(0, {2: 2, 3: 4}, (1.0,) * 4, {UNTRAINED: 1.5, 2: 1.2, 3: 1.1}).beside(other)
    assert [beside.tau[span].mean for span in (UNTRAINED, 2, 3)] == [1.5, *(other.history[e].tau.mean for e in (1, 3))]


def test_units_at_one_are_counted_by_distance():
    made = trained()
    made.snapshots[1]["raw_tau"] = torch.tensor([1.0, 0.99, 1.004, 1.006, 2.0, 2.0])
    assert LearningCurve.of(made).tau[2].at_one == 0.5


def test_milestones_keep_both_ends():
    assert milestones(range(2, 12), 3) == [3, 7, 11]
    assert milestones([2, 3], 4) == [3]
    assert milestones([5, 2, 4], 2) == [4, 5]
    assert milestones([2], 3) == [2]
    refused("spans: got none, expected at least one", milestones, [], 3)
    refused("count: got 1, expected at least 2", milestones, [3, 4], 1)
