"""Table 1, run literally: neuron by neuron and synapse by synapse, on the interaction kernel."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from brainlib.bdh.graph.equations import Graphs, check_tokens
from brainlib.bdh.graph.kernel import Damping, Rule, Species, State, interact

ROUNDS = ("infer from synapses", "reweight synapses", "infer y from weights", "infer x from weights")
"""What the rounds 4l, 4l + 1, 4l + 2 and 4l + 3 do."""


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
    `ValueError` if x or y are negative or of another shape, and as `table_1`. Used in
    chapters/bdh/02_from_graph_to_tensor.
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
