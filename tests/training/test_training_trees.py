import pytest
import torch
from tiny_run import Memory

from brainlib.training.trees import tree_map


def test_every_tensor_is_replaced_and_the_rest_stays():
    tree = {"b": torch.ones(1), "a": [(torch.zeros(2), None, True, -3, 0.1), Memory(7, torch.ones(2))]}
    found = tree_map(torch.Tensor.sum, tree, "state")
    assert found == {"b": 1, "a": [(0, None, True, -3, 0.1), Memory(7, torch.tensor(2.0))]}
    assert type(found["a"][1]) is Memory


@pytest.mark.parametrize("tree", [{1: torch.ones(1)}, "text", [torch.ones(1), {2}]])
def test_other_things_are_refused_by_name(tree):
    with pytest.raises(ValueError, match=r"^state.*: got (dict|str|set)"):
        tree_map(torch.clone, tree, "state")
