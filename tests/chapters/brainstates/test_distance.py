"""Wiring against distance."""

import pytest
import torch

from brainlib.arguments import seeded
from chapters.brainstates import anatomy
from chapters.brainstates.anatomy import distance_correlation


def array(electrodes: int = 30, seed: int = 0) -> torch.Tensor:
    return 800 * torch.rand(electrodes, 2, generator=seeded(seed))


def distances(positions: torch.Tensor) -> torch.Tensor:
    return (positions[:, None] - positions).norm(dim=-1)


def test_ranks_alone_count():
    positions = array()
    falling = torch.exp(-distances(positions) / 100)
    assert distance_correlation(falling, positions, seeded(0), 3).tolist() == pytest.approx([-1] * 4)
    assert distance_correlation(-falling, positions, seeded(0), 3).tolist() == pytest.approx([1] * 4)


def test_a_sample_is_scipys_coefficient_of_the_electrodes_drawn():
    """An electrode drawn twice stands twice in the table, without a pair of its own."""
    from scipy.stats import spearmanr

    positions, wiring = array(12), torch.randn(12, 12, generator=seeded(1)).round(decimals=1)  # with ties
    found = distance_correlation(wiring.clone().fill_diagonal_(99.0), positions, seeded(3), 5)
    drawn = torch.randint(12, (5, 12), generator=seeded(3))
    for sample, electrodes in zip(found, (torch.arange(12), *drawn), strict=True):
        i, j = torch.cartesian_prod(electrodes, electrodes).T
        i, j = i[i != j], j[i != j]
        expected = spearmanr(wiring[i, j].numpy(), distances(positions.double())[i, j].numpy()).statistic
        assert sample == pytest.approx(expected)


def test_neurons_of_an_electrode_are_merged_and_directions_averaged():
    positions = torch.tensor([[5.0, 0.0], [0.0, 0.0], [5.0, 0.0]])
    wiring = torch.tensor([[0.0, 1.0, 9.0], [3.0, 0.0, 5.0], [9.0, 7.0, 0.0]])
    merged, at = anatomy.by_electrode(wiring, positions)
    assert at.tolist() == [[0, 0], [5, 0]]
    assert merged[0, 1] == merged[1, 0] == pytest.approx((1 + 3 + 5 + 7) / 4)


def test_leads_are_paired():
    places = array(12)
    distance = distances(places)
    found = anatomy.follow_distance({"near": -distance, "same": -2 * distance, "far": distance}, places, 50, 0)
    assert found.electrodes == 12 and found.interval("near") == pytest.approx([-1, -1, -1])
    assert found.lead("near", "same") == pytest.approx([0, 0, 0])
    assert found.lead("near", "far") == pytest.approx([-2, -2, -2])
