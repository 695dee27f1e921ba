import json
from dataclasses import replace

import pytest
import torch
from known_network import IDLE, known_network

from brainlib.timescales.curricula import multi_head, single_head
from brainlib.timescales.experiments import EXPERIMENTS
from brainlib.timescales.lesions import study
from brainlib.timescales.report import Epoch, Report, TimeConstants
from brainlib.timescales.school import School
from brainlib.timescales.testing import running_test

TAU = TimeConstants(2.0, 1.7, 5.0, 0.75)


def report(*passed: tuple[int, ...]) -> Report:
    """Of a network that solved span 2 at once and, so it says, other stages later."""
    network = known_network()
    history = [Epoch(spans, (1.0,) * len(spans), True, 0.0, TAU, 0.0, 0.0) for spans in ((2,), *passed)]
    return Report(0, network, history, {epoch + 1: network.state_dict() for epoch in range(len(history))}, "here")


@pytest.fixture
def experiment():
    school = School("parity", single_head(), units=4, heads=3, batch=4, steps=2, epochs=2, largest=4, tests=8)
    return replace(
        EXPERIMENTS["ci"],
        lesioned={"single-head": school, "multi-head": replace(school, curriculum=multi_head())},
        test_sequences=400,
        lesioned_units=1,
        weight_strengths=(0.0, 10.0),
        tau_strengths=(0.0, 10.0),
        perturbations=2,
        retrained_from=5,
        retrained_to=(3,),
        retraining_epochs=1,
    )


@pytest.fixture
def reports():
    return {"single-head": report((3,)), "multi-head": report()}


def test_the_shared_span_is_the_shorter_of_the_longest(reports):
    assert study.shared_span(reports) == 2
    reports["multi-head"].history.clear()
    with pytest.raises(ValueError, match="multi-head': 1"):
        study.shared_span(reports)


def test_a_span_is_answered_by_the_head_it_was_taught_with(experiment):
    assert study.head_for(experiment.lesioned["single-head"], 4) == 0
    assert study.head_for(experiment.lesioned["multi-head"], 4) == 2


def test_growth_tells_time_constants_and_weights_at_every_span(reports):
    grown = study.growth(reports)["single-head"]
    assert list(grown) == ["2", "3"]
    assert grown["3"]["epoch"] == 2
    assert grown["2"]["tau mean"] == 2.0 and grown["2"]["tau largest"] == 5.0
    assert grown["2"]["tau std"] == pytest.approx(3**0.5)
    assert grown["2"]["norm"] == pytest.approx(3**0.5)  # three weights of 1


def test_memory_asks_for_all_spans_solved_and_reads_the_state_anew(experiment, reports):
    memory = study.memory(experiment, reports)
    assert memory["span"] == 2
    single = memory["taught"]["single-head"]["3"]
    assert single["2"] == 1.0
    assert single["3"] == pytest.approx(0.5, abs=0.1)  # the network only says that it solved this one
    assert list(memory["taught"]["multi-head"]) == ["2"]
    fresh = memory["fresh"]["multi-head"]
    assert list(fresh) == ["2", "3", "4"]
    assert fresh["2"] == 1.0
    assert fresh == memory["fresh"]["single-head"]  # the same network
    assert memory["fresh"]["untrained"].keys() == fresh.keys() and memory["fresh"]["untrained"] != fresh


def test_losses_are_those_of_the_units_that_are_needed(experiment, reports):
    losses = study.losses(experiment, reports)
    ends = losses["by span"]["single-head"]["2"]
    assert (ends["accuracy"], ends["slowest"]) == (1.0, 1.0)  # nobody hears the slow unit
    assert ends["fastest"] < 0.6
    assert (ends["tau of the fastest"], ends["tau of the slowest"]) == (1.0, 5.0)
    units = losses["units"]["single-head"]
    assert units["tau"] == [1.0, 1.0, 1.0, 5.0]
    assert (units["spans"], units["intact"], units["without"][IDLE]) == ([2], [1.0], [1.0])
    assert all(without[0] < 0.8 for without in units["without"][:IDLE])


def test_networks_with_a_head_a_span_are_asked_for_all_of_them_without_each_unit(experiment):
    single, multi = (study.every_unit(report((2, 3)), school, longest=3) for school in experiment.lesioned.values())
    assert single["spans"] == [3]
    assert multi["spans"] == [2, 3]
    assert multi["intact"] == [1.0, pytest.approx(0.5, abs=0.03)]  # head 1 answers something else
    assert len(multi["without"]) == 4 and all(len(accuracies) == 2 for accuracies in multi["without"])


def test_pushes_leave_all_at_strength_nought_and_nothing_at_a_large_one(experiment, reports):
    pushes = study.pushes(experiment, reports)
    for what in ("weight", "tau"):
        left = pushes[what]["multi-head"]
        assert left["0.0"] == 1.0
        assert left["10.0"] < 0.7
    assert pushes["norm"]["single-head"] == pytest.approx(3**0.5)
    assert pushes["equal"]["single-head"] == pytest.approx(pushes["equal"]["multi-head"])  # the same network


def test_networks_go_back_to_school_from_the_span_that_both_solved(experiment, reports, tmp_path):
    outcome = study.schooling_again(experiment, reports, "cpu", tmp_path)
    assert outcome["from"] == 2
    assert 0 <= outcome["multi-head"]["3"] <= 1
    assert study.schooling_again(experiment, reports, "cpu", tmp_path) == outcome  # from the checkpoints


def test_what_is_kept_is_plain_json(experiment, reports):
    for measure in (study.memory, study.losses, study.pushes):
        outcome = measure(experiment, reports)
        assert json.loads(json.dumps(outcome, allow_nan=False)) == outcome


def test_margins_are_positive_where_the_answer_is_right():
    network = known_network()
    test = running_test(network, "parity", 2, 0, torch.Generator().manual_seed(0), sequences=2, steps=50)
    margins = study.margins(network, test)
    assert margins.shape == (100,)
    assert torch.equal(margins, torch.full((100,), 0.5))
    test = test._replace(answers=1 - test.answers)
    assert torch.equal(study.margins(network, test), torch.full((100,), -0.5))
