"""Expectation maximisation: the posterior of the states, then transitions and weights under it, again and again.

The paper's Baum-Welch with a MAP M-step, on all trials at once. The M-step of the transitions is exact; that of the
weights is one step of Fisher scoring that never loses. So the objective

    log p(x_1..T of all trials) + log prior(weights)

never falls, whatever the link. Restarts are a leading axis; each goes on until it has settled.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from brainlib.arguments import seeded, whole_number
from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting.model import Model, log_prior
from brainlib.brainstates.fitting.scoring import improve, most_likely_transitions
from brainlib.brainstates.fitting.starts import kmeans_start, prepared, random_start
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.kernels import Posterior
from brainlib.brainstates.parameters import Parameters

STARTS = {"random": random_start, "kmeans": kmeans_start}


class Fit(NamedTuple):
    """What `fit` ends with, and how it got there.

    - `parameters`: of the run with the highest objective, from its best iteration; without a runs' axis;
    - `log_likelihoods[r, i]`: log p of the training data in nats, all trials together, after i iterations of run r; NaN
      once it had ended; `objective`: the same with the log prior.
    """

    parameters: Parameters
    log_likelihoods: Float64[Tensor, "runs iterations_and_0"]
    objective: Float64[Tensor, "runs iterations_and_0"]
    best_run: int


@torch.no_grad()
def fit(
    model: Model,
    design: Design,
    *,
    restarts: int = 1,
    iterations: int = 100,
    tolerance: float = 1e-5,
    seed: int = 0,
    start: Parameters | str = "random",
) -> Fit:
    """Fits an HMM-GLM, or a GLM, by EM on the design's device.

    - A run ends when an iteration raises the objective by less than `tolerance` nats a bin, or after `iterations`; of
      several runs also one that, at its pace, would not reach the best.
    - `start`: "random", "kmeans" of the counts, or parameters.

    The initial distribution stays as it starts: uniform, as in the paper. Weights from or to a neuron that hardly fires
    may have no finite best, and run off: give recordings an `l1`. Raises `ValueError` for more states than bins, counts
    that the emission cannot give, a start that does not fit, and numbers out of range.

    >>> from brainlib.brainstates.design import design
    >>> from brainlib.data import Trials
    >>> counts = torch.poisson(torch.full((400, 5), 0.2), generator=torch.Generator().manual_seed(0))
    >>> data = design(Trials.from_sequences([counts], bin_ms=10.0))
    >>> result = fit(Model(2), data, restarts=2, iterations=5)
    >>> result.parameters.coupling.shape, result.log_likelihoods.shape
    (torch.Size([2, 5, 5]), torch.Size([2, 6]))
    """
    require(model.states, design, iterations, tolerance)
    whole_number("restarts", restarts, least=1)
    if isinstance(start, str):
        if start not in STARTS:
            raise ValueError(f"start: got {start!r}, expected 'random', 'kmeans' or parameters")
        parameters = STARTS[start](model, design, restarts, seeded(seed))
    elif restarts == 1:
        parameters = prepared(start, model, design)
    else:
        raise ValueError(f"restarts: got {restarts}, expected 1 where parameters say what to start from")
    runs = _Runs(parameters, iterations, tolerance * design.lengths.sum().item())
    chain = posterior(parameters, design, model.emission)
    for i in range(iterations + 1):
        scores = torch.stack((chain.log_likelihood.sum(1), _objective(parameters, chain, model)))
        going = runs.judge(i, parameters, scores.cpu())
        if i == iterations or not going.any():
            break
        parameters, chain = _advance(_pick(parameters, going), _pick(chain, going), design, model)
    best_run = int(runs.best.argmax())
    log_likelihoods, objective = runs.history[..., : i + 1].clone()
    return Fit(runs.kept.run(best_run), log_likelihoods, objective, best_run)


class _Runs:
    """Restarts side by side: what each has reached, the best that each has been, and which go on.

    A run ends after an iteration in which its objective rose by less than `enough`, or where it would not reach the
    best at its present pace.
    """

    def __init__(self, parameters: Parameters, iterations: int, enough: float):
        number = len(parameters.weights)
        self.kept = Parameters(*(tensor.clone() for tensor in parameters))
        self.iterations, self.enough = iterations, enough
        self.history = torch.full((2, number, iterations + 1), torch.nan, dtype=torch.float64)
        self.best = torch.full((number,), -torch.inf, dtype=torch.float64)
        self.last = self.best.clone()
        self.active = torch.arange(number)

    def judge(self, i: int, parameters: Parameters, scores: Float64[Tensor, "2 active"]) -> Bool[Tensor, " active"]:
        """Of the runs that are active after i iterations, which go on; `scores` are log-likelihood and objective."""
        active, score = self.active, scores[1]
        self.history[:, active, i] = scores
        better = score > self.best[active]
        for whole, part in zip(self.kept, parameters, strict=True):
            whole[active[better]] = part[better]
        self.best[active] = torch.maximum(self.best[active], score)
        pace = score - self.last[active]  # infinite at first
        going = (pace > self.enough) & (score + pace * (self.iterations - i) >= self.best.max())
        self.last[active] = score
        self.active = active[going]
        return going


def _advance(parameters: Parameters, chain: Posterior, design: Design, model: Model) -> tuple[Parameters, Posterior]:
    """An M-step and the E-step after it; of runs that have lost by it, both again, with care."""
    after = _maximise(parameters, chain, design, model, careful=False)
    new = posterior(after, design, model.emission)
    fell = _objective(after, new, model) < _objective(parameters, chain, model)
    if fell.any():
        again = _maximise(_pick(parameters, fell), _pick(chain, fell), design, model, careful=True)
        for whole, part in zip((*after, *new), (*again, *posterior(again, design, model.emission)), strict=True):
            whole[fell] = part
    return after, new


def _maximise(parameters: Parameters, chain: Posterior, design: Design, model: Model, careful: bool) -> Parameters:
    """An M-step: of the transitions, and of the weights under the same posterior."""
    transition = most_likely_transitions(chain.transitions.sum(1), parameters.log_transition)
    data = Weighted.of(design, chain.states, model.emission)
    return parameters._replace(
        weights=improve(parameters.weights, data, model, careful),
        log_transition=transition.to(parameters.log_transition),
    )


def _objective(parameters: Parameters, chain: Posterior, model: Model) -> Float64[Tensor, " runs"]:
    prior = log_prior(parameters.weights, model.prior, model.l1)
    return chain.log_likelihood.sum(1) + prior.sum((1, 2))


def _pick(fields, runs: Tensor):
    return type(fields)(*(field[runs] for field in fields))


def require(states: int, design: Design, iterations: int, tolerance: float) -> None:
    """Raises `ValueError` for numbers out of range, and for more states than bins."""
    whole_number("iterations", iterations, least=1)
    if not tolerance >= 0:
        raise ValueError(f"tolerance: got {tolerance}, expected at least 0 nats a bin")
    bins = int(design.lengths.sum())
    if states > bins:
        raise ValueError(f"states: got {states}, expected at most one a bin, {bins}")
