from dataclasses import replace

import torch

from brainlib.bdh import graph
from chapters.bdh import lesson


def test_all_lessons():
    said, answers = lesson.all_lessons()
    assert said.shape == (486, 4, lesson.NEURONS) and len(said.unique(dim=0)) == 486
    assert answers.bincount().tolist() == [162, 162, 162]
    facts = [("leaf", "red"), ("plum", "red"), ("pond", "green")]
    place = (said == lesson.encode(facts, "pond")).all(-1).all(-1).nonzero().item()
    assert lesson.COLOURS[answers[place]] == "green"


def test_what_a_tensor_program_learned_a_graph_can_tell():
    state = torch.random.get_rng_state()
    model = lesson.learn(seed=0)
    assert torch.equal(state, torch.random.get_rng_state())
    assert lesson.score(model) == 1
    graphs = graph.graphs_of(model)
    told = lesson.told_by_rounds(model, replace(graphs, Gs=graphs.Gs * lesson.KEPT), every=150)
    assert (told["lessons"], told["agree"], told["right"]) == (4, 1, 1) and told["largest difference"] < 1e-9
