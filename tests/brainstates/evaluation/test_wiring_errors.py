import math
from inspect import unwrap

import pytest
import torch

from brainlib.brainstates.evaluation import (
    accuracy_by_threshold,
    balanced_accuracy,
    classes,
    edge_auc,
    edge_rates,
    soft_adjacency,
    weight_error,
)

TRUE = torch.tensor([-1, -1, 0, 0, 0, 0, 1])


def test_weight_errors_by_hand():
    found = weight_error(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [3.0, 7.0]]))
    assert found.absolute == 1 and found.squared == 2.5
    assert found.correlation == pytest.approx(10 / math.sqrt(5 * 24))
    assert math.isnan(weight_error(torch.ones(3), torch.arange(3.0)).correlation)


def test_equation_8_by_hand():
    weights = torch.tensor([[[2.0, -1.0], [0.0, 1.0]], [[4.0, -0.5], [-0.25, 0.0]]])
    expected = torch.tensor(
        [
            [[[0, 0.5, 0.5], [1, 0, 0]], [[0, 1, 0], [0, 0.75, 0.25]]],
            [[[0, 0, 1], [0.5, 0.5, 0]], [[0.25, 0.75, 0], [0, 1, 0]]],
        ]
    )
    assert soft_adjacency(weights).equal(expected.double())


def test_equation_8_without_one_of_the_signs():
    assert soft_adjacency(torch.tensor([0.0, 2.0])).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert soft_adjacency(torch.tensor([-4.0, -1.0])).tolist() == [[1, 0, 0], [0.25, 0.75, 0]]
    assert soft_adjacency(torch.zeros(2)).tolist() == [[0, 1, 0]] * 2


def test_balanced_accuracy_by_hand():
    found = torch.tensor([-1, 0, 0, 0, 0, 1, 1])
    assert classes(torch.nn.functional.one_hot(found + 1, 3).double()).equal(found)
    assert balanced_accuracy(TRUE, found) == pytest.approx((1 / 2 + 3 / 4 + 1) / 3)
    assert balanced_accuracy(TRUE, torch.zeros(7).long()) == pytest.approx(1 / 3)
    no_inhibition = balanced_accuracy(TRUE[2:], torch.tensor([0, 0, 0, 1, 1]))
    assert no_inhibition == pytest.approx((3 / 4 + 1) / 2)


def test_the_accuracy_hangs_on_the_threshold():
    weights = torch.tensor([-1.0, -0.3, 0.0, -0.1, 0.2, 0.6, 2.0])  # through (8): .3 and .1 of -1; .1, .3 and 1 of 2
    scores = soft_adjacency(weights)
    found = accuracy_by_threshold(TRUE, scores, torch.tensor([0.05, 0.2, 0.5, 1.0]))
    by_hand = [(1 + 1 / 4 + 1) / 3, (1 + 3 / 4 + 1) / 3, (1 / 2 + 1 + 1) / 3, 1 / 3]
    assert found.tolist() == pytest.approx(by_hand)
    assert found[2] == pytest.approx(balanced_accuracy(TRUE, classes(scores)))


def test_edge_rates_by_hand():
    found = torch.tensor([-1, 1, 1, 0, 0, -1, 0])
    assert edge_rates(TRUE, found) == (pytest.approx(2 / 4), pytest.approx(2 / 3), pytest.approx(1 / 2))
    assert all(math.isnan(value) for value in edge_rates(torch.zeros(2).long(), torch.zeros(2).long()))


def test_the_area_is_the_probability_that_an_edge_outranks_another_pair():
    """Ranked 4 3 2 2 1: edge, other, a tie of an edge and an other, other."""
    scores = torch.tensor([[2.0, 4.0, 1.0], [3.0, 2.0, -1.0]])
    assert edge_auc(torch.tensor([[True, True, False], [False, False, True]]), scores) == pytest.approx(4.5 / 9)
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(200, generator=generator) < 0.3
    scores = torch.randint(10, (200,), generator=generator).double() + 3 * true
    difference = scores[true][:, None] - scores[~true]
    assert edge_auc(true, scores) == pytest.approx(((difference > 0).double() + (difference == 0) / 2).mean().item())
    assert math.isnan(edge_auc(torch.zeros(3).bool(), torch.zeros(3)))


def test_unfit_arguments():
    with pytest.raises(ValueError, match=r"estimated: got the shape \(2,\), expected true's \(3,\)"):
        unwrap(weight_error)(torch.zeros(3), torch.zeros(2))  # under the annotation check of the tests
    with pytest.raises(ValueError, match=r"true: got \[0, 2\], expected classes -1, 0 and 1"):
        balanced_accuracy(torch.tensor([0, 2]), torch.zeros(2).long())
    with pytest.raises(ValueError, match="scores: got values that are not finite"):
        edge_auc(torch.tensor([True]), torch.full((1,), torch.nan))
