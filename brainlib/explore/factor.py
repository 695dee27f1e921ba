"""States of one figure, each thing written once: what all share, what each has of its own, arrays that several have."""

import json
from collections import Counter
from typing import Any

NOTHING: Any = object()


def factored(states: list[dict]) -> dict[str, Any]:
    """The states as `shared` (a part of each), `states` (what is left of each) and `pool` (arrays they point to).

    The page merges them again: a state is `shared` with its own part laid over it, item by item.
    """
    shared = common(states)
    own, pool = pooled([{} if (part := rest(state, shared)) is NOTHING else part for state in states])
    return {"shared": {} if shared is NOTHING else shared, "states": own, "pool": pool}


def merged(shared: Any, own: Any, pool: list) -> Any:
    """A state again, from what `factored` gave."""
    if own is NOTHING:
        own = shared
    if isinstance(own, dict) and "$" in own:
        return pool[own["$"]]
    if isinstance(own, dict):
        base = shared if isinstance(shared, dict) else {}
        return {
            key: merged(base.get(key), own.get(key, NOTHING), pool)
            for key in [*base, *(k for k in own if k not in base)]
        }
    if isinstance(own, list) and any(isinstance(part, dict | list) for part in own):
        base = shared if isinstance(shared, list) else [None] * len(own)
        return [merged(part, one, pool) for part, one in zip(base, own, strict=False)]
    return own


def compact(tree: Any) -> str:
    """JSON without spaces."""
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def common(trees: list) -> Any:
    """The largest tree that every tree contains, or NOTHING. Lists of dicts of one length are compared item by item."""
    first = trees[0]
    if all(tree == first for tree in trees):
        return first
    if all(isinstance(tree, dict) for tree in trees):
        keys = [key for key in first if all(key in tree for tree in trees)]
        found = {key: common([tree[key] for tree in trees]) for key in keys}
        return {key: part for key, part in found.items() if part is not NOTHING} or NOTHING
    if all(_dicts(tree) and len(tree) == len(first) for tree in trees):
        parts = [common(list(column)) for column in zip(*trees, strict=True)]
        return [{} if part is NOTHING else part for part in parts]
    return NOTHING


def rest(tree: Any, shared: Any) -> Any:
    """What `shared` (from `common`) lacks of `tree`, or NOTHING."""
    if shared is NOTHING or tree == shared:
        return tree if shared is NOTHING else NOTHING
    if isinstance(tree, dict):
        found = {key: rest(part, shared.get(key, NOTHING)) for key, part in tree.items()}
        return {key: part for key, part in found.items() if part is not NOTHING}
    parts = [rest(part, other) for part, other in zip(tree, shared, strict=True)]
    return [{} if part is NOTHING else part for part in parts]


def pooled(trees: list) -> tuple[list, list]:
    """The trees with every array that occurs more than once replaced by `{"$": place in the pool}`, and the pool."""
    counts: Counter[str] = Counter()

    def count(tree: Any) -> None:
        if _array(tree):
            counts[compact(tree)] += 1
        elif isinstance(tree, dict | list):
            for part in tree.values() if isinstance(tree, dict) else tree:
                count(part)

    def replace(tree: Any) -> Any:
        if _array(tree):
            return {"$": place[text]} if (text := compact(tree)) in place else tree
        if isinstance(tree, dict):
            return {key: replace(part) for key, part in tree.items()}
        return [replace(part) for part in tree] if isinstance(tree, list) else tree

    count(trees)
    repeated = [text for text, times in counts.items() if times > 1 and len(text) > 20]
    place = {text: index for index, text in enumerate(repeated)}
    return replace(trees), [json.loads(text) for text in repeated]


def _dicts(tree: Any) -> bool:
    return isinstance(tree, list) and bool(tree) and all(isinstance(part, dict) for part in tree)


def _array(tree: Any) -> bool:
    return isinstance(tree, list) and not any(isinstance(part, dict) for part in tree)
