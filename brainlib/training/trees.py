"""Batches and carried states: tensors, alone or nested in tuples, named tuples, lists and dicts."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

_NUMBERS = {bool: torch.bool, int: torch.int64, float: torch.float64}


def tree_map(function: Callable[[Tensor], Any], tree: Any, name: str) -> Any:
    """`tree` with every tensor replaced by `function(tensor)`; numbers and None stay.

    Raises `ValueError`, with `name`, for anything else.
    """
    if isinstance(tree, Tensor):
        return function(tree)
    if tree is None or type(tree) in _NUMBERS:
        return tree
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {key: tree_map(function, value, f"{name}[{key!r}]") for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        items = [tree_map(function, value, f"{name}[{index}]") for index, value in enumerate(tree)]
        return _same_kind(type(tree), items)
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


def pack(tree: Any, name: str) -> tuple[Any, list[Tensor]]:
    """`tree` as a layout for JSON and its tensors and numbers, all as tensors; `unpack` is the inverse."""
    if tree is None:
        return {"kind": "none"}, []
    if isinstance(tree, Tensor):
        return {"kind": "tensor", "device": tree.device.type}, [tree]
    if type(tree) in _NUMBERS:
        return {"kind": "number"}, [torch.tensor(tree, dtype=_NUMBERS[type(tree)])]
    if isinstance(tree, dict):
        layout, items = {"kind": "dict", "keys": list(tree)}, list(tree.values())
    elif isinstance(tree, list):
        layout, items = {"kind": "list"}, tree
    elif type(tree) is tuple:
        layout, items = {"kind": "tuple"}, list(tree)
    else:
        layout, items = {"kind": "named", "class": _address(type(tree), name)}, list(tree)
    parts = [pack(item, f"{name}[{index}]") for index, item in enumerate(items)]
    layout["items"] = [part for part, _ in parts]
    return layout, [tensor for _, tensors in parts for tensor in tensors]


def unpack(layout: Any, tensors: Iterator[Tensor], device: torch.device) -> Any:
    """The tree that `pack` took apart; tensors that were on an accelerator go to `device`."""
    match layout["kind"]:
        case "none":
            return None
        case "tensor":
            return next(tensors).to("cpu" if layout["device"] == "cpu" else device)
        case "number":
            return next(tensors).item()
    items = [unpack(part, tensors, device) for part in layout["items"]]
    match layout["kind"]:
        case "dict":
            return dict(zip(layout["keys"], items, strict=True))
        case "list":
            return items
        case "tuple":
            return tuple(items)
    kind = _find(layout["class"])
    if kind is None:
        raise ValueError(f"state: its class {layout['class']} is not loaded in this program")
    return _same_kind(kind, items)


def _same_kind(kind: type, items: list) -> Any:
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def _address(kind: type, name: str) -> str:
    address = f"{kind.__module__}:{kind.__qualname__}"
    if _find(address) is not kind:
        expected = "tuples, lists, dicts and NamedTuples that stand at the top level of a module"
        raise ValueError(f"{name}: got {kind.__qualname__}, expected {expected}")
    return address


def _find(address: str) -> type | None:
    # Only among what is loaded already: a checkpoint never makes Python import something.
    module, _, names = address.partition(":")
    found: Any = sys.modules.get(module)
    for part in names.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields") else None
