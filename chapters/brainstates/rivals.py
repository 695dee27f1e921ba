"""Six ways from spikes to a wiring, and what each is tuned by.

Five are HMM-GLMs of two states, from the same start: one-hot, integrated (this book's), the same with a Dirichlet prior
on a_0, relaxed (the paper's, OHG), the Gaussian (GHG) and L1 (HG-L1). The sixth knows no model: how spikes correlate
with those of a few bins before.
"""

import math
from typing import NamedTuple

from jaxtyping import Float64
from torch import Tensor

from brainlib.brainstates.design import Design, design, exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters
from brainlib.data import Trials
from chapters.brainstates.correlograms import correlogram_wiring

STATES, EMISSION = 2, Emission()
STARTS = 2  # random ones
ONE_HOT, DIRICHLET, RELAXED = ONE_HOTS = ("one-hot, integrated", "one-hot, Dirichlet", "one-hot, relaxed")
CONCENTRATION = (0.1, 0.8, 0.1)  # of the Dirichlet prior, that of the paper's simulated brains
GAUSSIAN, L1, CORRELOGRAM = RIVALS = ("Gaussian", "L1", "correlogram")
METHODS = (*ONE_HOTS, *RIVALS)
GRIDS: dict[str, tuple[float, ...]] = {
    ONE_HOT: (0.007, 0.05, 0.35, 2.5),  # the median strength; the paper's is 0.007. The deviation of its logarithm is 2
    DIRICHLET: (0.007, 0.05, 0.35, 2.5),
    RELAXED: (0.007, 0.05, 0.35, 2.5),
    GAUSSIAN: (0.1, 0.3, 0.9, 2.7),  # the deviation of the states' weights from their mean
    L1: (1.0, 3.0, 9.0, 27.0),  # the weight of the penalty, nats
    CORRELOGRAM: (0.03, 0.1, 0.33, 1.1),  # by how much a bin that is one earlier weighs less, its logarithm
}


class Wiring(NamedTuple):
    """[to, from]: connections with their signs, and how much each is believed to be there.

    Of the one-hot models a_exc - a_inh and 1 - a_none of a_0, which the states share; of the others the mean weight of
    the states, or the correlation, and its size. `parameters` of the model, if there is one.
    """

    signed: Float64[Tensor, "neurons neurons"]
    belief: Float64[Tensor, "neurons neurons"]
    parameters: Parameters | None = None


def start(prior: GaussianPrior | None, l1: float, train: Design, iterations: int, seed: int) -> Parameters:
    """Where all models of a recording start: the better of two random starts of a model held by either of these."""
    model = Model(STATES, EMISSION, prior, l1)
    return fit(model, train, restarts=STARTS, iterations=iterations, seed=seed).parameters


def wiring(method: str, value: float, trials: Trials, begin: Parameters, iterations: int) -> Wiring:
    """What a method of `METHODS`, tuned to `value`, says of these spikes."""
    if method == CORRELOGRAM:
        found = correlogram_wiring(trials, exponential_basis(decay=value))
        return Wiring(found, found.abs())
    train = design(trials)
    if method in ONE_HOTS:
        solver, concentration = ("relaxed" if method == RELAXED else "integrated"), None
        if method == DIRICHLET:
            concentration = CONCENTRATION
        model = OneHot(STATES, EMISSION, strength_mean=math.log(value), concentration=concentration)
        fitted = fit_one_hot(model, train, start=begin, solver=solver, iterations=iterations)
        inhibitory, none, excitatory = fitted.adjacency_prior.double().unbind(-1)
        return Wiring(excitatory - inhibitory, 1 - none, fitted.parameters)
    prior, l1 = (GaussianPrior(sd=value), 0.0) if method == GAUSSIAN else (None, value)
    parameters = fit(Model(STATES, EMISSION, prior, l1), train, start=begin, iterations=iterations).parameters
    found = parameters.coupling.double().mean(0)
    return Wiring(found, found.abs(), parameters)
