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
from brainlib.brainstates import HMMGLM
from brainlib.brainstates.evaluation import marginal_log_likelihood as log_p
from brainlib.brainstates.evaluation import match_states, reorder, state_accuracy, weight_error
from brainlib.brainstates.fitting import Model, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.parameters import Parameters
from brainlib.runs import study
from chapters.brainstates import brains
from chapters.brainstates.brains import DataSet, demo_brain
from chapters.brainstates.official import fit_officially

TRUE, ONE_STATE, EM = "true parameters", "GLM, one state", "naive, EM"
OFFICIAL = {"naive, official recipe": "HG", "Gaussian, official recipe": "GHG", "one-hot, official recipe": "OHG"}
METHODS = (TRUE, ONE_STATE, EM, *OFFICIAL)


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

    def estimator(self, seed: int, states: int | None = None) -> HMMGLM:
        """The naive model by EM, the best of several starts from k-means."""
        how = {"link": "sigmoid", "init": "kmeans", "n_init": self.restarts, "max_iter": self.iterations}
        return HMMGLM(states or self.states, **how, random_state=seed)


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
    """By method, what `score` says of the data sets of one run of the chapter."""
    demo = DEMOS[profile]
    return study(score, {method: (demo, method) for method in METHODS}, demo.seeds(seed), device="cpu")


def score(settings: tuple[Demo, str], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict[str, Any]:
    """Fits by one of `METHODS` and evaluates the result: what `evaluated` says, and

    - `seconds` of the fit; `fall`: the largest of the training log-likelihood in one iteration, nats a bin (EM only);
    - `continued`: the test log-likelihood once EM has gone on from where the official recipe ended.
    """
    demo, method = settings
    data = data_set(demo, seed)
    emission, began, more = data.brain.emission, time.perf_counter(), {"fall": None, "continued": None}
    if method == TRUE:
        found = data.brain.parameters
    elif method in OFFICIAL:
        sizes = {"epochs": demo.epochs, "steps": demo.steps}
        found = fit_officially(OFFICIAL[method], data.train, demo.states, **sizes, seed=seed)
    else:
        model = demo.estimator(seed, 1 if method == ONE_STATE else None).fit(data.spikes.pick(range(demo.train)))
        found = model.parameters_
        more["fall"] = max(0.0, -float((model.log_likelihoods_[1:] - model.log_likelihoods_[:-1]).min()))
        more["fall"] /= int(data.train.lengths.sum())
    more["seconds"] = time.perf_counter() - began
    if method in OFFICIAL:
        better = fit(Model(demo.states, emission), data.train, start=found, iterations=demo.iterations).parameters
        more["continued"] = log_p(better, data.test, emission).mean().item()
    return evaluated(found, data) | more


def evaluated(found: Parameters, data: DataSet) -> dict[str, Any]:
    """What a model is worth, against the true parameters once the states are matched:

    - `marginal`: log-likelihood of a test sequence, nats, the mean over sequences;
    - `accuracy`: the share of the test's bins whose state is right; `correlation` of the weights with the true ones,
      None for a single state;
    - `training`: log-likelihoods of the training sequences above the true parameters', in the order in which the
      official recipe meets them, nats.
    """
    brain, S = data.brain, len(data.brain.adjacency)
    path = posterior(found, data.test, brain.emission).states.argmax(-1)
    paths, correlation = (data.test_states, path, data.test.lengths, S), None
    if len(found.log_initial) == S:
        matched = reorder(found, match_states(*paths))
        correlation = weight_error(brain.parameters.coupling, matched.coupling).correlation
    truth, own = (log_p(each, data.train, brain.emission) for each in (brain.parameters, found))
    return {
        "marginal": log_p(found, data.test, brain.emission).mean().item(),
        "accuracy": state_accuracy(*paths),
        "correlation": correlation,
        "training": (own - truth).numpy().round(2).tolist(),
    }


def starts(demo: Demo, data: DataSet, seed: int) -> dict[str, Tensor]:
    """EM from five random starts and five from k-means, [runs, iterations and 0]: the training log-likelihood less that
    of the true parameters, nats.
    """
    naive = Model(demo.states, data.brain.emission)
    truth = float(log_p(data.brain.parameters, data.train, data.brain.emission).sum())
    how = {"restarts": 5, "iterations": demo.iterations, "seed": seed}
    return {start: fit(naive, data.train, start=start, **how).log_likelihoods - truth for start in ("random", "kmeans")}


def below_truth(scores: dict[str, list[dict]], method: str, key: str = "marginal") -> list[float]:
    """Nats a test sequence below the true parameters, brain by brain."""
    return [true["marginal"] - one[key] for true, one in zip(scores[TRUE], scores[method], strict=True)]


def lead(scores: dict[str, list[dict]], key: str = "marginal") -> list[float]:
    """How far EM is ahead of the best of the official recipe's fits, brain by brain."""
    rivals = zip(*(below_truth(scores, method, key) for method in OFFICIAL), strict=True)
    return [min(theirs) - mine for mine, theirs in zip(below_truth(scores, EM), rivals, strict=True)]


def recency(scores: dict[str, list[dict]], method: str, last: int = 3) -> list[float]:
    """How much better the last few training sequences are fitted than those before them, nats a sequence."""
    curves = [one["training"] for one in scores[method]]
    return [sum(curve[-last:]) / last - sum(curve[:-last]) / len(curve[:-last]) for curve in curves]
