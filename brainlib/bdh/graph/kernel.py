"""The interaction kernel (Definitions 1 and 2): species that produce each other by local rules, and fade."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Species = tuple[str | int, ...]
"""A variable at a node, ("X", i), or on the edge from i to j, ("sigma", i, j), perhaps one for each layer."""

State = dict[Species, float]


class Rule(NamedTuple):
    """`sources -> target` at a rate: one or two species together produce a third (and are not used up)."""

    sources: tuple[Species, ...]
    target: Species
    rate: float = 1.0


class Damping(NamedTuple):
    """A species loses this share of itself; 1 resets it."""

    species: Species
    rate: float = 1.0


def interact(state: Mapping[Species, float], rules: Iterable[Rule], dampings: Iterable[Damping] = ()) -> State:
    """The state after all rules have acted at once, eq. (3): q'_k = (1 - d_k) q_k + sum over i, j of r_ijk q_i q_j.

    A species that is not in `state` is 0; a rule with one source takes the second for 1. Raises `ValueError` for a rate
    that is negative, for a damping beyond 1, which could make a species negative (the paper leaves this bound unsaid),
    and for a rule without sources or with more than two. Used in chapters/bdh/02_from_graph_to_tensor.
    """
    rules, dampings = list(rules), list(dampings)
    for rule in rules:
        if not rule.rate >= 0 or len(rule.sources) not in (1, 2):
            raise ValueError(f"rules: got {rule}, expected one or two sources and a rate of at least 0")
    for damping in dampings:
        if not 0 <= damping.rate <= 1:
            raise ValueError(f"dampings: got {damping}, expected a rate from 0 to 1")
    after = dict(state)
    for species, rate in dampings:
        after[species] = (1 - rate) * state.get(species, 0.0)
    for sources, target, rate in rules:
        produced = rate
        for source in sources:
            produced *= state.get(source, 0.0)
        after[target] = after.get(target, 0.0) + produced
    return after


def is_local(rule: Rule, edge: tuple[int, int] | None = None) -> bool:
    """Whether a rule is one of the edge-reweighting kernel (Definition 2).

    Without `edge` it must be computational: all its species sit at one node. With `edge` = (i, j) it must be a
    communication along that edge: its species sit at i, at j, or on the edge itself.
    """
    places = {places_of(species) for species in (*rule.sources, rule.target)}
    if edge is None:
        return len(places) == 1 and len(places.pop()) == 1
    return places <= {edge[:1], edge[1:], edge}


def places_of(species: Species) -> tuple[int, ...]:
    """The node or the edge that a species sits at: ("sigma", layer, i, j) sits on (i, j)."""
    indices = tuple(index for index in species[1:] if isinstance(index, int))
    return indices[-2:] if species[0] == "sigma" else indices
