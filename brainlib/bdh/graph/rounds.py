"""The interaction kernel (Definitions 1 and 2), and Table 1 run on it: neuron by neuron, synapse by synapse."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from brainlib.bdh.graph.equations import Graphs, check_tokens

ROUNDS = ("infer from synapses", "reweight synapses", "infer y from weights", "infer x from weights")
"""What the rounds 4l, 4l + 1, 4l + 2 and 4l + 3 do."""

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
    and for a rule without sources or with more than two.
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


class Moment(NamedTuple):
    """The system after a round: which token, layer and round of the four, and the variables at nodes and synapses.

    `sigma[l, j, i]` is the synapse of layer l from neuron i to neuron j.
    """

    token: int
    layer: int
    round: int
    X: Float64[ndarray, "*n"]
    Y: Float64[ndarray, "*n"]
    A: Float64[ndarray, "*n"]
    sigma: Float64[ndarray, "layers n n"]


class Round(NamedTuple):
    """A communication along edges, then a computation within nodes; thresholds come between them."""

    communication: list[Rule]
    computation: list[Rule]
    damping: list[Damping]
    thresholds: list[tuple[Species, Species, Species]]  # (a, b, c): c = (a - b)+


def table_1(graphs: Graphs, layer: int, *, as_printed: bool = False) -> tuple[Round, Round, Round, Round]:
    """The rules of rounds 4l to 4l + 3 (Table 1 b) for l = `layer`; a pair of neurons with weight 0 has no rule.

    An edge (i, j) leads from i to j, as in Section 1.4. The synapse rule is X(i), Y(j) -> sigma(i, j): the neuron at
    the far end spoke. The table prints Y(i), X(j) -> sigma(i, j), which with the same table's X(i), sigma(i, j) -> A(j)
    would be eq. (6) with x y^T in place of y x^T; `as_printed` gives that. Raises `ValueError` if U is not diagonal
    with entries from 0 to 1: other U mix synapses of different edges, which no local rule does.
    """
    kept = np.diagonal(graphs.U)
    if np.any(np.diag(kept) != graphs.U) or kept.min() < 0 or kept.max() > 1:
        raise ValueError("graphs: got a U that is not diagonal with entries from 0 to 1, expected one (Observation 1)")
    nodes = range(len(graphs.U))

    def edges(weights: ndarray, name: str, target: str) -> list[Rule]:
        return [Rule(((name, i),), (target, j), rate) for i, j, rate in _edges(weights)]

    def reset(*names: str) -> list[Damping]:
        return [Damping((name, i)) for name in names for i in nodes]

    synapses = [(i, j, rate, ("sigma", layer, i, j)) for i, j, rate in _edges(graphs.Gs)]
    first, last = ("Y", "X") if as_printed else ("X", "Y")
    return (
        Round(
            [Rule((("X", i), synapse), ("A", j)) for i, j, _, synapse in synapses],
            [],
            [Damping(synapse, 1 - float(kept[i])) for i, _, _, synapse in synapses],
            [],
        ),
        Round(
            [Rule(((first, i), (last, j)), synapse, rate) for i, j, rate, synapse in synapses],
            [],
            reset("Y", "Xe", "Xi", "Ye", "Yi"),
            [],
        ),
        Round(
            edges(graphs.Gye, "A", "Ye") + edges(graphs.Gyi, "A", "Yi"),
            [Rule((("Y+", i), ("X", i)), ("Y", i)) for i in nodes],
            reset("A"),
            [(("Ye", i), ("Yi", i), ("Y+", i)) for i in nodes],
        ),
        Round(
            edges(graphs.Gxe, "Y", "Xe") + edges(graphs.Gxi, "Y", "Xi"),
            [Rule((("X+", i),), ("X", i)) for i in nodes],
            [],
            [(("Xe", i), ("Xi", i), ("X+", i)) for i in nodes],
        ),
    )


def run(
    graphs: Graphs, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"], *, as_printed: bool = False
) -> list[Moment]:
    """Reads tokens by Table 1: the 4 L rounds of each, and what is to be seen after every round.

    A token enters by setting X to its row of `x` and Y to its row of `y`; everything else is what the last token left,
    and sigma begins at 0. The threshold (a - b)+ within a neuron is taken as given, as the paper does. Raises
    `ValueError` if x or y are negative or of another shape, and as `table_1`.
    """
    check_tokens(graphs, x, y)
    rules = [table_1(graphs, layer, as_printed=as_printed) for layer in range(graphs.layers)]
    state: State = {}
    moments = []
    for token in range(len(x)):
        for i in range(x.shape[1]):
            state["X", i], state["Y", i] = float(x[token, i]), float(y[token, i])
        for layer in range(graphs.layers):
            for number, step in enumerate(rules[layer]):
                state = interact(state, step.communication)
                for excites, inhibits, target in step.thresholds:
                    state[target] = max(state.get(excites, 0.0) - state.get(inhibits, 0.0), 0.0)
                state = interact(state, step.computation, step.damping)
                moments.append(_moment(state, graphs, token, layer, number))
    return moments


def _edges(weights: Float64[ndarray, "n n"]) -> Iterator[tuple[int, int, float]]:
    """(from, to, weight) of every edge; the matrix has the receiver in its rows."""
    for j, i in np.argwhere(weights):
        yield int(i), int(j), float(weights[j, i])


def _moment(state: State, graphs: Graphs, token: int, layer: int, number: int) -> Moment:
    nodes, layers = range(len(graphs.U)), range(graphs.layers)
    at_nodes = (np.array([state.get((name, i), 0.0) for i in nodes]) for name in "XYA")
    sigma = [[[state.get(("sigma", lay, i, j), 0.0) for i in nodes] for j in nodes] for lay in layers]
    return Moment(token, layer, number, *at_nodes, np.array(sigma))
