"""Estimators of chapter 2 on one small brain."""

from dataclasses import replace

import pytest
import torch

from chapters.brainstates import table
from chapters.brainstates.table import GLM, INTEGRATED, L1, METHODS, NAIVE, OFFICIAL, OPTIONS, POISSON, TRUE, Setting

SMALL = Setting(2, 6, train=3, test=2, bins=500, strength_sd=2.5, starts=1, iterations=15, epochs=2, steps=10)
LIKELIHOOD, WIRING = {"log_likelihood", "states"}, {"weights", "signed", "signed_best", "shared", "shared_auc"}


@pytest.fixture(scope="module")
def found():
    return {method: table.score((SMALL, method), 1) for method in (*METHODS, *OPTIONS)}


def test_every_method_has_a_score(found):
    for method, one in found.items():
        assert (set(one) >= LIKELIHOOD and 0.45 <= one["states"] <= 1) or method == GLM
        assert (set(one) >= WIRING) == (not method.startswith("HMM"))
        assert all(0 <= one[name] <= 1 for name in WIRING & set(one) - {"weights"})
        assert one.get("signed_best", 1) >= one.get("signed", 0) - 0.1


def test_the_truth_has_no_errors_and_nobody_is_far_above_it(found):
    truth = found[TRUE]
    assert (truth["weights"], truth["signed"], truth["shared"], truth["signed_best"]) == (0, 1, 1, 1)
    rivals = [one["log_likelihood"] for method, one in found.items() if method != "HMM without coupling, spike or none"]
    assert max(rivals) < truth["log_likelihood"] + 5
    assert found[L1]["chosen"] in table.GRIDS[L1] and found[NAIVE]["chosen"] is None


def test_no_prior_is_given_the_numbers_that_made_the_brains(found):
    for grid in table.GRIDS.values():
        assert -5.0 not in grid and 2.0 not in grid
    assert Setting().strength_sd != table.STRENGTH_SD
    assert found["the numbers that made the brain"]["chosen"] is None


def test_starts_are_the_same_for_all_and_differ(found):
    data = table.data_set(SMALL, 1)
    first, again = (list(table.starts(replace(SMALL, starts=2), data.brain.emission, data.train, 1)) for _ in range(2))
    assert len(first) == 4 and all(torch.equal(a.weights, b.weights) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].weights, first[1].weights)


def test_what_tunes_a_prior_is_not_what_it_was_fitted_to():
    data = table.data_set(SMALL, 1)
    seen, unseen = table.bins(data.train, 0, 400), table.bins(data.train, 400, 500)
    assert torch.equal(torch.cat((seen.counts, unseen.counts), 1), data.train.counts)
    assert seen.lengths.tolist() == [400] * 3 and unseen.lengths.tolist() == [100] * 3


def test_brains_of_other_kinds():
    nothing, sign = (table.data_set(replace(SMALL, kind=kind), 1).brain for kind in ("unconnected", "Dale"))
    assert not nothing.parameters.coupling.any() and nothing.adjacency.any()
    assert all(len(set(source.unique().tolist()) - {0}) == 1 for source in sign.adjacency.unbind(-1))


def test_only_the_first_sequences_train():
    few = table.data_set(replace(SMALL, seen=1), 1)
    assert few.train.counts.shape == (1, 500, 6) and few.test.counts.shape == (2, 500, 6)
    assert table.uncoupled(few, few.brain.emission, SMALL, 1).test.counts.equal(few.test.counts)
    assert POISSON in METHODS and INTEGRATED in METHODS and set(OFFICIAL) < set(METHODS)
