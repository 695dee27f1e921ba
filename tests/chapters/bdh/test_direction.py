"""A planted one-way edge is found, followed and drawn the right way round: column i, row j."""

from dataclasses import replace

import numpy as np
import torch

from brainlib.bdh import BDH, BDHConfig, graph, record_activity, synapses_of
from brainlib.bdh.anatomy import wiring
from brainlib.bdh.anatomy.synapses import Synapse, synapse_values
from chapters.bdh import figures_graph, lesson

SENDER, RECEIVER, NEURONS = 2, 5, 8


def edge(weight: float = 1.0) -> np.ndarray:
    matrix = np.zeros((NEURONS, NEURONS))
    matrix[RECEIVER, SENDER] = weight
    return matrix


def only(neuron: int) -> np.ndarray:
    return np.eye(NEURONS)[neuron]


def test_what_a_neuron_says_excites_the_one_the_edge_leads_to():
    model = BDH(BDHConfig(layers=1, dim=4, heads=1, neurons=NEURONS))
    with torch.no_grad():
        for weight, (row, column) in ((model.encoder, (SENDER, 0)), (model.decoder_x, (0, RECEIVER))):
            weight.zero_()[0, row, column] = 1.0  # speaks into channel 0, which excites
    G = wiring.interactions(model, 0, 0)
    np.testing.assert_array_equal(G.numpy(), edge())
    assert wiring.strongest_edges(G, 1).tolist() == [[SENDER, RECEIVER]]
    out, into = wiring.degrees(wiring.strongest_edges(G, 1), NEURONS)
    assert (out[SENDER], out[RECEIVER], into[SENDER], into[RECEIVER]) == (1, 0, 0, 1)


def one_way(**edges: np.ndarray) -> graph.Graphs:
    none = np.zeros((NEURONS, NEURONS))
    usual = dict.fromkeys(("Gxe", "Gxi", "Gye", "Gyi", "Gs"), none)
    return graph.Graphs(**usual | edges, U=np.eye(NEURONS), layers=1)


def test_rounds_and_equation_6_follow_an_edge_forwards():
    told = one_way(Gxe=edge(), Gye=np.eye(NEURONS), Gs=edge())  # only this synapse may learn
    # Token 0: the sender is excited, the receiver speaks, and the synapse grows. Token 1: the receiver is recalled,
    # which is excited too and so speaks; had the synapse led the other way, nobody would.
    x, y = np.array([only(SENDER), only(SENDER) + only(RECEIVER)]), np.array([only(RECEIVER), 0 * only(RECEIVER)])
    for after in (graph.run(told, x, y)[-1].sigma[0], graph.equation_6(told, x, y).state[0]):
        np.testing.assert_array_equal(after, edge())
    recalled = next(moment for moment in graph.run(told, x, y) if (moment.token, moment.round) == (1, 0))
    np.testing.assert_array_equal(recalled.A, only(RECEIVER))
    np.testing.assert_array_equal(graph.equation_6(told, x, y).y[1, 0], only(RECEIVER))
    # An edge of Gx carries what the sender says to the receiver.
    said = replace(told, Gxe=edge(), Gs=np.eye(NEURONS))
    x, y = np.array([only(SENDER)] * 2), np.array([only(SENDER), 0 * only(SENDER)])
    np.testing.assert_array_equal(graph.run(said, x, y)[-1].X, only(SENDER) + only(RECEIVER))


def test_a_synapse_of_the_model_is_named_by_who_is_excited_and_who_spoke():
    model = BDH(BDHConfig(layers=2, dim=8, heads=1, neurons=NEURONS))
    torch.manual_seed(0)
    tokens = torch.randint(256, (1, 9))
    activity = record_activity(model, tokens)
    y, x = activity.y[0, 0, 0], activity.x[1, 0, 0]
    spoke, excited = int(y.sum(0).argmax()), int(x.sum(0).argmax())
    from_it = synapses_of(model, activity, layer=1, head=0, neuron=excited)[0]
    silent = (y[:-1, :].sum(0) == 0).nonzero().flatten()
    assert from_it[-1, spoke] != 0 and not from_it[-1, silent].any()  # numbered by who spoke, the target
    named = synapse_values(model, tokens[:, :-1], Synapse(1, source=excited, target=spoke))
    torch.testing.assert_close(named[0], from_it[-1, spoke])


def test_the_drawing_has_the_sender_below_and_the_receiver_at_the_side(monkeypatch):
    neurons = lesson.NEURONS
    zeros = np.zeros((neurons, neurons))
    Gs = zeros.copy()
    Gs[4, 0] = 1.0  # only the synapse from leaf to green may learn
    rounds = graph.Graphs(zeros, zeros, zeros, zeros, Gs, np.eye(neurons), layers=1)
    monkeypatch.setattr(lesson, "enters", lambda model, y: (1.0 * (y > 0), y))  # who speaks is excited
    monkeypatch.setattr(figures_graph.explore, "explorer", lambda draw, **how: draw)
    (cells,) = (trace for trace in figures_graph.lessons(rounds, None)("leaf", 16).data if trace.type == "heatmap")
    (row,), (column,) = np.nonzero(cells.z)
    assert (cells.x[column], cells.y[row]) == ("leaf", "green")
