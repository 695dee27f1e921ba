"""The official demonstration as an experiment: one simulated brain, fitted well and fitted by the official recipe.

The brain has 5 states and 20 neurons; 30 sequences of 2,000 bins to train on, 20 to test. `laptop` and `paper` have
this size and the recipe's 10 epochs of 50 steps, `ci` a fraction of both.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.evaluation import marginal_log_likelihood, reorder, weight_error
from brainlib.brainstates.fitting import Fit, Model, fit
from brainlib.brainstates.parameters import Parameters
from brainlib.runs import study
from chapters.brainstates import brains
from chapters.brainstates.brains import DataSet, demo_brain, judged
from chapters.brainstates.official import fit_officially

TRUE, GLM, EM = "true parameters", "GLM, one state", "HG, EM"
OFFICIAL = {"HG, official recipe": "HG", "GHG, official recipe": "GHG", "OHG, official recipe": "OHG"}
METHODS = (TRUE, GLM, EM, *OFFICIAL)


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

    @property
    def free(self) -> int:
        """The number of free parameters of the naive model, its first state not counted."""
        return self.states * (self.neurons * (self.neurons + 1) + self.states - 1)

    def seeds(self, seed: int) -> range:
        """The seeds of the data sets in one run of the chapter."""
        return range(seed * self.data_sets, (seed + 1) * self.data_sets)


DEMOS = {
    "ci": Demo(3, states=3, neurons=10, bins=500, train=16, test=10, epochs=4, steps=25),
    "laptop": Demo(5),
    "paper": Demo(10),
}


def data_set(demo: Demo, seed: int) -> DataSet:
    """A new brain and its spikes."""
    generator = seeded(seed)
    return brains.data_set(demo_brain(generator, demo.states, demo.neurons), demo, generator)


def compare(profile: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """By method, what `score` says of the data sets of one run of the chapter.

    Methods are `METHODS`: the true parameters; a GLM; the naive HMM-GLM (HG) by full-batch EM with a bias for each
    state; and HG, GHG (Gaussian prior) and OHG (one-hot prior) by the official demonstration's recipe.
    """
    demo = DEMOS[profile]
    return study(score, {method: (demo, method) for method in METHODS}, demo.seeds(seed), device="cpu")


def score(settings: tuple[Demo, str], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict[str, Any]:
    """Fits by one of `METHODS` and evaluates the result on the test sequences.

    - `marginal`, `plug_in`: log-likelihood of a test sequence in nats, the mean over sequences, both ways;
    - `accuracy`: the share of the test's bins whose state is right, one matching of states for all sequences;
    - `squared_error`, `correlation`: of the weights with the true ones; None for a single state;
    - `seconds` of the fit; `fall`: the largest of the training log-likelihood in one iteration, nats a bin (EM only);
    - `continued`: `marginal` once EM has gone on from where the official recipe ended;
    - `training`: log-likelihoods of the training sequences above the true parameters', in the order in which the
      official recipe meets them, nats.
    """
    demo, method = settings
    data = data_set(demo, seed)
    emission = data.brain.emission
    if method == TRUE:
        return evaluated(data.brain.parameters, data)
    began = time.perf_counter()
    if method in OFFICIAL:
        sizes = {"epochs": demo.epochs, "steps": demo.steps}
        official = fit_officially(OFFICIAL[method], data.train, demo.states, **sizes, seed=seed)
        seconds = time.perf_counter() - began
        naive = Model(demo.states, emission)
        better = fit(naive, data.train, start=official, iterations=demo.iterations).parameters
        continued = marginal_log_likelihood(better, data.test, emission).mean().item()
        return evaluated(official, data) | {"seconds": seconds, "continued": continued}
    result = fit(Model(1, emission), data.train, seed=seed) if method == GLM else fit_naive(demo, data, seed)
    seconds = time.perf_counter() - began
    steps = result.log_likelihoods.diff()
    fall = max(0.0, -float(steps[steps.isfinite()].min())) / int(data.train.lengths.sum())
    return evaluated(result.parameters, data) | {"seconds": seconds, "fall": fall}


def fit_naive(demo: Demo, data: DataSet, seed: int) -> Fit:
    """The naive HMM-GLM by EM, the best of several starts from k-means."""
    naive = Model(demo.states, data.brain.emission)
    return fit(naive, data.train, start="kmeans", restarts=demo.restarts, iterations=demo.iterations, seed=seed)


def evaluated(parameters: Parameters, data: DataSet) -> dict[str, Any]:
    """Test log-likelihoods, and states and weights against the true ones once the states are matched."""
    emission = data.brain.emission
    marginal, plug_in, accuracy, order = judged(parameters, data.test, emission, data)
    error = correlation = None
    if order is not None:
        parameters = reorder(parameters, order)
        _, error, correlation = weight_error(data.brain.parameters.coupling, parameters.coupling)
    truth, own = (marginal_log_likelihood(each, data.train, emission) for each in (data.brain.parameters, parameters))
    return {
        "marginal": marginal.mean().item(),
        "plug_in": plug_in.mean().item(),
        "accuracy": accuracy,
        "squared_error": error,
        "correlation": correlation,
        "seconds": 0.0,
        "fall": None,
        "continued": None,
        "training": (own - truth).numpy().round(2).tolist(),
    }


def starts(demo: Demo, data: DataSet, seed: int) -> dict[str, Tensor]:
    """EM from five random starts and five from k-means, [runs, iterations and 0]: the training log-likelihood less that
    of the true parameters, nats.
    """
    naive = Model(demo.states, data.brain.emission)
    truth = float(marginal_log_likelihood(data.brain.parameters, data.train, data.brain.emission).sum())
    return {
        start: fit(naive, data.train, start=start, restarts=5, iterations=demo.iterations, seed=seed).log_likelihoods
        - truth
        for start in ("random", "kmeans")
    }


def below_truth(scores: dict[str, list[dict]], method: str, key: str = "marginal") -> list[float]:
    """Nats a test sequence below the true parameters, brain by brain."""
    return [true["marginal"] - one[key] for true, one in zip(scores[TRUE], scores[method], strict=True)]


def lead(scores: dict[str, list[dict]], first: str, *others: str) -> list[float]:
    """How far a method is ahead of the best of others, brain by brain."""
    own, *theirs = (below_truth(scores, method) for method in (first, *others))
    return [min(rivals) - mine for mine, *rivals in zip(own, *theirs, strict=True)]
