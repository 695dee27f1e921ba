"""BDH as a graph of neurons with local rules, and the steps that lead from it to a tensor program, in float64.

The interaction kernel (Definitions 1 and 2) and Table 1 on it; eq. (6) in vectors; eq. (7), its low-rank case, with the
graphs behind it (Claim 3); the tensor program of all positions at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.bdh.rotation import rope_frequencies, to_turns

ROUNDS = ("infer from synapses", "reweight synapses", "infer y from weights", "infer x from weights")
"""What the rounds 4l, 4l + 1, 4l + 2 and 4l + 3 do."""

Species = tuple[str | int, ...]
"""A variable at a node, ("X", i), or on the edge from i to j, ("sigma", layer, i, j)."""

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
    after = dict(state)
    for species, rate in dampings:
        if not 0 <= rate <= 1:
            raise ValueError(f"dampings: got {rate} of {species}, expected a rate from 0 to 1")
        after[species] = (1 - rate) * state.get(species, 0.0)
    for sources, target, rate in rules:
        if not rate >= 0 or len(sources) not in (1, 2):
            raise ValueError(f"rules: got {sources} at {rate}, expected one or two sources and a rate of at least 0")
        produced = rate
        for source in sources:
            produced *= state.get(source, 0.0)
        after[target] = after.get(target, 0.0) + produced
    return after


@dataclass(frozen=True)
class Graphs:
    """BDH (Definition 3): five graphs on the same n neurons, none of their weights negative.

    A matrix has the neuron that receives in its rows and the one that sends in its columns. `Gxe`, `Gye` excite and
    `Gxi`, `Gyi` inhibit; `Gs` says how fast each synapse learns; `U` (n x n) is what a step of time does to synapses.
    """

    Gxe: Float64[ndarray, "n n"]
    Gxi: Float64[ndarray, "n n"]
    Gye: Float64[ndarray, "n n"]
    Gyi: Float64[ndarray, "n n"]
    Gs: Float64[ndarray, "n n"]
    U: Float64[ndarray, "n n"]
    layers: int

    def __post_init__(self):
        for name in ("Gxe", "Gxi", "Gye", "Gyi", "Gs"):
            if (lowest := getattr(self, name).min()) < 0:
                raise ValueError(f"{name}: got a weight of {lowest:.3g}, expected none below 0")
        whole_number("layers", self.layers, least=1)


@dataclass(frozen=True)
class LowRank:
    """BDH-Normfree: three matrices in place of graphs, Gx = Dx E and Gy = Dy E, and every synapse learns (eq. 9)."""

    Dx: Float64[ndarray, "n d"]
    Dy: Float64[ndarray, "n d"]
    E: Float64[ndarray, "d n"]
    U: Float64[ndarray, "n n"]
    layers: int


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

    def send(name: str, exciting: ndarray, inhibiting: ndarray, target: str) -> list[Rule]:
        both = (exciting, f"{target}e"), (inhibiting, f"{target}i")
        return [Rule(((name, i),), (to, j), rate) for weights, to in both for i, j, rate in _edges(weights)]

    def threshold(name: str) -> list[tuple[Species, Species, Species]]:
        return [((f"{name}e", i), (f"{name}i", i), (f"{name}+", i)) for i in nodes]

    def reset(*names: str) -> list[Damping]:
        return [Damping((name, i)) for name in names for i in nodes]

    synapses = [(i, j, rate, ("sigma", layer, i, j)) for i, j, rate in _edges(graphs.Gs)]
    first, last = ("Y", "X") if as_printed else ("X", "Y")
    infer = [Rule((("X", i), synapse), ("A", j)) for i, j, _, synapse in synapses]
    fade = [Damping(synapse, 1 - float(kept[i])) for i, _, _, synapse in synapses]
    reweight = [Rule(((first, i), (last, j)), synapse, rate) for i, j, rate, synapse in synapses]
    speak = [Rule((("Y+", i), ("X", i)), ("Y", i)) for i in nodes]
    excite = [Rule((("X+", i),), ("X", i)) for i in nodes]
    return (
        Round(infer, [], fade, []),
        Round(reweight, [], reset("Y", "Xe", "Xi", "Ye", "Yi"), []),
        Round(send("A", graphs.Gye, graphs.Gyi, "Y"), speak, reset("A"), threshold("Y")),
        Round(send("Y", graphs.Gxe, graphs.Gxi, "X"), excite, [], threshold("X")),
    )


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


def run(
    graphs: Graphs, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"], *, as_printed: bool = False
) -> list[Moment]:
    """Reads tokens by Table 1: the 4 L rounds of each, and what is to be seen after every round.

    A token enters by setting X to its row of `x` and Y to its row of `y`; everything else is what the last token left,
    and sigma begins at 0. The threshold (a - b)+ within a neuron is taken as given, as the paper does. Raises
    `ValueError` if x or y are negative or of another shape, and as `table_1`.
    """
    _check_tokens(graphs, x, y)
    nodes, layers = range(len(graphs.U)), range(graphs.layers)
    rules = [table_1(graphs, layer, as_printed=as_printed) for layer in layers]
    state: State = {}
    moments = []
    for token in range(len(x)):
        for i in nodes:
            state["X", i], state["Y", i] = float(x[token, i]), float(y[token, i])
        for layer in layers:
            for number, step in enumerate(rules[layer]):
                state = interact(state, step.communication)
                for excites, inhibits, target in step.thresholds:
                    state[target] = max(state.get(excites, 0.0) - state.get(inhibits, 0.0), 0.0)
                state = interact(state, step.computation, step.damping)
                X, Y, A = (np.array([state.get((name, i), 0.0) for i in nodes]) for name in "XYA")
                sigma = [[[state.get(("sigma", lay, i, j), 0.0) for i in nodes] for j in nodes] for lay in layers]
                moments.append(Moment(token, layer, number, X, Y, A, np.array(sigma)))
    return moments


class Trajectory(NamedTuple):
    """What a text does to the neurons, and the state after it.

    `x[t, l]` are the neurons on entering layer l and `x[t, L]` those that are read out; `y[t, l]` is said in layer l.
    `state` is sigma (layers, n, n) of eq. (6) or rho (layers, d, n) of eq. (7); the tensor program has none.
    """

    x: Float[ndarray, "time layers_and_one n"]
    y: Float[ndarray, "time layers n"]
    state: Float[ndarray, "layers rows n"] | None = None


def equation_6(graphs: Graphs, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"]) -> Trajectory:
    """BDH in vectors, eq. (6), for tokens that set the neurons to the rows of `x` and `y`:

    sigma_{t,l} = (sigma_{t-1,l} + (y_{t,l-1} x_{t,l}^T) * Gs) U
    y_{t,l} = ((Gye - Gyi) sigma_{t-1,l} x_{t,l})+ * x_{t,l}
    x_{t,l+1} = x_{t,l} + ((Gxe - Gxi) y_{t,l})+

    Raises `ValueError` if x or y are negative or of another shape.
    """
    Gx, Gy = graphs.Gxe - graphs.Gxi, graphs.Gye - graphs.Gyi
    return _recurrence(graphs, x, y, Gy, lambda said, x_t: np.outer(said, x_t) * graphs.Gs, lambda y_t: Gx @ y_t)


def equation_7(model: LowRank, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"]) -> Trajectory:
    """BDH-Normfree, eq. (7): eq. (6) with rho = E sigma, d numbers a neuron in place of n (Observation 4).

    rho_{t,l} = (rho_{t-1,l} + (E y_{t,l-1}) x_{t,l}^T) U
    y_{t,l} = (Dy rho_{t-1,l} x_{t,l})+ * x_{t,l}
    x_{t,l+1} = x_{t,l} + (Dx E y_{t,l})+

    Raises as `equation_6`.
    """
    Dx, E = model.Dx, model.E
    return _recurrence(model, x, y, model.Dy, lambda said, x_t: np.outer(E @ said, x_t), lambda y_t: Dx @ (E @ y_t))


def tensor_form(
    Dx: Float[Tensor, "n d"],
    Dy: Float[Tensor, "n d"],
    E: Float[Tensor, "d n"],
    U: Float[Tensor, "n n"],
    layers: int,
    x: Float[Tensor, "*batch time n"],
    y: Float[Tensor, "*batch time n"],
) -> tuple[Float[Tensor, "*batch time layers_and_one n"], Float[Tensor, "*batch time layers n"]]:
    """Eq. (7) for all positions at once, as a model is trained: matrix products, no loop over time, gradients.

    The state is written out: rho_{t-1} x_t = sum over s < t of v_s <(U^-s)^T x_s, U^t x_t> with v = E y, which is
    linear attention. Returns x and y of every layer as in `Trajectory`. U must be invertible.
    """
    time = x.shape[-2]
    powers = torch.stack([torch.matrix_power(U, t) for t in range(time)])
    back = torch.linalg.inv(powers)
    xs, ys = [x], []
    for _ in range(layers):
        queries = torch.einsum("tij,...tj->...ti", powers, x)
        keys = torch.einsum("tij,...ti->...tj", back, x)
        a = (queries @ keys.mT).tril(-1) @ (y @ E.mT)  # (..., time, d)
        y = (a @ Dy.mT).relu() * x
        x = x + (y @ E.mT @ Dx.mT).relu()
        xs.append(x)
        ys.append(y)
    return torch.stack(xs, dim=-2), torch.stack(ys, dim=-2)


def rope(neurons: int) -> Float64[ndarray, "n n"]:
    """The block-diagonal U of RoPE: each step of time turns the synapses of neurons 2i and 2i + 1 into each other.

    A row of the state, multiplied by U from the right, turns back by the pair's frequency.
    """
    U = np.zeros((neurons, neurons))
    for pair, turns in enumerate(to_turns(rope_frequencies(neurons)).tolist()):
        cos, sin = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
        U[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = [[cos, -sin], [sin, cos]]
    return U


class HiddenGraphs(NamedTuple):
    """Three graphs without negative weights: neurons -> hidden nodes, hidden nodes -> neurons (two of them)."""

    inward: Float64[ndarray, "hidden n"]
    excites: Float64[ndarray, "n hidden"]
    inhibits: Float64[ndarray, "n hidden"]

    @property
    def edges(self) -> int:
        """How many weights are not 0."""
        return sum(int(np.count_nonzero(part)) for part in self)


def factorise(D: Float64[ndarray, "n d"], E: Float64[ndarray, "d n"]) -> HiddenGraphs:
    """Graphs with excites @ inward - inhibits @ inward = D E, all weights at least 0 (Claim 3, Appendix C.3).

    Each channel gets two hidden nodes: one for what is above 0 in its row of E, one for what is below. Through the
    second the signs of D change sides. Together at most 3 n d edges: one for an entry of E, two for an entry of D.
    """
    above, below = np.maximum(D, 0), np.maximum(-D, 0)
    inward = np.concatenate((np.maximum(E, 0), np.maximum(-E, 0)))
    return HiddenGraphs(inward, np.concatenate((above, below), axis=1), np.concatenate((below, above), axis=1))


def graphs_of(model: LowRank) -> Graphs:
    """The graphs of a low-rank model, eq. (9): Gxe - Gxi = Dx E, Gye - Gyi = Dy E, and every synapse learns."""
    parts = factorise(model.Dx, model.E), factorise(model.Dy, model.E)
    (Gxe, Gxi), (Gye, Gyi) = ((part.excites @ part.inward, part.inhibits @ part.inward) for part in parts)
    return Graphs(Gxe, Gxi, Gye, Gyi, Gs=np.ones_like(model.U), U=model.U, layers=model.layers)


def _recurrence(
    model: Graphs | LowRank, x: ndarray, y: ndarray, recall: ndarray, learned: Callable, excited: Callable
) -> Trajectory:
    """Token by token and layer by layer: y = (recall state x)+ * x, state = (state + learned(y of the layer below, x))
    U, x = x + (excited(y))+."""
    _check_tokens(model, x, y)
    state = np.zeros((model.layers, recall.shape[1], len(model.U)))
    xs, ys = np.empty((len(x), model.layers + 1, len(model.U))), np.empty((len(x), model.layers, len(model.U)))
    for t, (x_t, said) in enumerate(zip(x, y, strict=True)):
        xs[t, 0] = x_t
        for layer in range(model.layers):
            y_t = np.maximum(recall @ (state[layer] @ x_t), 0) * x_t
            state[layer] = (state[layer] + learned(said, x_t)) @ model.U
            x_t, said = x_t + np.maximum(excited(y_t), 0), y_t
            xs[t, layer + 1], ys[t, layer] = x_t, y_t
    return Trajectory(xs, ys, state)


def _edges(weights: Float64[ndarray, "n n"]) -> Iterator[tuple[int, int, float]]:
    """(from, to, weight) of every edge; the matrix has the receiver in its rows."""
    for j, i in np.argwhere(weights):
        yield int(i), int(j), float(weights[j, i])


def _check_tokens(model: Graphs | LowRank, x: ndarray, y: ndarray) -> None:
    for name, rows in (("x", x), ("y", y)):
        if rows.ndim != 2 or rows.shape[1] != len(model.U) or len(rows) != len(x) or not len(rows):
            raise ValueError(f"{name}: got shape {rows.shape}, expected (time, {len(model.U)}), the same for x and y")
        if (lowest := rows.min()) < 0:
            raise ValueError(f"{name}: got {lowest:.3g}, expected activities of at least 0")
