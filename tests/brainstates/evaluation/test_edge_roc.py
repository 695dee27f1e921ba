import inspect

import pytest
import torch

from brainlib.brainstates.evaluation import edge_roc


def test_a_curve_by_hand():
    """Ranked 4 3 2 2 1: edge, other, a tie of an edge and an other, other."""
    scores = torch.tensor([[2.0, 4.0, 1.0], [3.0, 2.0, -1.0]])
    roc = edge_roc(torch.tensor([[True, True, False], [False, False, True]]), scores)
    third = 1 / 3
    assert roc.true_positives.tolist() == pytest.approx([0, third, third, 2 * third, 2 * third, 1])
    assert roc.false_positives.tolist() == pytest.approx([0, 0, third, 2 * third, 1, 1])
    assert roc.auc == pytest.approx(4.5 / 9)  # of 9 pairs: 4 > 3, 2, 1; 2 > 1; and one tie


def test_the_area_is_the_chance_that_an_edge_outranks_another_pair():
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(200, generator=generator) < 0.3
    scores = torch.randint(10, (200,), generator=generator).double() + 3 * true
    difference = scores[true][:, None] - scores[~true]
    assert edge_roc(true, scores).auc == pytest.approx(
        ((difference > 0).double() + (difference == 0) / 2).mean().item()
    )


@pytest.mark.parametrize(("scores", "auc"), [([1.0, 2, 3, 4], 1), ([4.0, 3, 2, 1], 0), ([1.0, 1, 1, 1], 0.5)])
def test_perfect_reversed_and_constant_scores(scores, auc):
    assert edge_roc(torch.tensor([False, False, True, True]), torch.tensor(scores)).auc == auc


def test_random_scores_have_an_area_of_a_half():
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(100, 100, generator=generator) < 0.2
    assert edge_roc(true, torch.randn(100, 100, generator=generator)).auc == pytest.approx(0.5, abs=0.02)


def test_unfit_arguments():
    with pytest.raises(ValueError, match="true: got 0 edges and 3 other entries"):
        edge_roc(torch.zeros(3).bool(), torch.zeros(3))
    with pytest.raises(ValueError, match="true: got 3 edges and 0 other"):
        edge_roc(torch.ones(3).bool(), torch.zeros(3))
    with pytest.raises(ValueError, match=r"scores: got the shape \(2,\)"):
        inspect.unwrap(edge_roc)(torch.zeros(3).bool(), torch.zeros(2))  # under the annotation check of the tests
    with pytest.raises(ValueError, match="scores: got values that are not finite"):
        edge_roc(torch.tensor([True, False]), torch.tensor([torch.inf, 0.0]))
