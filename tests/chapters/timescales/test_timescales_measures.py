"""Every measure runs at toy size; settings compare alike; whose numbers figures show."""

import json
import math
from dataclasses import replace

import pytest

from brainlib import ledger
from brainlib.ledger import PROFILES
from brainlib.runs import Run
from brainlib.timescales.curricula import all_at_once, from_scratch, single_head
from brainlib.timescales.training import CurriculumConfig
from chapters.timescales import figures, measures, released
from chapters.timescales.figures_lesions import numbers_of
from chapters.timescales.lesions import Lesions
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE, STILL
from chapters.timescales.settings import SETTINGS, conditions, main

CLAIMS = ledger.read_claims("chapters/timescales/claims.toml")
SCIENCE = {id: claim for id, claim in CLAIMS.items() if isinstance(claim, ledger.Claim)}
TINY = CurriculumConfig(
    "parity", measures.SETTINGS["ci"].conditions[SINGLE].curriculum, units=8, heads=8, batch_size=4, steps_per_epoch=2,
    epochs=3, largest_span=5, test_sequences=16, threshold=0.0,
)  # fmt: skip
TOY = replace(
    SETTINGS["ci"],
    networks=2,
    conditions={
        **main(TINY, epochs=4),
        **conditions(TINY, taus=(1, 2), window=(2, 1), gated={"units": 4}),
        "from scratch, 3": replace(TINY, curriculum=from_scratch(3)),
        "from scratch, 4": replace(TINY, curriculum=from_scratch(4)),
        "all at once, 4": replace(TINY, curriculum=all_at_once(4)),
    },
    recorded_bits=100,
    lesions=Lesions(32, 2, (0.1,), (0.1,), 2, 3, (4,), 1),
)


def relative(accuracy, baseline):
    """A network that guesses has no accuracy to lose."""
    return accuracy - baseline


@pytest.fixture
def toy(monkeypatch, runs_here):
    monkeypatch.setitem(SETTINGS, "ci", TOY)
    monkeypatch.setattr("chapters.timescales.lesions.relative_accuracy", relative)
    return monkeypatch


def test_every_measure_gives_a_value_and_a_control_for_each_network(toy):
    found = {}
    for function in {ledger.MEASURES[id] for id in SCIENCE}:
        found |= function("ci", 1, "cpu")
    assert found.keys() == SCIENCE.keys()
    for id, one in found.items():
        assert len(one.effect) == len(one.control) == TOY.networks, id
        assert all(map(math.isfinite, (*one.effect, *one.control))), id
        assert (len(one.reached) == TOY.networks) == (SCIENCE[id].domain is not None), id
        assert MULTI in one.settings["conditions"] or id == "T9", id
        verdict = ledger.record(id, one, TOY.seeds(1), "ci", "cpu", claims="chapters/timescales/claims.toml")
        assert verdict.outcome == "out of domain"  # judged from laptop up


def test_a_first_run_has_no_run_before_it_as_control(toy):
    first, later = (measures.weights("ci", run, "cpu")["T15"] for run in (0, 1))
    assert not first.control
    alone = [
        [one["growth"][SINGLE][str(one["span"])]["radius"] for one in measures.lesioned("growth", "ci", run, "cpu")]
        for run in (0, 1)
    ]
    assert later.control == pytest.approx(measures.less(alone[1], alone[0]))


def test_a_profile_without_a_condition_leaves_its_claims_out(toy):
    bare = replace(TOY, conditions=main(TINY, epochs=4))
    toy.setitem(SETTINGS, "ci", bare)
    for function, left in ((measures.fixed_time_constants, set()), (measures.ablations, {"T6"})):
        assert function("ci", 0, "cpu").keys() == left
    for function in (measures.other_networks_and_tasks, measures.no_curriculum, measures.clamp):
        assert not function("ci", 0, "cpu")


def test_smaller_leads_and_differences():
    ends = {SINGLE: {"a": 0.9, "b": 0.5}, MULTI: {"a": 0.7, "b": 1.0}}
    assert measures.crossing(ends, "a", "b") == pytest.approx(0.3)
    assert measures.crossing(ends, "b", "a") == pytest.approx(-0.4)
    assert measures.following([1, 2, 3]) == [2, 3, 1]


def test_every_profile_compares_the_two_curricula_alike():
    assert tuple(SETTINGS) == PROFILES
    for settings in SETTINGS.values():
        configs = settings.conditions
        assert {*CONDITIONS, STILL} <= configs.keys() and set(CONDITIONS) <= settings.lesioned.keys()
        for name, single in configs.items():
            if name.startswith("single-head"):
                multi = replace(configs[name.replace("single", "multi")], curriculum=single_head())
                longer = {"largest_span": single.largest_span, "epochs": single.epochs} if name == SINGLE else {}
                assert replace(multi, **longer) == single


def test_what_stands_still_begins_as_the_single_head_does_and_is_trained_as_long_as_any():
    for settings in SETTINGS.values():
        still, configs = settings.conditions[STILL], settings.conditions
        assert replace(still, curriculum=single_head(), threshold=0.98) == configs[SINGLE]
        assert still.epochs >= max(configs[name].epochs for name in CONDITIONS)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_retrained_can_have_been_solved(profile):
    settings = SETTINGS[profile]
    assert settings.lesions.retrained_from <= settings.conditions[MULTI].largest_span
    assert settings.lesions.retrained_from < min(settings.lesions.retrained_to)


def test_a_small_run_shows_the_recorded_laptop_run_and_a_larger_one_itself(monkeypatch):
    runs = [Run("lesions", profile, 0, {"of": profile}, {}) for profile in ("laptop", "paper")]
    monkeypatch.setattr(figures.runs, "kept", lambda name: runs)
    small, same = (figures.largest("lesions", profile, {"of": "here"}) for profile in ("ci", "laptop"))
    assert small == figures.Sample({"of": "laptop"}, "the recorded laptop run", "laptop")
    assert same == figures.Sample({"of": "here"}, "this laptop run", "laptop")


def test_the_authors_networks_are_measured_from_laptop_up_and_else_as_recorded(monkeypatch):
    kept, lesions = [Run("released", "laptop", 0, {"of": "record"}, {})], SETTINGS["ci"].lesions
    monkeypatch.setattr(released.runs, "kept", lambda name: kept)
    monkeypatch.setattr(released, "study", lambda settings, device: {"of": "this run"})
    assert [released.known(lesions, profile)[0]["of"] for profile in ("ci", "laptop")] == ["record", "this run"]
    monkeypatch.setattr(released, "study", lambda settings, device: None)
    assert released.known(lesions, "laptop")[0] == {"of": "record"}
    kept.clear()
    assert released.known(lesions, "ci")[0] is None


def test_the_record_of_the_authors_networks_says_what_their_files_do():
    (kept,) = released.runs.kept("released", "chapters/timescales/records/runs")
    content = json.loads(json.dumps(kept.content))
    for condition, spans in released.OFFICIAL["networks"].items():
        numbers = numbers_of({name: [one] for name, one in content.items()}, condition)
        mean, *_, radius = spans["11"]
        assert (numbers["mean τ (bits)"], numbers["spectral radius of W"]) == pytest.approx((mean, radius), abs=6e-3)
