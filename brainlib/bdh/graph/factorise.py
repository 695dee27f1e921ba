"""Claim 3: a product of two thin matrices as two graphs whose paths lead through 2 d hidden nodes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from brainlib.bdh.graph.equations import Graphs, LowRank


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
    Used in chapters/bdh/02_from_graph_to_tensor.
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
