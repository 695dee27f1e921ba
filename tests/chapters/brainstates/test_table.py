import dataclasses

import pytest
import torch

from brainlib.brainstates.fitting import Model
from chapters.brainstates import table
from chapters.brainstates.table import KNOWN, METHODS, STRENGTHS, THRESHOLDS, TRUE, Setting

SMALL = Setting(2, 6, train=3, test=2, bins=400, strength_sd=2.5, restarts=2, iterations=15, l1=(3.0, 30.0))


@pytest.fixture(scope="module")
def data():
    return table.data_set(SMALL, 1)


@pytest.fixture(scope="module")
def row(data):
    return table.scores(data, SMALL, 1, METHODS)


def test_every_method_has_a_score(row):
    assert tuple(row) == METHODS
    for method, score in row.items():
        assert 0.5 <= score["accuracy"] <= 1 or method == "GLM"
        assert 0 <= score["adjacency"] <= 1 and 0 <= score["prior_adjacency"] <= 1
        assert len(score["by_threshold"]) == len(THRESHOLDS) and len(score["by_strength"]) == len(STRENGTHS)
        assert (score["error"] is None) == method.startswith("HMM")


def test_the_truth_has_no_errors(row):
    score = row[TRUE]
    assert (score["error"], score["adjacency"], score["prior_adjacency"], score["sign"]) == (0, 1, 1, 1)
    assert all(share in (None, 1) for share in score["by_strength"])
    assert score["log_likelihood"] >= max(row[m]["log_likelihood"] for m in ("GLM", "HG", "GHG"))


def test_known_states_and_true_weights_are_a_bound(row):
    assert row[KNOWN]["error"] < row["HG"]["error"]
    assert row[KNOWN]["log_likelihood"] > row["HG"]["log_likelihood"]


def test_found_shares_by_strength_are_counted_by_hand(data):
    brain = data.brain
    found = torch.where(brain.strengths >= 0.03, brain.adjacency, 0)
    shares = table.by_strength(brain, found)
    assert all(share in (0, None) for share in shares[:2])
    assert all(share in (1, None) for share in shares[2:])
    flipped = table.by_strength(brain, -brain.adjacency)
    assert all(share in (0, None) for share in flipped)


def test_the_penalty_with_the_most_probable_unseen_sequences_is_chosen(data):
    model = Model(2)
    assert table.chosen_penalty(model, data.train, SMALL, 0) in SMALL.l1
    assert table.chosen_penalty(model, data.train, dataclasses.replace(SMALL, l1=(5.0,)), 0) == 5.0
    assert table.chosen_penalty(model, data.train.pick([0]), SMALL, 0) == 3.0
