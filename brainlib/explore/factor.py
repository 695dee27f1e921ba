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


def _parts(tree: Any) -> list:
    """What lies within a dict or a list of dicts; nothing within an array."""
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) and any(isinstance(part, dict) for part in tree) else []
