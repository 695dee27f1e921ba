"""The demonstration of chapter 1, on brains small enough for a test; its claims fail on a null result."""

import pytest
import torch

from brainlib import ledger
from brainlib.brainstates.evaluation import reorder
from brainlib.ledger.verdicts import Verdict
from chapters.brainstates import demo, measures
from chapters.brainstates.demo import EM, METHODS, OFFICIAL, Demo, data_set, evaluated, score

TINY = Demo(2, states=2, neurons=4, bins=120, train=5, test=3, epochs=1, steps=2, iterations=5, restarts=2)
CLAIMS = ledger.read_claims("chapters/brainstates/claims.toml")


@pytest.fixture(scope="module")
def scores():
    return {method: [score((TINY, method), seed) for seed in range(2)] for method in METHODS}


def test_every_method_is_scored(scores):
    for method, (one, _) in scores.items():
        assert 0 < one["accuracy"] <= 1 and one["marginal"] < 0 and len(one["training"]) == 5
        assert (one["continued"] is not None) == (method in OFFICIAL)
        assert (one["fall"] is not None) == (method in (demo.ONE_STATE, EM))
        assert (one["correlation"] is None) == (method == demo.ONE_STATE)
    truth = scores[demo.TRUE][0]
    assert truth["training"] == [0] * 5 and truth["correlation"] == pytest.approx(1)
    assert scores[EM][0]["fall"] < 1e-6


def test_states_are_matched_before_weights_are_compared():
    data = data_set(TINY, seed=3)
    truth, swapped = (
        evaluated(p, data) for p in (data.brain.parameters, reorder(data.brain.parameters, torch.tensor([1, 0])))
    )
    assert swapped["correlation"] == pytest.approx(1) and swapped["accuracy"] == truth["accuracy"]


def verdict(claim: str, scores: dict, monkeypatch) -> str:
    monkeypatch.setattr(demo, "compare", lambda profile, seed: scores)
    found = measures.demonstration("laptop", 0, "cpu")[claim]
    facts = {"time": "2026"}
    record = ledger.Record(claim, tuple(found.effect), tuple(range(5)), "laptop", facts, control=tuple(found.control))
    return Verdict(CLAIMS[claim], record).outcome


def made_up(em: float, recipe: float, continued: float, last: float) -> dict:
    """Five brains' scores: nats below the truth, and how much better the recipe fits the last three sequences."""
    flat, rising = [-30.0] * 30, [-300.0] * 27 + [-300.0 + last] * 3
    tests = {demo.TRUE: 0.0, EM: em} | dict.fromkeys(OFFICIAL, recipe)
    return {
        method: [
            {
                "marginal": -nats - k,
                "continued": -continued - k,
                "fall": 0.0,
                "training": rising if method in OFFICIAL else flat,
            }
            for k in range(5)
        ]
        for method, nats in tests.items()
    }


def test_the_claims_fall_where_nothing_was_found(monkeypatch):
    """By as many nats as separate two fits that have done their work; and void where their controls show it too."""
    found = made_up(em=36, recipe=600, continued=36, last=500)
    assert [verdict(claim, found, monkeypatch) for claim in ("G1", "G2")] == ["holds", "holds"]
    null = made_up(em=36, recipe=40, continued=36, last=5)
    assert [verdict(claim, null, monkeypatch) for claim in ("G1", "G2")] == ["fails", "fails"]
    assert verdict("G1", made_up(em=36, recipe=600, continued=500, last=5), monkeypatch) == "void"
