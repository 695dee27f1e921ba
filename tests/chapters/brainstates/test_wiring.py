import math

import pytest
import torch

from chapters.brainstates.wiring import (
    accuracy_by_threshold,
    balanced_accuracy,
    classes,
    edge_rates,
    soft_adjacency,
)

TRUE = torch.tensor([-1, -1, 0, 0, 0, 0, 1])


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
    assert balanced_accuracy(TRUE, found) == pytest.approx((1 / 2 + 3 / 4 + 1) / 3)
    assert balanced_accuracy(TRUE, torch.zeros(7).long()) == pytest.approx(1 / 3)
    no_inhibition = balanced_accuracy(TRUE[2:], torch.tensor([0, 0, 0, 1, 1]))
    assert no_inhibition == pytest.approx((3 / 4 + 1) / 2)


def test_the_accuracy_hangs_on_the_threshold():
    weights = torch.tensor([-1.0, -0.3, 0.0, -0.1, 0.2, 0.6, 2.0])  # through (8): .3 and .1 of -1; .1, .3 and 1 of 2
    scores = soft_adjacency(weights)
    found = accuracy_by_threshold(TRUE, scores, (0.05, 0.2, 0.5, 1.0))
    by_hand = [(1 + 1 / 4 + 1) / 3, (1 + 3 / 4 + 1) / 3, (1 / 2 + 1 + 1) / 3, 1 / 3]
    assert found == pytest.approx(by_hand)
    assert found[2] == pytest.approx(balanced_accuracy(TRUE, classes(scores)))


def test_edge_rates_by_hand():
    found = torch.tensor([-1, 1, 1, 0, 0, -1, 0])
    assert edge_rates(TRUE, found) == (pytest.approx(2 / 4), pytest.approx(1 / 2))
    assert all(math.isnan(value) for value in edge_rates(torch.zeros(2).long(), torch.zeros(2).long()))
