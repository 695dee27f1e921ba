"""Batches and carried states: tensors, alone or nested in tuples, named tuples, lists and dicts."""

from collections.abc import Callable
from typing import Any

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
