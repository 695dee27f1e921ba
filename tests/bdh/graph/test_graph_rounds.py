import inspect
from dataclasses import replace

import numpy as np
import pytest
from tiny_graphs import LAYERS, NEURONS, TIME, low_rank, tokens

from brainlib.bdh import graph


@pytest.fixture
def fading() -> graph.LowRank:
    """Each neuron's synapses fade at a rate of their own."""
    return low_rank(np.diag(np.linspace(0.6, 1, NEURONS)))


def as_rounds(model: graph.LowRank) -> graph.Graphs:
    """The rounds damp after the read, eq. (6) before it: the rate at which a synapse learns makes up for it."""
    graphs = graph.graphs_of(model)
    return replace(graphs, Gs=graphs.Gs * np.diagonal(model.U))


def test_the_rounds_are_equation_6(fading):
    x, y = tokens(fading)
    moments = graph.run(as_rounds(fading), x, y)
    expected = graph.equation_6(graph.graphs_of(fading), x, y)
    assert np.all(expected.y.max((0, 2)) > 1e-3)  # every layer speaks
    places = [(moment.token, moment.layer, moment.round) for moment in moments]
    assert places == [(t, layer, k) for t in range(TIME) for layer in range(LAYERS) for k in range(4)]
    for moment in moments:
        if moment.round == 2:
            np.testing.assert_allclose(moment.Y, expected.y[moment.token, moment.layer], rtol=1e-12, atol=1e-14)
        if moment.round == 3:
            np.testing.assert_allclose(moment.X, expected.x[moment.token, moment.layer + 1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(moments[-1].sigma, expected.state, rtol=1e-12, atol=1e-14)


def test_on_a_sparse_graph_only_its_edges_have_synapses(fading):
    mask = np.random.default_rng(3).random((NEURONS, NEURONS)) < 0.4
    graphs = replace(as_rounds(fading), Gs=as_rounds(fading).Gs * mask)
    x, y = tokens(fading)
    moments = graph.run(graphs, x, y)
    expected = graph.equation_6(replace(graph.graphs_of(fading), Gs=1.0 * mask), x, y)
    assert not moments[-1].sigma[:, ~mask].any()
    np.testing.assert_allclose(moments[-1].sigma, expected.state, rtol=1e-12, atol=1e-14)


def test_every_rule_is_local(fading):
    graphs = graph.graphs_of(fading)
    rounds = graph.table_1(graphs, layer=1)
    assert [len(step.communication) for step in rounds] == [NEURONS**2, NEURONS**2, *map(edges, "yx")]
    for step in rounds:
        assert all(graph.is_local(rule) for rule in step.computation)
        for rule in step.communication:
            ends = [species for species in (*rule.sources, rule.target) if species[0] != "sigma"]
            i, j = ends[0][1], ends[-1][1]
            assert graph.is_local(rule, edge=(i, j))


def edges(which: str) -> int:
    graphs = graph.graphs_of(low_rank(np.eye(NEURONS)))
    return sum(np.count_nonzero(getattr(graphs, f"G{which}{sign}")) for sign in "ei")


def test_nothing_is_negative(fading):
    for moment in graph.run(as_rounds(fading), *tokens(fading)):
        assert min(part.min() for part in (moment.X, moment.Y, moment.A, moment.sigma)) >= 0


def test_as_printed_the_synapses_are_transposed(fading):
    x, y = tokens(fading)
    graphs = replace(as_rounds(fading), U=np.eye(NEURONS))
    printed = graph.run(graphs, x, y, as_printed=True)
    first = [moment for moment in printed if moment.layer == 0 and moment.round == 1]
    learned = graphs.Gs * np.outer(x[0], y[0])
    np.testing.assert_allclose(first[0].sigma[0], learned, rtol=1e-12)
    turned = graph.run(graphs, x, y)
    assert np.abs(printed[-1].Y - turned[-1].Y).max() > 0.1 * np.abs(turned[-1].Y).max()


def test_a_token_that_only_enters_through_x_leaves_no_trace(fading):
    x, y = tokens(fading)
    moments = graph.run(as_rounds(fading), x, 0 * y)
    assert not any(moment.Y.any() or moment.sigma.any() for moment in moments)
    np.testing.assert_array_equal(moments[-1].X, x[-1])


def test_turning_synapses_are_no_local_rule():
    model = low_rank(graph.rope(NEURONS))
    with pytest.raises(ValueError, match="graphs: got a U that is not diagonal with entries from 0 to 1"):
        graph.table_1(graph.graphs_of(model), layer=0)


def test_unfit_tokens(fading):
    graphs = graph.graphs_of(fading)
    x, y = tokens(fading)
    with pytest.raises(ValueError, match="y: got -1, expected activities of at least 0"):
        graph.run(graphs, x, y - 1)
    with pytest.raises(ValueError, match=r"y: got shape \(5, 8\), expected \(time, 8\)"):
        inspect.unwrap(graph.run)(graphs, x, y[1:])


def test_weights_below_zero(fading):
    graphs = graph.graphs_of(fading)
    with pytest.raises(ValueError, match="Gyi: got a weight of -1, expected none below 0"):
        replace(graphs, Gyi=-np.ones_like(graphs.Gyi))
    with pytest.raises(ValueError, match="layers: got 0"):
        replace(graphs, layers=0)
