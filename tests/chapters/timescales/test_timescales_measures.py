"""Every measure runs at toy size, and no claim's rule holds where there is nothing to find."""

import math
from dataclasses import replace

import numpy as np
import pytest

from brainlib import ledger
from brainlib.ledger.records import Record
from brainlib.ledger.verdicts import Verdict
from brainlib.timescales.curricula import all_at_once, from_scratch
from brainlib.timescales.training import CurriculumConfig
from chapters.timescales import measures
from chapters.timescales.lesions import Lesions
from chapters.timescales.networks import MULTI, SINGLE
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
def toy(monkeypatch, tmp_path):
    monkeypatch.setitem(SETTINGS, "ci", TOY)
    monkeypatch.setattr("chapters.timescales.lesions.relative_accuracy", relative)
    monkeypatch.setenv("BRAINLIB_RUNS", str(tmp_path))
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")
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


def test_a_profile_without_a_condition_leaves_its_claims_out(toy):
    bare = replace(TOY, conditions=main(TINY, epochs=4))
    toy.setitem(SETTINGS, "ci", bare)
    for function, left in ((measures.fixed_time_constants, set()), (measures.ablations, {"T6"})):
        assert function("ci", 0, "cpu").keys() == left
    for function in (measures.other_networks_and_tasks, measures.no_curriculum, measures.clamp):
        assert not function("ci", 0, "cpu")


def test_smaller_leads_and_differences():
    ends = {SINGLE: {"a": 0.9, "b": 0.5}, MULTI: {"a": 0.7, "b": 1.0}, "sliding window": {"a": 0.8, "b": 0.6}}
    assert measures.crossing(ends, "a", "b") == pytest.approx(0.3)
    assert measures.crossing(ends, "b", "a") == pytest.approx(-0.4)
    assert measures.in_between(ends, "b") == pytest.approx(0.1)
    assert measures.in_between(ends, "a") == pytest.approx(-0.1)
    assert measures.following([1, 2, 3]) == [2, 3, 1]


@pytest.mark.parametrize("id", SCIENCE)
def test_no_claim_holds_where_nothing_is_to_be_found(id):
    claim, generator = SCIENCE[id], np.random.default_rng(1)
    least = claim.least
    nothing = 2 * least if claim.side == "within" else 0.0
    shown = -3 * least if claim.side == "below" else 3 * least
    control = 3 * least if claim.side == "within" else 0.0

    def outcome(mean: float, beside: float) -> str:
        values, others = (around + 0.2 * least * generator.normal(size=claim.seeds) for around in (mean, beside))
        reached = (claim.domain["from"],) * claim.seeds if claim.domain else ()
        record = Record(
            id, tuple(values), tuple(range(claim.seeds)), claim.profile, {}, tuple(others), tuple(map(float, reached))
        )
        return Verdict(claim, record).outcome

    assert outcome(nothing, control) == "fails"
    assert outcome(0.0 if claim.side == "within" else shown, control) == "holds"  # and holds where there is something
    assert outcome(0.0 if claim.side == "within" else shown, 0.0 if claim.side == "within" else shown) == "void"
