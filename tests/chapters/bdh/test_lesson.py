from dataclasses import replace

import pytest
import torch

from brainlib.bdh import graph
from chapters.bdh import lesson


def test_all_lessons():
    said, answers = lesson.all_lessons()
    assert said.shape == (486, 4, lesson.NEURONS) and len(said.unique(dim=0)) == 486
    assert answers.bincount().tolist() == [162, 162, 162]
    assert said[:, :3].sum(-1).eq(2).all() and said[:, 3].sum(-1).eq(1).all()
    thing = said[0, 3, :3].argmax()
    fact = said[0, :3, thing].argmax()
    assert said[0, fact, 3 + answers[0]] == 1


def test_a_lesson_in_words():
    said = lesson.encode([("leaf", "green"), ("pond", "blue")], "leaf")
    assert [row.nonzero().flatten().tolist() for row in said] == [[0, 4], [2, 5], [0]]
    with pytest.raises(ValueError, match="facts, question: got 'rose', expected one of leaf, plum, pond, red"):
        lesson.encode([("leaf", "green")], "rose")


def test_what_a_tensor_program_learned_a_graph_can_tell():
    state = torch.random.get_rng_state()
    model = lesson.learn(seed=0)
    assert torch.equal(state, torch.random.get_rng_state())
    assert lesson.score(model) == 1
    graphs = graph.graphs_of(model)
    told = lesson.told_by_rounds(model, replace(graphs, Gs=graphs.Gs * lesson.KEPT), every=150)
    assert (told["lessons"], told["agree"], told["right"]) == (4, 1, 1) and told["largest difference"] < 1e-9
