import math

import pytest
import torch

from brainlib.brainstates.evaluation import edge_auc, weight_error


def test_weight_errors_by_hand():
    found = weight_error(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 1.0], [3.0, 7.0]]))
    assert found.absolute == 1
    assert found.correlation == pytest.approx(10 / math.sqrt(5 * 24))
    assert math.isnan(weight_error(torch.ones(3), torch.arange(3.0)).correlation)


def test_the_area_is_the_probability_that_an_edge_outranks_another_pair():
    """With many ties."""
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(200, generator=generator) < 0.3
    scores = torch.randint(10, (200,), generator=generator).double() + 3 * true
    difference = scores[true][:, None] - scores[~true]
    assert edge_auc(true, scores) == pytest.approx(((difference > 0).double() + (difference == 0) / 2).mean().item())
    assert math.isnan(edge_auc(torch.zeros(3).bool(), torch.zeros(3)))


def test_unfit_arguments(unchecked):
    with pytest.raises(ValueError, match=r"estimated: got the shape \(2,\), expected true's \(3,\)"):
        weight_error(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="scores: got values that are not finite"):
        edge_auc(torch.tensor([True]), torch.full((1,), torch.nan))
