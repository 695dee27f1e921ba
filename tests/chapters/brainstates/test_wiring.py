import pytest
import torch

from chapters.brainstates.wiring import (
    balanced_accuracy,
    best_accuracy,
    classes,
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


def test_the_best_threshold_by_hand():
    scores = soft_adjacency(torch.tensor([-1.0, -0.3, 0.0, -0.1, 0.2, 0.6, 2.0]))  # .3 and .1 of -1; .1, .3 and 1 of 2
    assert best_accuracy(TRUE, scores) == pytest.approx((1 + 3 / 4 + 1) / 3)
    assert best_accuracy(TRUE, scores) > balanced_accuracy(TRUE, classes(scores))
