from dataclasses import replace

import pytest

from brainlib.ledger import PROFILES
from brainlib.timescales.curricula import single_head
from brainlib.timescales.experiments import EXPERIMENTS, attend_all, both, gated
from brainlib.timescales.school import School

TINY = School("parity", single_head(), units=8, heads=8, batch=4, steps=2, epochs=2, tests=8, largest=5, gate=0.0)


def test_every_profile_compares_the_two_curricula_alike():
    assert tuple(EXPERIMENTS) == PROFILES
    for experiment in EXPERIMENTS.values():
        for schools in (experiment.schools, experiment.lesioned):
            for name in schools:
                if name.startswith("single-head"):
                    multi = schools[name.replace("single", "multi")]
                    assert replace(multi, curriculum=single_head(), largest=schools[name].largest) == schools[name]
        assert {"single-head", "multi-head"} <= experiment.schools.keys() & experiment.lesioned.keys()


def test_gates_are_tested_on_enough_sequences_but_in_ci():
    for profile, experiment in EXPERIMENTS.items():
        schools = [*experiment.schools.values(), *experiment.lesioned.values()]
        assert {school.gate for school in schools} == {0.98}
        assert profile == "ci" or min(school.tests for school in schools) >= 5000


def test_runs_share_no_seed():
    experiment = EXPERIMENTS["ci"]
    assert [seed for run in range(3) for seed in experiment.seeds(run)] == list(range(3 * experiment.networks))


def test_conditions_are_named_after_what_they_change():
    schools = both(TINY, "tau 2", tau=2.0) | gated(TINY, units=4, epochs=1)
    assert list(schools) == [
        f"{heads}-head, {remark}" for remark in ("tau 2", "lstm", "gru") for heads in ("single", "multi")
    ]
    assert schools["multi-head, tau 2"].tau == 2.0
    assert (schools["single-head, gru"].learning_rate, schools["single-head, gru"].rate) == (0.001, 0.5)


def test_all_networks_of_all_conditions_are_trained_and_found_again(tmp_path):
    schools = both(TINY) | both(TINY, "tau 2", tau=2.0)
    reports = attend_all(schools, range(2, 4), "cpu", tmp_path)
    assert list(reports) == list(schools)
    assert [[report.seed for report in of_one] for of_one in reports.values()] == [[2, 3]] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{heads}-head{remark}-{seed}" for heads in ("single", "multi") for remark in ("", "-tau-2") for seed in (2, 3)
    )
    again = attend_all(schools, range(2, 4), "cpu", tmp_path)
    assert [[r.history for r in of_one] for of_one in again.values()] == [
        [r.history for r in of_one] for of_one in reports.values()
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_retrained_can_have_been_solved(profile):
    experiment = EXPERIMENTS[profile]
    assert experiment.retrained_from <= experiment.lesioned["single-head"].largest
    assert experiment.retrained_from < min(experiment.retrained_to)
