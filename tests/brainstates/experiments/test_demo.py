"""The demonstration of chapter 1, on brains small enough for a test."""

from dataclasses import asdict, replace

import pytest
import torch

from brainlib.brainstates.evaluation import reorder
from brainlib.brainstates.experiments.demo import DEMOS, METHODS, OFFICIAL, Demo, compare, data_set, judged, score
from brainlib.ledger import PROFILES

TINY = Demo(2, states=2, neurons=4, bins=120, train=4, test=3, epochs=1, steps=2, iterations=5, restarts=2)


@pytest.fixture(scope="module")
def scores():
    return compare(TINY, [3], progress=False)


def test_profiles_share_no_data_and_are_at_full_size_but_in_ci():
    assert tuple(DEMOS) == PROFILES
    for name, demo in DEMOS.items():
        assert demo.data_sets >= 3
        assert [seed for run in range(3) for seed in demo.seeds(run)] == list(range(3 * demo.data_sets))
        assert name == "ci" or replace(demo, data_sets=1) == Demo(1)


def test_a_data_set_is_cut_into_training_and_test():
    data = data_set(TINY, seed=3)
    assert data.train.counts.shape == (4, 120, 4)
    assert data.test.counts.shape == (3, 120, 4)
    assert data.test_states.shape == (3, 120)
    assert data.brain.parameters.weights.shape == (2, 4, 5)
    again, other = data_set(TINY, seed=3), data_set(TINY, seed=4)
    assert torch.equal(data.test.counts, again.test.counts)
    assert not torch.equal(data.test.counts, other.test.counts)


def test_every_method_is_scored(scores):
    assert tuple(scores) == METHODS
    for method, (one,) in scores.items():
        assert 0 < one.accuracy <= 1 and one.marginal < 0 and one.plug_in < 0
        assert (one.continued is not None) == (method in OFFICIAL)
        assert (one.fall is not None) == (method in ("GLM, one state", "HG, EM"))
        assert (one.squared_error is None) == (method == "GLM, one state")
        assert len(one.training) == len(one.wiring) == len(one.wiring[0]) == 4


def test_the_truth_has_no_error(scores):
    truth = scores["true parameters"][0]
    assert (truth.squared_error, truth.seconds, truth.training) == (0, 0, [0, 0, 0, 0])
    assert truth.correlation == pytest.approx(1)
    assert scores["HG, EM"][0].fall < 1e-6


def test_states_are_matched_before_weights_are_compared():
    data = data_set(TINY, seed=3)
    swapped = reorder(data.brain.parameters, torch.tensor([1, 0]))
    assert judged(swapped, data).squared_error == 0
    assert judged(swapped, data).wiring == judged(data.brain.parameters, data).wiring


def test_what_is_finished_is_not_fitted_again(tmp_path, scores):
    def lasting(scores):
        return {method: [asdict(replace(one, seconds=0.0)) for one in of_one] for method, of_one in scores.items()}

    first = compare(TINY, [3], tmp_path, progress=False)
    assert lasting(first) == lasting(scores)
    assert compare(TINY, [3], tmp_path, progress=False) == first  # seconds included


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method: got 'SLDS', expected one of true parameters"):
        score("SLDS", TINY, data_set(TINY, 0), 0)
