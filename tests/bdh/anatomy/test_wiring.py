import pytest
import torch

from brainlib.bdh import BDH, BDHConfig
from brainlib.bdh.anatomy import wiring


def test_an_entry_is_the_weight_of_the_edge_from_column_to_row():
    """Neuron i of head 1 says 1; what it adds to the channel excites neuron j of head 0 by e_j^T G e_i."""
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=24))
    i, j = 5, 9
    y = torch.zeros(24)
    y[12 + i] = 1
    excitement = (y @ model.encoder) @ model.decoder_x[0]
    torch.testing.assert_close(wiring.interactions(model, to_head=0, from_head=1)[j, i], excitement[j])


def test_strongest_edges_and_degrees_keep_the_direction():
    weights = torch.zeros(4, 4)
    weights[2, 0], weights[3, 0], weights[1, 1] = 5.0, 4.0, 9.0  # 0 -> 2, 0 -> 3, and an edge to itself
    edges = wiring.strongest_edges(weights, 2)
    assert edges.tolist() == [[0, 2], [0, 3]]
    assert wiring.degrees(edges, 4).tolist() == [[2, 0, 0, 0], [0, 0, 1, 1]]


def test_random_edges_are_different_and_none_leads_to_itself():
    edges = wiring.random_edges(20, 380, torch.Generator().manual_seed(0))
    assert len(set(map(tuple, edges.tolist()))) == 380 and (edges[:, 0] != edges[:, 1]).all()
    assert edges.min() == 0 and edges.max() == 19


def test_communities_of_two_cliques():
    """Newman's modularity of two cliques joined by nothing is 1/2; both directions of every edge are counted."""
    edges = torch.tensor([[i, j] for i in range(9) for j in range(9) if i != j and (i < 4) == (j < 4)])
    modularity, labels = wiring.communities(edges, 9)
    inside, total = torch.tensor([20.0, 12.0]), 32.0  # directed edges of the larger and the smaller clique
    assert modularity == pytest.approx(float((inside / total - (inside / total) ** 2).sum()))
    assert labels.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_an_edge_that_runs_both_ways_counts_twice():
    both = torch.tensor([[0, 1], [1, 0], [1, 2], [2, 3], [3, 2]])
    once = torch.tensor([[0, 1], [1, 2], [2, 3]])
    assert wiring.communities(both, 4)[0] == pytest.approx(4 / 5 - 1 / 2)
    assert wiring.communities(once, 4)[0] == pytest.approx(2 / 3 - 1 / 2)


def test_a_planted_partition_is_more_modular_than_noise():
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(120) % 4
    noise = wiring.low_rank_noise(120, 16, generator)
    planted = noise + 8.0 * (group[:, None] == group)
    modular, labels = wiring.communities(wiring.strongest_edges(planted, 2400), 120)
    flat, _ = wiring.communities(wiring.strongest_edges(noise, 2400), 120)
    chance, _ = wiring.communities(wiring.random_edges(120, 2400, generator), 120)
    assert modular > 0.5 > 2 * max(flat, chance)
    assert all(len(labels[group == g].unique()) == 1 for g in range(4))


def test_moments():
    values = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    assert wiring.standardised_moment(values, 3) == pytest.approx(0, abs=0.03)
    assert wiring.standardised_moment(values, 4) == pytest.approx(3, abs=0.05)
    assert wiring.standardised_moment(torch.tensor([0.0, 0.0, 0.0, 1.0]), 3) == pytest.approx(2 / 3**0.5)


def test_what_is_left_of_the_symmetric_part_is_skew():
    counts = torch.tensor([1, 4, 9, 6, 2])
    assert wiring.symmetric_part(counts).tolist() == [1, 4, 9, 4, 1]


@pytest.mark.parametrize("count", [0, 13])
def test_more_edges_than_there_can_be(count):
    with pytest.raises(ValueError, match="count: got"):
        wiring.strongest_edges(torch.randn(4, 4), count)
    with pytest.raises(ValueError, match="count: got"):
        wiring.random_edges(4, count, torch.Generator())


def test_heads_that_are_not_there(small):
    with pytest.raises(ValueError, match="from_head: got 2, expected 0 to 1"):
        wiring.interactions(small, 0, 2)
