"""The demonstration of chapter 1, on brains small enough for a test."""

import pytest
import torch

from brainlib.brainstates.evaluation import reorder
from chapters.brainstates import demo
from chapters.brainstates.demo import METHODS, OFFICIAL, Demo, data_set, evaluated, score

TINY = Demo(2, states=2, neurons=4, bins=120, train=4, test=3, epochs=1, steps=2, iterations=5, restarts=2)


@pytest.fixture(scope="module")
def scores():
    return {method: [score((TINY, method), 3)] for method in METHODS}


def test_every_method_is_scored(scores):
    for method, (one,) in scores.items():
        assert 0 < one["accuracy"] <= 1 and one["marginal"] < 0 and one["plug_in"] < 0
        assert (one["continued"] is not None) == (method in OFFICIAL)
        assert (one["fall"] is not None) == (method in (demo.GLM, demo.EM))
        assert (one["squared_error"] is None) == (method == demo.GLM)
        assert len(one["training"]) == 4
    truth = scores[demo.TRUE][0]
    assert (truth["squared_error"], truth["seconds"], truth["training"]) == (0, 0, [0, 0, 0, 0])
    assert truth["correlation"] == pytest.approx(1) and scores[demo.EM][0]["fall"] < 1e-6
    (ahead,) = demo.lead(scores, demo.TRUE, *OFFICIAL)
    assert ahead == min(demo.below_truth(scores, method)[0] for method in OFFICIAL)


def test_states_are_matched_before_weights_are_compared():
    data = data_set(TINY, seed=3)
    swapped = evaluated(reorder(data.brain.parameters, torch.tensor([1, 0])), data)
    assert swapped["squared_error"] == 0 and swapped["accuracy"] == evaluated(data.brain.parameters, data)["accuracy"]
