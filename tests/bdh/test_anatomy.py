"""What is measured in a model that has been trained: activity, single synapses, the wiring of neurons."""

import pytest
import torch

from brainlib.bdh import BDH, BDHConfig, record_activity, synapses_of
from brainlib.bdh.anatomy import synapses, wiring
from brainlib.bdh.anatomy.synapses import Synapse
from brainlib.bdh.norm import norm
from brainlib.bdh.reference import turned
from brainlib.bdh.rotation import to_turns


def test_recorded_activity_is_what_the_model_computes(either, tokens):
    """The last layer's y, sent through E, gives the logits."""
    activity, v = record_activity(either, tokens), norm(either.embedding[tokens])
    for y in activity.y:
        v = norm(v + norm((y @ either.encoder).sum(1)))
    torch.testing.assert_close(v @ either.readout, either(tokens)[0], rtol=0, atol=1e-10)
    assert (activity.x >= 0).all() and ((activity.y > 0) <= (activity.x > 0)).all()


def test_synapses_are_the_loops_of_equation_16(small, tokens):
    activity = record_activity(small, tokens[:1, :9])
    layer, head, neuron = 2, 1, 5
    found = synapses_of(small, activity, layer, head, neuron)[0]
    turns = to_turns(small.frequencies).numpy()
    below = activity.y[layer - 1, 0].movedim(0, 1).flatten(1)
    for t in range(9):
        expected = torch.zeros(small.config.neurons, dtype=torch.float64)
        for s in range(t):
            x = turned(activity.x[layer, 0, head, s].numpy(), -(t - s) * turns)
            expected += below[s] * x[neuron]
        torch.testing.assert_close(found[t], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("layer", "head", "neuron"), [(0, 0, 0), (3, 0, 0), (1, 2, 0), (1, 0, 32)])
def test_neurons_that_are_not_there(small, tokens, layer, head, neuron):
    with pytest.raises(ValueError, match=f"layer, head, neuron: got {layer}, {head}, {neuron}, expected 1 to 2"):
        synapses_of(small, record_activity(small, tokens), layer, head, neuron)


def test_the_value_after_a_text_is_what_the_next_token_finds(either, tokens):
    activity = record_activity(either, tokens[:, :21])
    for layer, head, neuron, target in ((1, 0, 4, 40), (2, 1, 7, 3)):
        found = synapses_of(either, activity, layer, head, neuron)[:, 20, target]
        place = Synapse(layer, head * either.config.head_neurons + neuron, target)
        torch.testing.assert_close(synapses.synapse_values(either, tokens[:, :20], place), found, rtol=1e-9, atol=1e-9)


TEXTS = torch.randint(40, (20, 12), generator=torch.Generator().manual_seed(2))
LABELLINGS = torch.stack((torch.arange(20) < 8, torch.arange(20) % 2 == 0))


def test_the_search_finds_the_synapse_that_orders_most_pairs(small):
    """Against the ranks of all synapses, of which the best correlated are candidates: a quarter of a layer's."""
    layers = [torch.cat([y.mT @ x for y, x in synapses.factors(small, TEXTS, layer)]) for layer in (1, 2)]
    values = torch.stack(layers, dim=1)  # [texts, layer, target, source]
    for labels, synapse in zip(LABELLINGS, synapses.find_synapses(small, TEXTS, LABELLINGS), strict=True):
        above = (values[labels][:, None] > values[~labels]).double() + (values[labels][:, None] == values[~labels]) / 2
        shares = above.mean((0, 1))
        at = shares[synapse.layer - 1, synapse.target, synapse.source]
        assert at == pytest.approx(shares.max()) and at > 0.7
        one = synapses.separation(synapses.synapse_values(small, TEXTS, synapse), labels)
        assert one.share == pytest.approx(at) and one.p < 0.05


def test_unfit_labels(small, tokens):
    with pytest.raises(ValueError, match="row 1 has one kind of label"):
        synapses.find_synapses(small, tokens, torch.tensor([[True, False], [True, True]]))
    with pytest.raises(ValueError, match="got 2 texts with and 0 without"):
        synapses.separation(torch.randn(2), torch.tensor([True, True]))
    flat = BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=16))
    with pytest.raises(ValueError, match="model: got 1 layer"):
        synapses.find_synapses(flat, tokens, torch.tensor([[True, False]]))


def test_an_entry_is_the_weight_of_the_edge_from_column_to_row():
    """Neuron i of head 1 says 1; what it adds to the channel excites neuron j of head 0 by e_j^T G e_i."""
    torch.manual_seed(0)
    model = BDH(BDHConfig(layers=1, dim=8, heads=2, neurons=24))
    i, j, y = 5, 9, torch.zeros(24)
    y[12 + i] = 1
    excitement = (y @ model.encoder.flatten(0, 1)) @ model.decoder_x[0]
    torch.testing.assert_close(wiring.interactions(model, to_head=0, from_head=1)[j, i], excitement[j])
    with pytest.raises(ValueError, match="to_head, from_head: got 0, 2, expected 0 to 1"):
        wiring.interactions(model, 0, 2)


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


@pytest.mark.parametrize("count", [0, 13])
def test_more_edges_than_there_can_be(count):
    with pytest.raises(ValueError, match="count: got"):
        wiring.strongest_edges(torch.randn(4, 4), count)
    with pytest.raises(ValueError, match="count: got"):
        wiring.random_edges(4, count, torch.Generator())


def test_communities_of_two_cliques():
    """Newman's modularity of two cliques joined by nothing; both directions of every edge are counted."""
    edges = torch.tensor([[i, j] for i in range(9) for j in range(9) if i != j and (i < 4) == (j < 4)])
    modularity, labels = wiring.communities(edges, 9)
    inside, total = torch.tensor([20.0, 12.0]), 32.0  # directed edges of the larger and the smaller clique
    assert modularity == pytest.approx(float((inside / total - (inside / total) ** 2).sum()))
    assert labels.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_an_edge_that_runs_both_ways_counts_twice():
    both = torch.tensor([[0, 1], [1, 0], [1, 2], [2, 3], [3, 2]])
    assert wiring.communities(both, 4)[0] == pytest.approx(4 / 5 - 1 / 2)
