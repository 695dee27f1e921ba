"""The demonstration of chapter 1, on brains small enough for a test."""

import pytest
import torch

from brainlib.brainstates.evaluation import reorder
from chapters.brainstates import demo, measures
from chapters.brainstates.demo import EM, METHODS, OFFICIAL, Demo, data_set, evaluated, score

TINY = Demo(2, states=2, neurons=4, bins=120, train=5, test=3, epochs=1, steps=2, iterations=5, restarts=2)


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


def test_the_measures_of_made_up_scores(monkeypatch):
    """EM 36 nats below the truth, the recipe 600 and, once EM has gone on, 40, the last three sequences better by 500.
    Where nothing is to be found the measure is 0.
    """

    def scored(em: float, recipe: float, continued: float) -> dict:
        curve = [-300.0] * 27 + [200.0] * 3
        nats = {demo.TRUE: 0.0, EM: em} | dict.fromkeys(OFFICIAL, recipe)
        one = {"continued": -continued, "fall": 0.0, "training": curve}
        scores = {method: [one | {"marginal": -n}] for method, n in nats.items()}
        monkeypatch.setattr(demo, "compare", lambda profile, seed: scores)
        return scores

    def measured() -> tuple:
        found = measures.demonstration("laptop", 0, "cpu")["G1"]
        return found.effect, found.control

    assert demo.recency(scored(36.0, 600.0, 40.0), next(iter(OFFICIAL))) == [500.0]
    assert measured() == ([564.0], [4.0])
    scored(36.0, 36.0, 36.0)
    assert measured() == ([0.0], [0.0])
