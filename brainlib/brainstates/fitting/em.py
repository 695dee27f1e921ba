"""Expectation maximisation: the posterior of the states, then transitions and weights under it, again and again.

The paper's Baum-Welch with a MAP M-step, on all trials at once. The M-step of the transitions is exact; that of the
weights is one step of Fisher scoring that never loses. So the objective

    log p(x_1..T of all trials) + log prior(weights)

never falls, whatever the link. Restarts are a leading axis; each goes on until it has settled.
"""

import time
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting.minibatches import Minibatches
from brainlib.brainstates.fitting.model import HMMGLM
from brainlib.brainstates.fitting.priors import log_prior
from brainlib.brainstates.fitting.race import Race
from brainlib.brainstates.fitting.scoring import improve
from brainlib.brainstates.fitting.starts import kmeans_start, prepared, random_start
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.fitting.transitions import most_likely_transitions
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.kernels import Posterior
from brainlib.brainstates.parameters import Parameters

PATIENCE = 5  # iterations without a better score after which a run ends, where the score need not rise


class Fit(NamedTuple):
    """What `fit` found, and how it got there.

    - `parameters`: of the best run, from its best iteration; without a runs' axis;
    - `log_likelihoods[r, i]`: log p of the training data in nats, all trials together, after i iterations of run r; NaN
      once it had ended; `objective`: the same with the log prior;
    - `held_out`: log p of the held-out data likewise, or None;
    - `best_run`: of the highest held-out likelihood if there is one, else of the highest objective.
    """

    parameters: Parameters
    log_likelihoods: Float64[Tensor, "runs iterations_and_0"]
    objective: Float64[Tensor, "runs iterations_and_0"]
    held_out: Float64[Tensor, "runs iterations_and_0"] | None
    best_run: int
    seconds: float


@torch.no_grad()
def fit(
    model: HMMGLM,
    design: Design,
    *,
    restarts: int = 1,
    iterations: int = 100,
    tolerance: float = 1e-5,
    seed: int = 0,
    start: Parameters | str = "random",
    held_out: Design | None = None,
    batch_trials: int | None = None,
    progress: bool = False,
) -> Fit:
    """Fits an HMM-GLM, or a GLM, by EM on the design's device.

    - A run ends when an iteration raises the objective by less than `tolerance` nats a bin, or after `iterations`; of
      several runs also one that, at its pace, would not reach the best.
    - `held_out`: after 5 iterations that did not raise the likelihood of these data so much a run ends, and its best
      iteration is kept.
    - `start`: "random", "kmeans" of the counts, or parameters, with or without a leading axis of runs.
    - `batch_trials`: instead of one M-step after all trials, one after every so many; see `Minibatches`. Then the
      objective may fall, and a run ends after 5 iterations that did not raise it.
    - `progress` shows a bar.

    The initial distribution stays as it starts: uniform, as in the paper. Weights from or to a neuron that hardly fires
    may have no finite best, and run off: give recordings an `l1`, or stop early by `held_out`. Used in all chapters on
    brain states. Raises `ValueError` for more states than bins; for states that a shared bias makes equal, without any
    other feature; for counts that the emission cannot give; for a start that does not fit; for numbers out of range.
    """
    began = time.perf_counter()
    _require(model, design, restarts, iterations, tolerance, start, batch_trials)
    generator = seeded(seed)
    starts = {"random": random_start, "kmeans": kmeans_start}
    parameters = (
        starts[start](model, design, restarts, generator) if isinstance(start, str) else prepared(start, model, design)
    )
    stochastic = Minibatches(model, design, batch_trials, generator) if batch_trials else None
    bins = (design if held_out is None else held_out).lengths.sum().item()
    patience = PATIENCE if stochastic or held_out is not None else 1
    race = Race(parameters, iterations, tolerance * bins, patience)
    bar = _bar(iterations, progress)
    found = posterior(parameters, design, model.emission)
    for i in range(iterations + 1):
        scores = [found.log_likelihood.sum(1), _objective(parameters, found, design, model)]
        if held_out is not None:
            scores.append(posterior(parameters, held_out, model.emission).log_likelihood.sum(1))
        going, active = race.judge(i, parameters, torch.stack(scores).cpu())
        bar.set_postfix_str(f"{race.best.max() / bins:.4f} nats a bin", refresh=False)
        if i == iterations or not len(active):
            break
        parameters, found = _pick(parameters, going), _pick(found, going)
        if stochastic:
            parameters = stochastic.sweep(parameters, active)
            found = posterior(parameters, design, model.emission)
        else:
            parameters, found = _advance(parameters, found, design, model)
        bar.update()
    bar.close()
    best_run = int(race.best.argmax())
    log_likelihoods, objective, others = race.history[..., : i + 1].clone()
    others = None if held_out is None else others
    return Fit(race.kept.run(best_run), log_likelihoods, objective, others, best_run, time.perf_counter() - began)


def _advance(parameters: Parameters, found: Posterior, design: Design, model: HMMGLM) -> tuple[Parameters, Posterior]:
    """An M-step and the E-step after it; of runs that have lost by it, both again, with care."""
    after = _maximise(parameters, found, design, model, careful=False)
    new = posterior(after, design, model.emission)
    fell = _objective(after, new, design, model) < _objective(parameters, found, design, model)
    if fell.any():
        again = _maximise(_pick(parameters, fell), _pick(found, fell), design, model, careful=True)
        for whole, part in zip((*after, *new), (*again, *posterior(again, design, model.emission)), strict=True):
            whole[fell] = part
    return after, new


def _maximise(parameters: Parameters, found: Posterior, design: Design, model: HMMGLM, careful: bool) -> Parameters:
    """An M-step: of the transitions, and of the weights under the same posterior."""
    transition = most_likely_transitions(found.transitions.sum(1), parameters.log_transition, model.transition_floor)
    data = Weighted.of(design, found.states, model.emission)
    return parameters._replace(
        weights=improve(parameters.weights, data, model, design.allowed, careful),
        log_transition=transition.to(parameters.log_transition),
    )


def _objective(parameters: Parameters, found: Posterior, design: Design, model: HMMGLM) -> Float64[Tensor, " runs"]:
    prior = log_prior(parameters.weights, design.allowed, model.prior, model.l1)
    return found.log_likelihood.sum(1) + prior.sum((1, 2))


def _pick(fields, runs: Tensor):
    return type(fields)(*(field[runs] for field in fields))


def _require(model, design, restarts, iterations, tolerance, start, batch_trials) -> None:
    for name, count in (("restarts", restarts), ("iterations", iterations), ("batch_trials", batch_trials)):
        if count is not None and count < 1:
            raise ValueError(f"{name}: got {count}, expected at least 1")
    if not tolerance >= 0:
        raise ValueError(f"tolerance: got {tolerance}, expected at least 0 nats a bin")
    if isinstance(start, str) and start not in ("random", "kmeans"):
        raise ValueError(f"start: got {start!r}, expected 'random', 'kmeans' or parameters")
    if not isinstance(start, str) and restarts != 1:
        raise ValueError(f"restarts: got {restarts}, expected 1 where parameters say what to start from")
    bins = int(design.lengths.sum())
    if model.states > bins:
        raise ValueError(f"states: got {model.states}, expected at most one a bin, {bins}")
    if model.shared_bias and model.states > 1 and design.features.shape[-1] == 1:
        raise ValueError("shared_bias: got True without other features, expected False, else all states are the same")


def _bar(iterations: int, shown: bool):
    from tqdm.auto import tqdm  # in a notebook it loads ipywidgets

    return tqdm(total=iterations, desc="EM", unit="iteration", mininterval=0.5, disable=not shown, leave=False)
