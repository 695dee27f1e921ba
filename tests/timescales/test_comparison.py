"""Courses are compared for the same price, survive a trip through a record, and say where the time constants went."""

import json

import pytest
import torch

from brainlib.timescales import LeakyRNN
from brainlib.timescales.comparison import UNTRAINED, Course, gathered, leads, milestones, trapped
from brainlib.timescales.curricula import multi_head
from brainlib.timescales.report import Epoch, Report, TimeConstants
from brainlib.timescales.school import School

SCHOOL = School("parity", multi_head(), units=6, heads=5, largest=5)


def network(tau=None):
    made = LeakyRNN(6, 5, generator=torch.Generator().manual_seed(3))
    if tau is not None:
        made.raw_tau.data[:] = torch.tensor(tau)
    return made


def report():
    """Span 2 after epoch 1, span 3 after epoch 3; epoch 4 was not enough for span 4."""
    taus = ([1.0, 1.0, 1.5, 1.5, 2.0, 2.0], [1.0, 1.2, 1.0, 1.5, 2.0, 3.0])
    first, second = (network(tau) for tau in taus)
    epochs = [
        Epoch((2,), (0.99,), True, 0.1, TimeConstants.of(first), 10.0, 1.0),
        Epoch((2, 3), (0.99, 0.9), False, 0.3, TimeConstants.of(first), 30.0, 2.0),
        Epoch((2, 3), (0.99, 0.985), True, 0.1, TimeConstants.of(second), 50.0, 3.0),
        Epoch((2, 3, 4), (0.99, 0.98, 0.6), False, 0.9, TimeConstants.of(second), 80.0, 4.0),
    ]
    return Report(3, second, epochs, {1: first.state_dict(), 3: second.state_dict()}, "here")


def course(seed, solved, operations, tau=()):
    constants = {span: TimeConstants(mean, 0.3, 2.0, 0.0) for span, mean in dict(tau).items()}
    return Course(seed, solved, (0.5,) * len(operations), operations, constants)


def test_a_course_holds_what_its_report_says():
    made = Course.of(report(), SCHOOL)
    assert made.solved == {2: 1, 3: 3}
    assert made.accuracy == (0.99, 0.9, 0.985, 0.6)
    assert list(made.tau) == [UNTRAINED, 2, 3]
    assert made.tau[UNTRAINED] == TimeConstants.of(SCHOOL.new_network(torch.Generator().manual_seed(3)))
    assert made.tau[2].mean == pytest.approx(1.5)
    assert made.moved.mean == pytest.approx(made.tau[3].mean - made.tau[UNTRAINED].mean)


def test_a_course_survives_a_record():
    made = Course.of(report(), SCHOOL)
    again = gathered([{"multi-head": [json.loads(json.dumps(made.record()))]}])
    assert list(again) == ["multi-head"]
    read = again["multi-head"][0]
    assert (read.seed, read.solved, read.accuracy, read.operations) == (3, made.solved, made.accuracy, made.operations)
    assert read.tau[3].mean == pytest.approx(made.tau[3].mean, rel=1e-4)
    assert Course.from_record(read.record()) == read


def test_gathered_courses_of_one_condition_stand_together():
    runs = [{"a": [course(0, {2: 1}, (1.0,)).record()]}, {"a": [course(1, {}, (1.0,)).record()], "b": []}]
    found = gathered(runs)
    assert [one.seed for one in found["a"]] == [0, 1]
    assert found["b"] == []


def test_reached_counts_what_was_paid():
    one = course(0, {2: 1, 3: 2, 4: 4}, (10.0, 20.0, 40.0, 80.0))
    assert [one.reached(epochs=epochs) for epochs in range(5)] == [1, 2, 3, 3, 4]
    assert [one.reached(operations=price) for price in (5.0, 20.0, 79.0, 80.0)] == [1, 3, 3, 4]
    assert one.reached() == 4


def test_a_path_steps_up_at_every_price():
    one = course(0, {2: 1, 3: 3}, (10.0, 20.0, 40.0, 80.0))
    assert one.path() == ([0.0, 1.0, 3.0, 4.0], [1, 2, 3, 3])
    assert one.path("operations") == ([0.0, 10.0, 40.0, 80.0], [1, 2, 3, 3])


def test_leads_are_judged_when_the_cheaper_course_ends():
    quick = course(0, {2: 1, 3: 2}, (10.0, 20.0))  # two dear epochs
    slow = course(0, {2: 1, 3: 3, 4: 4, 5: 5}, (2.0, 4.0, 6.0, 8.0, 10.0))
    assert leads([quick], [slow]) == [3 - 2]
    assert leads([quick], [slow], by="operations") == [2 - 5]
    assert leads([slow], [quick]) == [-1]


def test_leads_compare_the_same_seeds():
    far, near = ((course(seed, {2: 1, 3: 2}, (1.0, 2.0)) for seed in (0, 1)), (course(1, {2: 1}, (1.0, 2.0)),))
    assert leads(tuple(far), near) == [1]
    assert leads(near, []) == leads([], near) == []


def test_a_rebound_is_seen_only_where_the_mean_rose_again():
    falling = course(0, {2: 1, 3: 2}, (1.0, 2.0), {UNTRAINED: 1.5, 2: 1.4, 3: 1.3})
    turning = course(0, {2: 1, 3: 2}, (1.0, 2.0), {UNTRAINED: 1.5, 2: 1.3, 3: 1.35})
    assert falling.rebound == 0
    assert turning.rebound == pytest.approx(0.05)
    assert turning.moved.mean == pytest.approx(-0.15)


def test_milestones_keep_both_ends():
    assert milestones(range(2, 12), 3) == [3, 7, 11]
    assert milestones([2, 3], 4) == [3]
    assert milestones([5, 2, 4], 2) == [4, 5]
    assert milestones([2], 3) == [2]
    with pytest.raises(ValueError, match="spans: got none, expected at least one"):
        milestones([], 3)
    with pytest.raises(ValueError, match="count: got 1, expected at least 2"):
        milestones([3, 4], 1)


def test_trapped_units_are_those_at_one_both_times():
    made = report()
    assert trapped(made) == (2, 1)
    made.history[:] = made.history[1:2]  # nothing passed
    assert trapped(made) == (0, 0)
