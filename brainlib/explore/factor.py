"""States of one figure with every part that occurs more than once written once."""

import json
from collections import Counter
from typing import Any

SHORT = 20  # characters of JSON up to which a part is written again


def factored(states: list[dict]) -> dict[str, list]:
    """The states with each repeated part as `{"$": place in the pool}`, and the pool, whose parts may point on."""
    counts: Counter[str] = Counter()

    def count(tree: Any) -> None:
        if isinstance(tree, dict | list):
            counts[text := compact(tree)] += 1
            if counts[text] == 1 and len(text) > SHORT:
                for part in _parts(tree):
                    count(part)

    def pointed(tree: Any) -> Any:
        if isinstance(tree, dict | list) and (text := compact(tree)) in places:
            return {"$": places[text]}
        return opened(tree)

    def opened(tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: pointed(part) for key, part in tree.items()}
        return [pointed(part) for part in tree] if _parts(tree) else tree

    count(states)
    repeated = [text for text, times in counts.items() if times > 1 and len(text) > SHORT]
    places = {text: place for place, text in enumerate(repeated)}
    return {"states": opened(states), "pool": [opened(json.loads(text)) for text in repeated]}


def restored(tree: Any, pool: list) -> Any:
    """A state again, its pointers into the pool followed."""
    if isinstance(tree, dict):
        if "$" in tree:
            return restored(pool[tree["$"]], pool)
        return {key: restored(part, pool) for key, part in tree.items()}
    return [restored(part, pool) for part in tree] if _parts(tree) else tree


def compact(tree: Any) -> str:
    """JSON without spaces."""
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _parts(tree: Any) -> list:
    """What lies within a dict or a list of dicts; nothing within an array."""
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) and any(isinstance(part, dict) for part in tree) else []
