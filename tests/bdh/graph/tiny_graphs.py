"""Small models for the tests of graphs."""

import numpy as np

from brainlib.bdh import graph

NEURONS, DIM, LAYERS, TIME = 8, 3, 2, 6


def low_rank(U: np.ndarray, seed: int = 0) -> graph.LowRank:
    """A model whose weights are large enough that every layer speaks."""
    draw = np.random.default_rng(seed).normal
    return graph.LowRank(draw(size=(NEURONS, DIM)), draw(size=(NEURONS, DIM)), draw(size=(DIM, NEURONS)), U, LAYERS)


def tokens(model: graph.LowRank) -> tuple[np.ndarray, np.ndarray]:
    """What each token sets X and Y to: some neurons speak, and excite others."""
    draw = np.random.default_rng(1)
    y = draw.uniform(size=(TIME, NEURONS)) * (draw.random((TIME, NEURONS)) < 0.5)
    return np.maximum(y @ (model.Dx @ model.E).T, 0), y
