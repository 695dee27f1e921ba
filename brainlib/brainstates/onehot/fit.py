"""Fitting the one-hot HMM-GLM: EM over the hidden states with one of two M-steps.

| solver       | M-step                                                                          | file            |
|--------------|---------------------------------------------------------------------------------|-----------------|
| "integrated" | classes of connections by their evidence, strengths integrated out; temperature 0 | `edges.py`      |
| "relaxed"    | the paper's: maximum a posteriori of relaxed a and of strengths, by Adam        | `relaxation.py` |
"""

import math
import time

import torch
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.fitting import HMMGLM, GaussianPrior, fit
from brainlib.brainstates.fitting.starts import prepared
from brainlib.brainstates.fitting.sums import Weighted
from brainlib.brainstates.fitting.transitions import most_likely_transitions
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot.edges import Integrated
from brainlib.brainstates.onehot.model import OneHot, OneHotFit, require_coupled
from brainlib.brainstates.onehot.relaxation import RelaxedStep
from brainlib.brainstates.parameters import Parameters

SOLVERS = ("integrated", "relaxed")
RESTARTS = 3  # of the Gaussian model that a fit starts from
FAR = 3.0  # deviations of ln wt from its mean, within which weights start
PATIENCE = 3  # iterations without a better held-out likelihood after which a fit ends


@torch.no_grad()
def fit_one_hot(
    model: OneHot,
    design: Design,
    *,
    start: Parameters | None = None,
    solver: str = "integrated",
    iterations: int = 30,
    tolerance: float = 1e-5,
    steps: int = 60,
    learning_rate: float = 0.02,
    temperatures: tuple[float, float] | None = None,
    seed: int = 0,
    held_out: Design | None = None,
    progress: bool = False,
) -> OneHotFit:
    """Fits the one-hot HMM-GLM by EM, from `start`: parameters of the naive or the Gaussian model.

    - Weights of the start that the prior thinks too large (silent neurons' may be) are cut to e^(mu_w + 3 sigma_w).
    - Without a start the Gaussian model is fitted first, three times at random from `seed`; nothing else is random.
    - It ends when two iterations raised the objective by less than `tolerance` nats a bin, or after `iterations`.
    - `held_out`: it also ends after 3 iterations that did not raise the likelihood of these data; the best is kept.
    - "relaxed" alone takes `steps` of Adam at `learning_rate` an iteration. The prior's temperature goes geometrically
      from the first of `temperatures` to the second, at the last iteration; None: it is the model's, always.

    The one-hot prior is of the weights through the basis's first function, so a design with one function is expected;
    others, and those of refractory history and stimuli, have the bias's prior about 0. Memory: states x neurons x
    features^2 numbers of float64. Used in chapters/brainstates/02_priors.ipynb and 03_recordings.ipynb. Raises
    `ValueError` for designs without connections, more states than bins, an unknown solver, a start or held-out data
    that do not fit, counts that the emission cannot give, and numbers out of range.
    """
    require_coupled(model, design)
    _require(solver, iterations, tolerance, steps, learning_rate, temperatures, design, held_out)
    gaussian = HMMGLM(model.states, model.emission, prior=GaussianPrior(), transition_floor=model.transition_floor)
    if start is None:
        start = fit(gaussian, design, restarts=RESTARTS, seed=seed).parameters
    if start.weights.ndim != 3:
        raise ValueError(f"start: got weights of shape {tuple(start.weights.shape)}, expected those of one run")
    parameters = prepared(start, gaussian, design).run(0)
    parameters.coupling.clamp_(*(sign * math.exp(model.strength_mean + FAR * model.strength_sd) for sign in (-1, 1)))
    began = time.perf_counter()
    first, last = temperatures or (model.temperature, model.temperature)
    schedule = (first * (last / first) ** (i / max(iterations - 1, 1)) for i in range(iterations))
    m_step = (
        Integrated(model, design.allowed)
        if solver == "integrated"
        else RelaxedStep(model, design.allowed, steps, learning_rate, schedule)
    )
    enough = tolerance * int(design.lengths.sum())
    history, tested, kept = [], [], None
    bar = _bar(iterations, progress)

    def outcome() -> tuple[Parameters, list[Tensor]]:
        weights, *rest = m_step.outcome()
        return parameters._replace(weights=weights.to(parameters.weights)), rest

    for i in range(iterations + 1):
        found = posterior(parameters, design, model.emission)
        if i:
            history.append((float(found.log_likelihood.sum()), m_step.log_prior()))
            bar.set_postfix_str(f"{sum(history[-1]) / int(design.lengths.sum()):.4f} nats a bin", refresh=False)
            bar.update()
        if i and held_out is not None:
            now = outcome()
            tested.append(float(posterior(now[0], held_out, model.emission).log_likelihood.sum()))
            if tested[-1] == max(tested):
                kept = now
            elif len(tested) - 1 - tested.index(max(tested)) >= PATIENCE:
                break
        objectives = [sum(pair) for pair in history]
        settled = first == last and i > 2 and max(objectives[-2:]) < max(objectives[:-2]) + enough
        if settled or i == iterations:
            break
        transition = most_likely_transitions(
            found.transitions.sum(0), parameters.log_transition, model.transition_floor
        )
        data = Weighted.of(design, found.states[None], model.emission)
        weights = m_step.maximise(parameters.weights.double(), data)
        parameters = parameters._replace(
            weights=weights.to(parameters.weights), log_transition=transition.to(parameters.log_transition)
        )
    bar.close()
    hard, wiring = kept or outcome()
    log_likelihoods, log_priors = torch.tensor(history, dtype=torch.float64).T
    return OneHotFit(
        hard,
        *(tensor.to(hard.weights) for tensor in wiring),
        log_likelihoods,
        log_likelihoods + log_priors,
        torch.tensor(tested, dtype=torch.float64),
        time.perf_counter() - began,
    )


def _require(solver, iterations, tolerance, steps, learning_rate, temperatures, design, held_out) -> None:
    if solver not in SOLVERS:
        raise ValueError(f"solver: got {solver!r}, expected one of {', '.join(SOLVERS)}")
    for name, count in (("iterations", iterations), ("steps", steps)):
        if count < 1:
            raise ValueError(f"{name}: got {count}, expected at least 1")
    if not tolerance >= 0:
        raise ValueError(f"tolerance: got {tolerance}, expected at least 0 nats a bin")
    for name, values in (("learning_rate", (learning_rate,)), ("temperatures", temperatures or ())):
        if not all(0 < value < math.inf for value in values):
            raise ValueError(f"{name}: got {values}, expected positive numbers")
    if held_out is not None and not torch.equal(held_out.allowed, design.allowed):
        got, expected = tuple(held_out.allowed.shape), tuple(design.allowed.shape)
        raise ValueError(f"held_out: got a design of shape {got}, expected one like the training data's {expected}")


def _bar(iterations: int, shown: bool):
    from tqdm.auto import tqdm  # in a notebook it loads ipywidgets

    return tqdm(total=iterations, desc="one-hot EM", unit="iteration", mininterval=0.5, disable=not shown, leave=False)
