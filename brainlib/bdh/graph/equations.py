"""Eq. (6), its low-rank case eq. (7) with the graphs behind it, and the tensor program of all positions at once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from brainlib.bdh.rotation import rope_frequencies, to_turns


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
        _check_layers(self.layers)


@dataclass(frozen=True)
class LowRank:
    """BDH-Normfree: three matrices in place of graphs, Gx = Dx E and Gy = Dy E, and every synapse learns (eq. 9)."""

    Dx: Float64[ndarray, "n d"]
    Dy: Float64[ndarray, "n d"]
    E: Float64[ndarray, "d n"]
    U: Float64[ndarray, "n n"]
    layers: int

    def __post_init__(self):
        _check_layers(self.layers)


class Trajectory(NamedTuple):
    """What a text does to the neurons, and the state after it.

    `x[t, l]` are the neurons on entering layer l and `x[t, L]` those that are read out; `y[t, l]` is said in layer l.
    `state` is sigma (layers, n, n) of eq. (6) or rho (layers, d, n) of eq. (7); the tensor program has none.
    """

    x: Float[ndarray, "time layers_and_one n"]
    y: Float[ndarray, "time layers n"]
    state: Float[ndarray, "layers rows n"] | None = None


def alibi(neurons: int, kept: float) -> Float64[ndarray, "n n"]:
    """The diagonal U of ALiBi: each step of time keeps the share `kept` of every synapse."""
    return kept * np.eye(neurons)


def rope(neurons: int) -> Float64[ndarray, "n n"]:
    """The block-diagonal U of RoPE: each step of time turns the synapses of neurons 2i and 2i + 1 into each other.

    A row of the state, multiplied by U from the right, turns back by the pair's frequency.
    """
    U = np.zeros((neurons, neurons))
    for pair, turns in enumerate(to_turns(rope_frequencies(neurons)).tolist()):
        cos, sin = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
        U[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = [[cos, -sin], [sin, cos]]
    return U


def equation_6(graphs: Graphs, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"]) -> Trajectory:
    """BDH in vectors, eq. (6), for tokens that set the neurons to the rows of `x` and `y`:

    sigma_{t,l} = (sigma_{t-1,l} + (y_{t,l-1} x_{t,l}^T) * Gs) U
    y_{t,l} = ((Gye - Gyi) sigma_{t-1,l} x_{t,l})+ * x_{t,l}
    x_{t,l+1} = x_{t,l} + ((Gxe - Gxi) y_{t,l})+

    Raises `ValueError` if x or y are negative or of another shape.
    """
    check_tokens(graphs, x, y)
    Gx, Gy = graphs.Gxe - graphs.Gxi, graphs.Gye - graphs.Gyi
    sigma = np.zeros((graphs.layers, *Gx.shape))
    xs, ys = [], []
    for x_t, said in zip(x, y, strict=True):
        xs.append([x_t])
        ys.append([])
        for layer in range(graphs.layers):
            y_t = relu(Gy @ (sigma[layer] @ x_t)) * x_t
            sigma[layer] = (sigma[layer] + np.outer(said, x_t) * graphs.Gs) @ graphs.U
            x_t, said = x_t + relu(Gx @ y_t), y_t
            xs[-1].append(x_t)
            ys[-1].append(y_t)
    return Trajectory(np.array(xs), np.array(ys), sigma)


def equation_7(model: LowRank, x: Float64[ndarray, "time n"], y: Float64[ndarray, "time n"]) -> Trajectory:
    """BDH-Normfree, eq. (7): eq. (6) with rho = E sigma, d numbers a neuron in place of n (Observation 4).

    rho_{t,l} = (rho_{t-1,l} + (E y_{t,l-1}) x_{t,l}^T) U
    y_{t,l} = (Dy rho_{t-1,l} x_{t,l})+ * x_{t,l}
    x_{t,l+1} = x_{t,l} + (Dx E y_{t,l})+

    Raises as `equation_6`.
    """
    check_tokens(model, x, y)
    rho = np.zeros((model.layers, *model.E.shape))
    xs, ys = [], []
    for x_t, said in zip(x, y, strict=True):
        xs.append([x_t])
        ys.append([])
        for layer in range(model.layers):
            y_t = relu(model.Dy @ (rho[layer] @ x_t)) * x_t
            rho[layer] = (rho[layer] + np.outer(model.E @ said, x_t)) @ model.U
            x_t, said = x_t + relu(model.Dx @ (model.E @ y_t)), y_t
            xs[-1].append(x_t)
            ys[-1].append(y_t)
    return Trajectory(np.array(xs), np.array(ys), rho)


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
    return HiddenGraphs(
        inward=np.concatenate((np.maximum(E, 0), np.maximum(-E, 0))),
        excites=np.concatenate((above, below), axis=1),
        inhibits=np.concatenate((below, above), axis=1),
    )


def graphs_of(model: LowRank) -> Graphs:
    """The graphs of a low-rank model, eq. (9): Gxe - Gxi = Dx E, Gye - Gyi = Dy E, and every synapse learns."""
    x, y = factorise(model.Dx, model.E), factorise(model.Dy, model.E)
    return Graphs(
        Gxe=x.excites @ x.inward,
        Gxi=x.inhibits @ x.inward,
        Gye=y.excites @ y.inward,
        Gyi=y.inhibits @ y.inward,
        Gs=np.ones_like(model.U),
        U=model.U,
        layers=model.layers,
    )


def relu(values: Float64[ndarray, "*n"]) -> Float64[ndarray, "*n"]:
    return np.maximum(values, 0)


def check_tokens(model: Graphs | LowRank, x: ndarray, y: ndarray) -> None:
    for name, rows in (("x", x), ("y", y)):
        if rows.ndim != 2 or rows.shape[1] != len(model.U) or len(rows) != len(x) or not len(rows):
            raise ValueError(
                f"{name}: got shape {rows.shape}, expected (time, {len(model.U)}), as many rows in x as in y"
            )
        if (lowest := rows.min()) < 0:
            raise ValueError(f"{name}: got {lowest:.3g}, expected activities of at least 0")


def _check_layers(layers: int) -> None:
    if layers < 1:
        raise ValueError(f"layers: got {layers}, expected at least 1")
