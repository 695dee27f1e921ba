"""Batches and carried states: tensors, alone or nested in tuples, named tuples, lists and dicts."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def tree_map(function: Callable[[Tensor], Any], tree: Any, name: str) -> Any:
    """`tree` with every tensor replaced by `function(tensor)`; numbers and None stay.

    Raises `ValueError`, with `name`, for anything else.
    """
    if isinstance(tree, Tensor):
        return function(tree)
    if tree is None or type(tree) in (bool, int, float):
        return tree
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {key: tree_map(function, value, f"{name}[{key!r}]") for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        items = [tree_map(function, value, f"{name}[{index}]") for index, value in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    raise ValueError(f"{name}: got {type(tree).__name__}, expected tensors in tuples, lists and dicts with string keys")


def leaves(tree: Any, name: str) -> list[Tensor]:
    """The tensors of `tree`, from left to right."""
    found: list[Tensor] = []
    tree_map(found.append, tree, name)
    return found


def detach(tensor: Tensor) -> Tensor:
    """`tensor` outside the graph, in memory of its own and in order.

    A state from a checkpoint lies in memory like this, and matrix products give the same bits only for the same layout.
    """
    tensor = tensor.detach()
    alone = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if alone else tensor.clone(memory_format=torch.contiguous_format)


def pack(tree: Any, tensors: list[Tensor], name: str = "state") -> Any:
    """`tree` as plain JSON, in which a tensor is its place in `tensors`, where it is put; `unpack` is the inverse."""
    if isinstance(tree, Tensor):
        tensors.append(tree)
        return {"tensor": len(tensors) - 1, "device": tree.device.type}
    if isinstance(tree, dict):
        return {"dict": {key: pack(value, tensors, f"{name}[{key!r}]") for key, value in tree.items()}}
    if isinstance(tree, tuple | list):
        address = f"{type(tree).__module__}:{type(tree).__qualname__}"
        if _find(address) is not type(tree):
            expected = "tuples, lists, dicts and NamedTuples that stand at the top level of a module"
            raise ValueError(f"{name}: got {type(tree).__qualname__}, expected {expected}")
        return {address: [pack(item, tensors, f"{name}[{index}]") for index, item in enumerate(tree)]}
    return tree


def unpack(layout: Any, tensors: list[Tensor], device: torch.device) -> Any:
    """The tree that `pack` took apart; tensors that were on an accelerator go to `device`."""
    if not isinstance(layout, dict):
        return layout
    if "tensor" in layout:
        return tensors[layout["tensor"]].to("cpu" if layout["device"] == "cpu" else device)
    ((kind, parts),) = layout.items()
    if kind == "dict":
        return {key: unpack(part, tensors, device) for key, part in parts.items()}
    found = _find(kind)
    if found is None:
        raise ValueError(f"state: its class {kind} is not loaded in this program")
    items = [unpack(part, tensors, device) for part in parts]
    return found(*items) if hasattr(found, "_fields") else found(items)


def _find(address: str) -> Any:
    """A list, a tuple or a NamedTuple, among what is loaded already: a checkpoint never makes Python import."""
    module, _, name = address.partition(":")
    found = getattr(sys.modules.get(module), name, None)
    named = isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")
    return found if named or found in (list, tuple) else None
