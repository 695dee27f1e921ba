"""The interaction kernel, Table 1 on it, and the forms that lead from it to a tensor program."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from refusals import refused

from brainlib.bdh import graph
from brainlib.bdh.graph import Damping, Rule, interact
from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

NEURONS, DIM, LAYERS, TIME = 8, 3, 2, 6
KEPT = np.diag(np.linspace(0.6, 1, NEURONS))  # each neuron's synapses fade at a rate of their own


def low_rank(U: np.ndarray) -> graph.LowRank:
    """A model whose weights are large enough that every layer speaks."""
    draw = np.random.default_rng(0).normal
    return graph.LowRank(draw(size=(NEURONS, DIM)), draw(size=(NEURONS, DIM)), draw(size=(DIM, NEURONS)), U, LAYERS)


def tokens(model: graph.LowRank) -> tuple[np.ndarray, np.ndarray]:
    """What each token sets X and Y to: some neurons speak, and excite others."""
    draw = np.random.default_rng(1)
    y = draw.uniform(size=(TIME, NEURONS)) * (draw.random((TIME, NEURONS)) < 0.5)
    return np.maximum(y @ (model.Dx @ model.E).T, 0), y


def as_rounds(model: graph.LowRank) -> graph.Graphs:
    """The rounds damp after the read, eq. (6) before it: the rate at which a synapse learns makes up for it."""
    graphs = graph.graphs_of(model)
    return replace(graphs, Gs=graphs.Gs * np.diagonal(model.U))


def test_rules_act_at_once_on_the_state_before():
    state = {("X", 0): 2.0, ("X", 1): 3.0}
    rules = [
        Rule((("X", 0), ("X", 1)), ("Y", 0), 0.5),
        Rule((("Y", 0),), ("Z", 0)),  # Y(0) is still 0 when this acts
        Rule((("X", 0), ("X", 0)), ("X", 1), 10.0),  # one species may meet itself
    ]
    after = interact(state, rules, [Damping(("X", 1), 0.25), Damping(("X", 0))])
    assert after == {("X", 0): 0.0, ("X", 1): 0.75 * 3 + 40, ("Y", 0): 3.0, ("Z", 0): 0.0}
    assert state == {("X", 0): 2.0, ("X", 1): 3.0}


def test_what_would_change_a_sign():
    refused("rules: got .* a rate of at least 0", interact, {}, [Rule((("X", 0),), ("Y", 0), float("nan"))], [])
    refused("expected one or two sources", interact, {}, [Rule((("X", 0),) * 3, ("Y", 0))], [])
    refused("dampings: got 1.1 of .*expected a rate from 0 to 1", interact, {}, [], [Damping(("X", 0), 1.1)])


@pytest.mark.parametrize("sparse", [False, True])
def test_the_rounds_are_equation_6(sparse):
    model = low_rank(KEPT)
    learning = np.random.default_rng(3).random((NEURONS, NEURONS)) < (0.4 if sparse else 1)
    graphs, (x, y) = as_rounds(model), tokens(model)
    moments = graph.run(replace(graphs, Gs=graphs.Gs * learning), x, y)
    expected = graph.equation_6(replace(graph.graphs_of(model), Gs=1.0 * learning), x, y)
    assert np.all(expected.y.max((0, 2)) > 1e-3)  # every layer speaks
    places = [(moment.token, moment.layer, moment.round) for moment in moments]
    assert places == [(t, layer, k) for t in range(TIME) for layer in range(LAYERS) for k in range(4)]
    for moment in moments:
        assert min(part.min() for part in (moment.X, moment.Y, moment.A, moment.sigma)) >= 0
        if moment.round == 2:
            np.testing.assert_allclose(moment.Y, expected.y[moment.token, moment.layer], rtol=1e-12, atol=1e-14)
        if moment.round == 3:
            np.testing.assert_allclose(moment.X, expected.x[moment.token, moment.layer + 1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(moments[-1].sigma, expected.state, rtol=1e-12, atol=1e-14)
    assert not moments[-1].sigma[:, ~learning].any()


def test_every_rule_is_local():
    """A communication touches the two ends of one edge and the edge, a computation one node (Definition 2)."""
    graphs = graph.graphs_of(low_rank(np.eye(NEURONS)))
    for step in graph.table_1(graphs, layer=1):
        for rule in step.computation:
            assert len({species[1] for species in (*rule.sources, rule.target)}) == 1
        for rule in step.communication:
            species = (*rule.sources, rule.target)
            ends = [place[1] for place in species if place[0] != "sigma"]
            assert all(place[1:] == (1, *ends) for place in species if place[0] == "sigma")
            assert len(ends) == 2
    infer, _, say, excite = graph.table_1(graphs, layer=1)
    assert len(infer.communication) == NEURONS**2
    for step, weights in ((say, (graphs.Gye, graphs.Gyi)), (excite, (graphs.Gxe, graphs.Gxi))):
        assert len(step.communication) == sum(map(np.count_nonzero, weights))


def test_as_printed_the_synapses_are_transposed():
    model = low_rank(KEPT)
    x, y = tokens(model)
    graphs = replace(as_rounds(model), U=np.eye(NEURONS))
    printed = graph.run(graphs, x, y, as_printed=True)
    np.testing.assert_allclose(printed[1].sigma[0], graphs.Gs * np.outer(x[0], y[0]), rtol=1e-12)
    turned = graph.run(graphs, x, y)
    assert np.abs(printed[-1].Y - turned[-1].Y).max() > 0.1 * np.abs(turned[-1].Y).max()


def test_what_is_no_graph_and_no_token(unchecked):
    graphs, (x, y) = graph.graphs_of(low_rank(KEPT)), tokens(low_rank(KEPT))
    with pytest.raises(ValueError, match="graphs: got a U that is not diagonal with entries from 0 to 1"):
        graph.table_1(graph.graphs_of(low_rank(graph.rope(NEURONS))), layer=0)
    with pytest.raises(ValueError, match="y: got -1, expected activities of at least 0"):
        graph.run(graphs, x, y - 1)
    with pytest.raises(ValueError, match=r"y: got shape \(5, 8\), expected \(time, 8\)"):
        graph.run(graphs, x, y[1:])
    with pytest.raises(ValueError, match="Gyi: got a weight of -1, expected none below 0"):
        replace(graphs, Gyi=-np.ones_like(graphs.Gyi))
    with pytest.raises(ValueError, match="layers: got 0"):
        replace(graphs, layers=0)


US = {"ALiBi": 0.8 * np.eye(NEURONS), "one rate a neuron": KEPT, "RoPE": graph.rope(NEURONS)}


@pytest.mark.parametrize("U", US.values(), ids=US)
def test_one_trajectory_in_three_forms(U):
    model = low_rank(U)
    x, y = tokens(model)
    six = graph.equation_6(graph.graphs_of(model), x, y)
    seven = graph.equation_7(model, x, y)
    xs, ys = graph.tensor_form(
        *map(torch.from_numpy, (model.Dx, model.Dy, model.E, U)), LAYERS, *map(torch.from_numpy, (x, y))
    )
    for other in (seven, graph.Trajectory(xs.numpy(), ys.numpy())):
        np.testing.assert_allclose(other.x, six.x, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(other.y, six.y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(seven.state, model.E @ six.state, rtol=1e-10, atol=1e-12)  # rho = E sigma


def test_rope_turns_as_the_trained_model_does():
    x = torch.randn(5, NEURONS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    U = torch.from_numpy(graph.rope(NEURONS))
    turned = torch.stack([torch.matrix_power(U, t) @ x[t] for t in range(5)])
    torch.testing.assert_close(turned, rotate(x, rotation(rope_frequencies(NEURONS), 0, 5, x.dtype)))
