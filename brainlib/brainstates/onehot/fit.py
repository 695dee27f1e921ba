"""Fitting the one-hot HMM-GLM: EM over the hidden states with one of two M-steps.

| solver       | M-step                                                                          | file            |
|--------------|---------------------------------------------------------------------------------|-----------------|
| "integrated" | classes of connections by their evidence, strengths integrated out; temperature 0 | `edges.py`      |
| "relaxed"    | the paper's: maximum a posteriori of relaxed a and of strengths, by Adam        | `relaxation.py` |
"""

import math

import torch

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.fitting.em import require
from brainlib.brainstates.fitting.scoring import most_likely_transitions
from brainlib.brainstates.fitting.starts import prepared
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot.edges import Integrated
from brainlib.brainstates.onehot.model import OneHot, OneHotFit
from brainlib.brainstates.onehot.relaxation import Relaxed
from brainlib.brainstates.parameters import Parameters

SOLVERS: dict[str, type[Integrated] | type[Relaxed]] = {"integrated": Integrated, "relaxed": Relaxed}
FAR = 3.0  # deviations of ln wt from its mean, within which weights start


@torch.no_grad()
def fit_one_hot(
    model: OneHot,
    design: Design,
    *,
    start: Parameters | None = None,
    solver: str = "integrated",
    iterations: int = 30,
    tolerance: float = 1e-5,
    restarts: int = 3,
    seed: int = 0,
) -> OneHotFit:
    """Fits the one-hot HMM-GLM by EM, from `start`: parameters of the naive or the Gaussian model.

    - Weights of the start that the prior thinks too large (silent neurons' may be) are cut to e^(mu_w + 3 sigma_w).
    - Without a start the Gaussian model is fitted first, from `restarts` random starts; nothing else is random. That
      fit is `fit`'s own, with its limits: `iterations` and `tolerance` are of this one.
    - The solver "relaxed" knows neither of the model's `concentration`, `empirical` and `dale`.
    - It ends when two iterations raised the objective by less than `tolerance` nats a bin, or after `iterations`.

    Memory: states x neurons x features^2 numbers of float64. Raises `ValueError` for designs without connections or
    with a basis of several functions, more states than bins, an unknown solver, a start that does not fit, counts that
    the emission cannot give, and numbers out of range.

    >>> from brainlib.brainstates.design import design
    >>> from brainlib.data import Trials
    >>> counts = torch.poisson(torch.full((400, 5), 0.2), generator=torch.Generator().manual_seed(0))
    >>> data = design(Trials.from_sequences([counts], bin_ms=10.0))
    >>> result = fit_one_hot(OneHot(2), data, restarts=1, iterations=3)
    >>> result.adjacency.shape, result.strengths.shape  # (states, to, from, 3), (states, to, from)
    (torch.Size([2, 5, 5, 3]), torch.Size([2, 5, 5]))
    """
    require(model.states, design, iterations, tolerance)
    N, D = design.counts.shape[-1], design.features.shape[-1]
    if D != N + 1:
        raise ValueError(f"design: got {D} features for {N} neurons, expected a coupled design of one basis function")
    if solver not in SOLVERS:
        raise ValueError(f"solver: got {solver!r}, expected one of {', '.join(SOLVERS)}")
    for name in ("concentration", "empirical", "dale"):
        if solver != "integrated" and getattr(model, name):
            raise ValueError(f"{name}: got {getattr(model, name)!r} for the solver {solver!r}, expected 'integrated'")
    gaussian = Model(model.states, model.emission, GaussianPrior())
    if start is None:
        start = fit(gaussian, design, restarts=restarts, seed=seed).parameters
    parameters = prepared(start, gaussian, design).run(0)
    parameters.coupling.clamp_(*(sign * math.exp(model.strength_mean + FAR * model.strength_sd) for sign in (-1, 1)))
    m_step = SOLVERS[solver](model, design)
    enough = tolerance * int(design.lengths.sum())
    history = []  # log-likelihood and log prior
    for i in range(iterations + 1):
        chain = posterior(parameters, design, model.emission)
        if i:
            history.append((float(chain.log_likelihood.sum()), m_step.log_prior()))
        objectives = [sum(pair) for pair in history]
        settled = i > 2 and max(objectives[-2:]) < max(objectives[:-2]) + enough
        if settled or i == iterations:
            break
        transition = most_likely_transitions(chain.transitions.sum(0), parameters.log_transition)
        data = Weighted.of(design, chain.states[None], model.emission)
        weights = m_step.maximise(parameters.weights.double(), data)
        parameters = parameters._replace(
            weights=weights.to(parameters.weights), log_transition=transition.to(parameters.log_transition)
        )
    weights, adjacency, shared, strengths = (tensor.to(parameters.weights) for tensor in m_step.outcome())
    scores = torch.tensor(history, dtype=torch.float64)
    parameters = parameters._replace(weights=weights)
    strength = m_step.model.strength_mean, m_step.model.strength_sd
    return OneHotFit(parameters, adjacency, shared, strengths, scores[:, 0], scores.sum(1), *strength)
