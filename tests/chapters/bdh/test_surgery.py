"""Claims on cipher languages: every measure runs at toy size, and what shows nothing fails the rule."""

from dataclasses import replace

import pytest

from brainlib import ledger
from brainlib.bdh import BDHConfig
from chapters.bdh import cipher_lessons, measures, surgery
from chapters.bdh.ciphers import Ciphers
from chapters.bdh.credit import RULES
from chapters.bdh.surgery import PLANS

CLAIMS = "chapters/bdh/claims.toml"
TOY = Ciphers(languages=5, meanings=6, length=3)
TINY = replace(
    PLANS["ci"], ciphers=TOY, model=BDHConfig(2, 8, 2, 16, TOY.vocab, 0.0), steps=2, clone_steps=1, test_rows=8,
    verses=Ciphers(2, 6, 3, "verses"), models=5,
)  # fmt: skip


def test_models_that_have_learned_nothing_show_nothing(monkeypatch, runs_here):
    monkeypatch.setitem(PLANS, "laptop", TINY)
    found = measures.paths_of_credit("laptop", 0, "cpu") | measures.merging("laptop", 0, "cpu")
    for claim, outcome in {"C1": "fails", "C2": "out of domain", "C3": "fails"}.items():
        assert ledger.record(claim, found, range(5), "laptop", "cpu", claims=CLAIMS).outcome == outcome
    sizes = surgery.mergeability(replace(TINY, shared=(0, 1), widths=(8,)), 1e-2, 0, "cpu")
    assert {what: list(of) for what, of in sizes.items()} == {"shared": ["0", "1", "2"], "neurons": ["8", "16"]}
    assert list(surgery.merging(TINY, 1e-2, 0, "cpu"))[-4:] == [
        f"merged {names}" for names in ("CD", "BD", "BC", "CDE")
    ]


def test_what_a_merge_keeps_is_measured_against_the_better_of_two_ways_out():
    judged = {
        "clone C": {"D→A": 3.0, "A": 2.0},
        "clone D": {"C→A": 1.5, "A": 2.0},
        "merged CD": {"C→A": 0.4, "D→A": 0.3},
        "merged BD": {"C→A": 1.6},
        "merged BC": {"D→A": 2.5},
    }
    assert surgery.kept(judged, surgery.MERGED) == pytest.approx(min(1.5 - 0.4, 2.0 - 0.3))
    assert surgery.kept(judged, surgery.UNTAUGHT) == pytest.approx(-0.5)


def test_the_gap_is_closed_by_what_closes_it():
    gains = dict.fromkeys(RULES, 0.5) | {"through time": 2.5, "through keys": 2.0}
    shares = {rule: cipher_lessons.gap_closed(gains, rule) for rule in RULES}
    assert shares["through time"] == 1 and shares["present only"] == 0 and shares["through keys"] == 0.75


def test_less_learned_altogether_is_no_correspondence_lost(monkeypatch, runs_here):
    """Where words alone cost more as well, C1 is void."""
    worse = {"through time": 0.0} | dict.fromkeys(list(RULES)[1:], 0.5)
    found = [{r: {"A": 2 + w, "B": 2 + w, "B→A": 1 + 2 * w, "A→B": 1 + 2 * w} for r, w in worse.items()}] * 5
    monkeypatch.setattr(measures, "rules", lambda plan, seed, device: found)
    monkeypatch.setattr(measures, "rates", lambda plan, device: {})
    values = measures.paths_of_credit("laptop", 0, "cpu")
    assert values["C1"].effect == [0.5] * 5
    assert ledger.record("C1", values, range(5), "laptop", "cpu", claims=CLAIMS).outcome == "void"
    assert measures.paths_of_credit("paper", 0, "cpu") == {} == measures.merging("paper", 0, "cpu")


def test_rates_are_widened_and_overflows_are_the_worst(monkeypatch, runs_here):
    def trained(learn, lessons, seed, device):
        rate = lessons[""].training.learning_rate
        if rate > 4:
            raise FloatingPointError
        return {"": (rate, None)}

    monkeypatch.setattr(cipher_lessons, "losses", lambda model, plan, pair, seed: {"A": abs(model - 4.0)})
    monkeypatch.setattr(cipher_lessons, "trained", trained)
    monkeypatch.setenv("BRAINLIB_PROCESSES", "1")
    for tried in ((0.5, 1.0, 2.0), (8.0, 16.0)):
        assert cipher_lessons.best_rate(replace(TINY, rates=tried), "through time") == 4.0
    assert cipher_lessons.best_rate(replace(TINY, rates=(1.0,)), "through time") == 1.0


def test_clones_of_one_parent_read_sentences_of_their_own(monkeypatch, runs_here):
    drawn = []
    monkeypatch.setattr(cipher_lessons, "fit", lambda model, batches, *others, **options: drawn.append(batches) or {})
    for number in (1, 2, 3):
        cipher_lessons.learn(replace(TINY.parent(1e-2), pair=(0, number)), 0, device="cpu")
    firsts = [batches.next_batch()[0].sort().values for batches in drawn]
    assert not firsts[1].sub(TOY.meanings).equal(firsts[2].sub(2 * TOY.meanings))
