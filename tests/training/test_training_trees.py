import json

import pytest
import torch
from tiny_run import Memory

from brainlib.training.trees import leaves, pack, tree_map, unpack

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "tree",
    [
        None,
        torch.arange(3),
        (torch.ones(2), None, [torch.zeros(1, dtype=torch.bfloat16)]),
        {"b": torch.ones(1), "a": {"nested": (torch.ones(()),)}},
        Memory(7, torch.randn(2, 3, generator=torch.Generator().manual_seed(0))),
        (True, -3, 0.1, ()),
    ],
)
def test_pack_and_unpack_are_inverse(tree):
    tensors = []
    layout = json.loads(json.dumps(pack(tree, tensors)))
    again = unpack(layout, tensors, CPU)
    assert type(again) is type(tree)
    assert repr(again) == repr(tree)
    assert all(map(torch.equal, leaves(again, "again"), leaves(tree, "tree")))


@pytest.mark.parametrize("tree", [{1: torch.ones(1)}, "text", [torch.ones(1), {2}]])
def test_other_things_are_refused_by_name(tree):
    with pytest.raises(ValueError, match=r"^state.*: got (dict|str|set)"):
        tree_map(torch.clone, tree, "state")


@pytest.mark.parametrize("address", ["os:system", "builtins:eval", "nowhere:Memory", "tiny_run:TinyModel", "tiny_run:"])
def test_only_loaded_named_tuples_are_rebuilt(address):
    with pytest.raises(ValueError, match="not loaded"):
        unpack({address: []}, [], CPU)
