import json
from dataclasses import asdict, replace

import pytest
import torch

from brainlib.timescales import schooling, tasks
from brainlib.timescales.curricula import from_scratch, multi_head, single_head, sliding_window
from brainlib.timescales.model import LeakyRNN
from brainlib.timescales.report import Epoch, Report, TimeConstants
from brainlib.timescales.school import School
from brainlib.timescales.schooling import attend
from brainlib.training import CheckpointError

# Every test is passed: what is asked here is whether the school keeps its books.
TINY = School("parity", single_head(), units=12, heads=12, batch=8, steps=4, epochs=4, tests=32, largest=9, gate=0.0)
WINDOW = sliding_window(width=3, stride=2)


def same(one: Report, other: Report) -> None:
    """Everything but the seconds, bit for bit."""
    without = [[replace(epoch, seconds=0.0) for epoch in report.history] for report in (one, other)]
    assert without[0] == without[1]
    states = [{0: report.network.state_dict()} | report.snapshots for report in (one, other)]
    assert states[0].keys() == states[1].keys()
    for number, state in states[0].items():
        for name, tensor in state.items():
            assert torch.equal(tensor, states[1][number][name]), (number, name)


def interrupted_after(draws: int, monkeypatch) -> None:
    """The run's process ends when it draws once more."""
    draw, drawn = tasks.draw, []

    def interrupt(*arguments, **named):
        drawn.append(1)
        if len(drawn) > draws:
            raise KeyboardInterrupt
        return draw(*arguments, **named)

    monkeypatch.setattr(tasks, "draw", interrupt)


@pytest.mark.parametrize(
    "school",
    [
        TINY,
        replace(TINY, curriculum=multi_head(), task="match", inside=False),
        replace(TINY, curriculum=WINDOW, tau_form="projected"),
        replace(TINY, network="lstm", learning_rate=0.01, rate=0.5),
    ],
    ids=["single", "multi", "window", "lstm"],
)
@pytest.mark.parametrize("draws", [3, 10])
def test_an_interrupted_run_ends_bit_for_bit_as_an_uninterrupted_one(school, draws, tmp_path, monkeypatch):
    whole = attend(school, 3, "cpu", progress=False)
    with monkeypatch.context() as patch:
        interrupted_after(draws, patch)
        with pytest.raises(KeyboardInterrupt):
            attend(school, 3, "cpu", tmp_path, progress=False)
    done = len(list(tmp_path.glob("step-*")))
    assert (done == 0) == (draws == 3)  # in the first epoch, or later
    same(attend(school, 3, "cpu", tmp_path, progress=False), whole)
    same(attend(school, 3, "cpu", tmp_path, progress=False), whole)  # and when it is only loaded


def test_schools_whose_stages_begin_alike_teach_the_same_network():
    single = attend(TINY, 5, "cpu", progress=False)
    multi = attend(replace(TINY, curriculum=multi_head()), 5, "cpu", progress=False)
    other = attend(TINY, 6, "cpu", progress=False)
    at_two = [report.network_at(2).state_dict() for report in (single, multi, other)]
    assert all(torch.equal(at_two[0][name], at_two[1][name]) for name in at_two[0])
    assert not all(torch.equal(at_two[0][name], at_two[2][name]) for name in at_two[0])


def test_the_callers_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    attend(replace(TINY, epochs=1), 0, "cpu", progress=False)
    attend(replace(TINY, epochs=1, network="gru", rate=0.5), 0, "cpu", progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_history_says_what_was_practised_and_solved():
    report = attend(replace(TINY, curriculum=WINDOW), 0, "cpu", progress=False)
    assert [epoch.spans for epoch in report.history] == [(2, 3, 4), (4, 5, 6), (6, 7, 8), (8, 9, 10)]
    assert report.solved == {2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3, 8: 3, 9: 4, 10: 4}
    assert all(
        len(epoch.accuracy) == 3 and all(0 <= share <= 1 for share in epoch.accuracy) for epoch in report.history
    )
    second = report.network_at(5)
    assert TimeConstants.of(second) == report.history[1].tau
    assert TimeConstants.of(report.network) == report.history[-1].tau
    assert not report.network.training and not second.training
    with pytest.raises(ValueError, match="span: got 11, expected one that was solved: 2, 3, 4, 5"):
        report.network_at(11)
    assert [Epoch.from_dict(json.loads(json.dumps(asdict(epoch)))) for epoch in report.history] == report.history


def test_operations_are_counted_from_the_lengths_that_were_drawn(monkeypatch):
    lengths, draw = [], tasks.draw

    def note(*arguments, **named):
        bits, answers = draw(*arguments, **named)
        lengths.append((len(bits), len(answers)))
        return bits, answers

    school = replace(TINY, curriculum=multi_head(), epochs=2, tests=8)
    with monkeypatch.context() as patch:
        patch.setattr("brainlib.timescales.schooling.tasks.draw", note)
        report = attend(school, 0, "cpu", progress=False)
    trained = [length for length in lengths if length][: school.steps]
    expected = sum(8 * (6 * 12**2 * length + 12 * 12 * spans) for length, spans in trained)
    assert report.history[0].operations == expected
    assert report.history[1].operations > expected
    assert replace(school, network="lstm", learning_rate=None).operations(10, 0) == 4 * school.operations(10, 0)


def test_the_longest_span_is_the_last_that_was_passed():
    def epoch(span, passed):
        return Epoch((span,), (0.5,), passed, 1.0, TimeConstants(1.5, 0.3, 2.0, 0.0), 10.0, 0.0)

    history = [epoch(2, True), epoch(3, False), epoch(3, True), epoch(4, False)]
    assert [Report(0, LeakyRNN(2, 1), history[:count], {}, "here").longest for count in range(5)] == [1, 2, 2, 3, 3]


def test_training_ends_at_the_largest_span_at_the_last_stage_or_after_all_epochs():
    def spans(school):
        return [epoch.spans for epoch in attend(school, 0, "cpu", progress=False).history]

    assert spans(replace(TINY, largest=3)) == [(2,), (3,)]
    assert spans(replace(TINY, curriculum=from_scratch(5))) == [(5,)]
    assert spans(replace(TINY, curriculum=from_scratch(5), gate=0.999)) == [(5,)] * 4


def test_training_can_go_on_from_a_network_and_leaves_it_alone():
    begun = attend(replace(TINY, epochs=1), 0, "cpu", progress=False).network
    before = {name: tensor.clone() for name, tensor in begun.state_dict().items()}
    taught = attend(replace(TINY, curriculum=from_scratch(4), epochs=1), 1, "cpu", start=begun, progress=False).network
    assert all(torch.equal(tensor, before[name]) for name, tensor in begun.state_dict().items())
    tau = TimeConstants.of(taught).mean
    assert tau != TimeConstants.of(begun).mean and abs(tau - TimeConstants.of(begun).mean) < 0.1


def test_fixed_time_constants_stay():
    report = attend(replace(TINY, tau=2.0), 0, "cpu", progress=False)
    assert all(epoch.tau == TimeConstants(2.0, 0.0, 2.0, 0.0) for epoch in report.history)


def test_a_run_that_is_no_longer_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    draw, drawn = tasks.draw, []

    def spoil(*arguments, **named):
        bits, answers = draw(*arguments, **named)
        drawn.append(len(bits))
        return bits if len(drawn) < 11 else bits * torch.nan, answers

    school = replace(TINY, tests=8)  # four steps and one test an epoch
    with monkeypatch.context() as patch:
        patch.setattr("brainlib.timescales.schooling.tasks.draw", spoil)
        with pytest.raises(FloatingPointError, match=r"span \d+, epoch \d, step \d: the loss is nan"):
            attend(school, 0, "cpu", tmp_path, progress=False)
    kept = sorted(tmp_path.iterdir())
    assert kept and all(path.name.startswith("step-") for path in kept)
    same(attend(school, 0, "cpu", tmp_path, progress=False), attend(school, 0, "cpu", progress=False))


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    attend(replace(TINY, epochs=1), 0, "cpu", tmp_path, progress=False)
    with pytest.raises(CheckpointError, match="its seed is 0, here it is 1"):
        attend(replace(TINY, epochs=1), 1, "cpu", tmp_path, progress=False)
    with pytest.raises(CheckpointError, match=r"its school\.clip is 2\.0, here it is 1\.0"):
        attend(replace(TINY, epochs=1, clip=1.0), 0, "cpu", tmp_path, progress=False)


def test_only_a_finished_run_of_another_device_is_taken(tmp_path, monkeypatch):
    own = schooling._Course._identity
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(schooling._Course, "_identity", lambda course: own(course) | {"device": "cuda"})
        elsewhere.setattr(schooling, "device_name", lambda device: "a GPU")
        there = attend(replace(TINY, epochs=1), 0, "cpu", tmp_path, progress=False)
    here = attend(replace(TINY, epochs=1), 0, "cpu", tmp_path, progress=False)
    same(here, there)
    assert here.trained_on == there.trained_on == "a GPU"
    with monkeypatch.context() as longer:
        longer.setattr(schooling, "_over", lambda school, history: False)
        with pytest.raises(CheckpointError, match="its device is 'cuda', here it is 'cpu'"):
            attend(replace(TINY, epochs=1), 0, "cpu", tmp_path, progress=False)


def test_a_small_network_learns_parity():
    school = School(
        "parity", multi_head(), 48, 4, batch=64, steps=60, epochs=20, largest=3, tests=1024, learning_rate=0.2
    )
    report = attend(school, 0, "cpu", progress=False)
    assert report.longest == 3
    assert report.history[-1].accuracy[-1] > 0.98


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: got 0, expected a whole number of at least 1"),
        ({"gate": 1.0}, "gate: got 1.0, expected a share from 0 to below 1"),
        ({"tau": 0.5}, "tau: got 0.5 of a leaky network, expected None, or for a leaky one 1 or more"),
        ({"network": "gru", "tau": 1.0}, "tau: got 1.0 of a gru network"),
        ({"clip": 0.0}, "clip: got 0.0, expected a positive number"),
        ({"momentum": 1.0}, "momentum: got 1.0"),
        (
            {"curriculum": multi_head(), "largest": 30},
            "heads: got 12, expected at least 29 for the multi-head curriculum up to span 30",
        ),
    ],
)
def test_a_school_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)
