"""The official demonstration as an experiment: one simulated brain, fitted well and fitted by the official recipe.

The brain has 5 states and 20 neurons; 30 sequences of 2,000 bins to train on, 20 to test. `laptop` and `paper` have
this size and the recipe's 10 epochs of 50 steps, `ci` a fraction of both. Used in
chapters/brainstates/01_from_glm_to_hmm_glm.ipynb.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Int64
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.design import Design, design
from brainlib.brainstates.evaluation import (
    marginal_log_likelihood,
    match_states,
    plug_in_log_likelihood,
    reorder,
    state_accuracy,
    weight_error,
)
from brainlib.brainstates.experiments.jobs import finish
from brainlib.brainstates.fitting import HMMGLM, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot.official import fit_officially
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import Brain, demo_brain, simulate

OFFICIAL = {"HG, official recipe": "HG", "GHG, official recipe": "GHG", "OHG, official recipe": "OHG"}
METHODS = ("true parameters", "GLM, one state", "HG, EM", *OFFICIAL)


@dataclass(frozen=True)
class Demo:
    """Sizes of the experiment.

    - `data_sets` a run of the chapter: seeds `seed * data_sets` to `(seed + 1) * data_sets - 1`, each a new brain;
    - `train` and `test` sequences of `bins` bins;
    - `epochs`, `steps` of Adam a sequence and epoch: of the official recipe;
    - `iterations` of expectation maximisation at most, from each of `restarts` starts by k-means.
    """

    data_sets: int
    states: int = 5
    neurons: int = 20
    bins: int = 2000
    train: int = 30
    test: int = 20
    epochs: int = 10
    steps: int = 50
    iterations: int = 40
    restarts: int = 4

    def seeds(self, seed: int) -> range:
        """The seeds of the data sets in one run of the chapter."""
        return range(seed * self.data_sets, (seed + 1) * self.data_sets)


DEMOS = {
    "ci": Demo(3, states=3, neurons=10, bins=500, train=16, test=10, epochs=4, steps=25),
    "laptop": Demo(5),
    "paper": Demo(10),
}


class DataSet(NamedTuple):
    """A brain, what it did while it was trained on, and what it did and in which states in the test."""

    brain: Brain
    train: Design
    test: Design
    test_states: Int64[Tensor, "trials time"]


@dataclass(frozen=True)
class Score:
    """How one method did on one data set.

    - `marginal`, `plug_in`: log-likelihood of a test sequence in nats, the mean over sequences, both ways;
    - `accuracy`: the share of the test's bins whose state is right, one matching of states for all sequences;
    - `squared_error`, `correlation`: of the weights with the true ones; none for a single state;
    - `seconds` of the fit; `fall`: the largest of the training log-likelihood in one iteration, nats a bin (EM only);
    - `continued`: `marginal` once EM has gone on from where the official recipe ended;
    - `training`: log-likelihoods of the training sequences above the true parameters', in the order in which the
      official recipe meets them, nats;
    - `wiring`: the weights of the first true state, [neurons, neurons].
    """

    marginal: float
    plug_in: float
    accuracy: float
    squared_error: float | None
    correlation: float | None
    seconds: float
    fall: float | None
    continued: float | None
    training: list[float]
    wiring: list[list[float]]


def data_set(demo: Demo, seed: int) -> DataSet:
    """A new brain and its spikes."""
    generator = seeded(seed)
    brain = demo_brain(generator, demo.states, demo.neurons)
    trials, states = simulate(brain, demo.train + demo.test, demo.bins, generator)
    everything = design(trials, brain.basis)
    train, test = (everything.pick(range(*ends)) for ends in ((demo.train,), (demo.train, demo.train + demo.test)))
    return DataSet(brain, train, test, states[demo.train :])


def compare(
    demo: Demo, seeds: Iterable[int], folder: Path | None = None, progress: bool = True
) -> dict[str, list[Score]]:
    """By method, the scores on the data sets of all seeds in their order.

    Methods are `METHODS`: the true parameters; a GLM; the naive HMM-GLM (HG) by full-batch EM with a bias for each
    state; and HG, GHG (Gaussian prior) and OHG (one-hot prior) by the official demonstration's recipe. What is finished
    is kept in `folder`, so that an interrupted run goes on there. `progress` shows a bar that says what runs.
    """
    seeds = tuple(seeds)
    jobs = {f"{method}, {seed}": partial(_finished, method, demo, seed) for seed in seeds for method in METHODS}
    found = finish("demo", jobs, folder, progress)
    return {method: [Score(**found[f"{method}, {seed}"]) for seed in seeds] for method in METHODS}


def _finished(method: str, demo: Demo, seed: int) -> dict:
    return asdict(score(method, demo, data_set(demo, seed), seed))


def score(method: str, demo: Demo, data: DataSet, seed: int) -> Score:
    """Fits by one of `METHODS` and judges the result on the test sequences. Raises `ValueError` for another name."""
    if method not in METHODS:
        raise ValueError(f"method: got {method!r}, expected one of {', '.join(METHODS)}")
    emission = data.brain.emission
    if method == "true parameters":
        return judged(data.brain.parameters, data)
    if method in OFFICIAL:
        official = fit_officially(
            OFFICIAL[method], data.train, demo.states, emission, epochs=demo.epochs, steps=demo.steps, seed=seed
        )
        naive = HMMGLM(demo.states, emission)
        better = fit(naive, data.train, start=official.parameters, iterations=demo.iterations).parameters
        continued = marginal_log_likelihood(better, data.test, emission).mean().item()
        return replace(judged(official.parameters, data), seconds=official.seconds, continued=continued)
    if method == "GLM, one state":
        found = fit(HMMGLM(1, emission), data.train, seed=seed)
    else:
        naive, starts = HMMGLM(demo.states, emission), {"start": "kmeans", "restarts": demo.restarts}
        found = fit(naive, data.train, **starts, iterations=demo.iterations, seed=seed)
    steps = found.log_likelihoods.diff()
    fall = max(0.0, -float(steps[steps.isfinite()].min())) / int(data.train.lengths.sum())
    return replace(judged(found.parameters, data), seconds=found.seconds, fall=fall)


def judged(parameters: Parameters, data: DataSet) -> Score:
    """Test log-likelihoods, and states and weights against the true ones once the states are matched."""
    emission, lengths = data.brain.emission, data.test.lengths
    S = len(data.brain.parameters.log_initial)
    marginal = marginal_log_likelihood(parameters, data.test, emission).mean().item()
    plug_in = plug_in_log_likelihood(parameters, data.test, emission).mean().item()
    found = posterior(parameters, data.test, emission).states.argmax(-1)
    accuracy = state_accuracy(data.test_states, found, lengths, S)
    error = correlation = None
    if len(parameters.log_initial) == S:
        parameters = reorder(parameters, match_states(data.test_states, found, lengths, S))
        _, error, correlation = weight_error(data.brain.parameters.coupling, parameters.coupling)
    truth, own = (marginal_log_likelihood(each, data.train, emission) for each in (data.brain.parameters, parameters))
    training = [round(nats, 2) for nats in (own - truth).tolist()]
    wiring = [[round(w, 3) for w in row] for row in parameters.coupling[0].tolist()]
    return Score(marginal, plug_in, accuracy, error, correlation, 0.0, None, None, training, wiring)
