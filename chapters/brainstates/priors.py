"""What chapter 2 runs at every profile: Table 1, and when and why priors help.

`laptop` and `paper` run Table 1 at the paper's size, ten data sets of 10 + 10 sequences of 5,000 bins, 20 neurons and 5
states; `ci` fewer and smaller ones. The other experiments are ours, or the paper's at sizes that it does not give.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import bic, free_parameters, marginal_log_likelihood, state_accuracy
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.runs import study
from chapters.brainstates.brains import paper_brain, simulate
from chapters.brainstates.table import EIGHT, FROM_TRUTH, KNOWN, METHODS, TRUE, Setting, data_set, fit_well, scores

COMPARED = (TRUE, "HG", "GHG", "OHG")
IN_USE = 0.01  # share of the bins that a state must have


@dataclass(frozen=True)
class Experiment:
    """One experiment: its setting, how many data sets, and the `values` of what is varied."""

    setting: Setting
    data_sets: int
    values: tuple[Any, ...] = ()

    def seeds(self, seed: int) -> range:
        """The seeds of the data sets in one run of the chapter."""
        return range(seed * self.data_sets, (seed + 1) * self.data_sets)


@dataclass(frozen=True)
class Priors:
    """All experiments of the chapter.

    - `oracle`: how many states the true parameters find, by the deviation of ln strength (`values`);
    - `table`: Table 1; `methods` of it;
    - `trials`: by the number of training sequences;
    - `neurons`: by the number of neurons;
    - `groups`: neurons in groups with states of their own;
    - `states`: by the number of states of the model;
    - `explorer`: GHG by the weight of its prior, at each number of `explored` training sequences.
    """

    oracle: Experiment
    table: Experiment
    trials: Experiment
    neurons: Experiment
    groups: Experiment
    states: Experiment
    explorer: Experiment
    explored: tuple[int, ...]
    methods: tuple[str, ...] = METHODS


DEVIATIONS = (0.75, 1.0, 1.5**0.5, 1.5, 1.75, 2.0, 2.25, 2.5)
WEIGHTS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
SMALL = Setting(3, 12, train=8, test=5, bins=1500, strength_sd=2.5, restarts=2, iterations=50, l1=(30.0,))
MIDDLE = Setting(test=5, bins=2000, restarts=3, iterations=60)
EXPLORED = Setting(states=3, neurons=10, train=10, test=5, bins=500, strength_sd=2.5)

PRIORS = {
    "ci": Priors(
        oracle=Experiment(Setting(train=1, test=1, bins=3000), 3, (1.5**0.5, 1.5, 2.0, 2.5)),
        table=Experiment(SMALL, 3),
        trials=Experiment(replace(SMALL, train=6, bins=500), 3, (1, 6)),
        neurons=Experiment(replace(SMALL, bins=500), 1, (6, 12)),
        groups=Experiment(replace(SMALL, states=2, neurons=4, groups=2, bins=750, strength_sd=3.0), 1),
        states=Experiment(replace(SMALL, bins=500), 1, (1, 2, 3)),
        explorer=Experiment(EXPLORED, 1, WEIGHTS),
        explored=(1, 2, 5, 10),
        methods=(TRUE, KNOWN, FROM_TRUTH, *(method for method in EIGHT if method not in ("HMM Bern", "GHG-L1"))),
    ),
    "laptop": Priors(
        oracle=Experiment(Setting(train=1, test=3), 5, DEVIATIONS),
        table=Experiment(Setting(restarts=6), 10),
        trials=Experiment(replace(MIDDLE, train=20), 5, (1, 2, 5, 10, 20)),
        neurons=Experiment(MIDDLE, 3, (10, 20, 30, 40, 50, 60)),
        groups=Experiment(replace(MIDDLE, states=2, neurons=5, groups=3, strength_sd=3.0), 3),
        states=Experiment(MIDDLE, 3, (1, 2, 3, 4, 5, 6, 7, 8, 10)),
        explorer=Experiment(EXPLORED, 1, WEIGHTS),
        explored=(1, 2, 5, 10),
    ),
    "paper": Priors(
        oracle=Experiment(Setting(train=1, test=10), 10, DEVIATIONS),
        table=Experiment(Setting(restarts=10), 10),
        trials=Experiment(Setting(train=50), 10, (1, 2, 5, 10, 20, 50)),
        neurons=Experiment(Setting(), 5, (10, 20, 30, 40, 50, 60)),
        groups=Experiment(Setting(2, 5, 3, strength_sd=3.0, restarts=10), 10),
        states=Experiment(Setting(), 5, tuple(range(1, 21))),
        explorer=Experiment(EXPLORED, 1, WEIGHTS),
        explored=(1, 2, 5, 10),
    ),
}


def run(experiment: str, profile: str, seed: int) -> dict[str, Any]:
    """What one of the fields of `Priors` gives: by "value, seed" where something is varied, else by "seed".

    Raises `ValueError` for another name.
    """
    plan = PRIORS[profile]
    if experiment not in FUNCTIONS:
        raise ValueError(f"experiment: got {experiment!r}, expected one of {', '.join(FUNCTIONS)}")
    one = getattr(plan, experiment)
    if experiment == "explorer":
        conditions = {str(number): (one.setting, one.values, number) for number in plan.explored}
        results = study(explored, conditions, one.seeds(seed)[:1], device="cpu")
        return {number: result for number, (result,) in results.items()}
    if experiment in ("table", "groups"):
        methods = plan.methods if experiment == "table" else COMPARED
        results = study(row, {experiment: (one.setting, methods)}, one.seeds(seed), device="cpu")
        return dict(zip(map(str, one.seeds(seed)), results[experiment], strict=True))
    conditions = {f"{value:.4g}": (one.setting, value) for value in one.values}
    results = study(FUNCTIONS[experiment], conditions, one.seeds(seed), device="cpu")
    return {f"{v}, {s}": result for v, each in results.items() for s, result in zip(one.seeds(seed), each, strict=True)}


def row(
    settings: tuple[Setting, tuple[str, ...]], seed: int, *, device: str = "cpu", folder: Path | None = None
) -> dict[str, Any]:
    """All of the methods on one data set."""
    setting, methods = settings
    return scores(data_set(setting, seed), setting, seed, tuple(methods))


def oracle(settings: tuple[Setting, float], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """The share of the bins whose state the true parameters find, at a deviation of ln strength."""
    setting, deviation = settings
    generator = seeded(seed)
    brain = paper_brain(generator, setting.states, setting.neurons, deviation)
    trials, states = simulate(brain, setting.test, setting.bins, generator)
    path = posterior(brain.parameters, design(trials, brain.basis), brain.emission).states.argmax(-1)
    return {"accuracy": state_accuracy(states, path, trials.lengths, setting.states)}


def by_trials(settings: tuple[Setting, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """`COMPARED` if only the first so many training sequences are seen."""
    setting, number = settings
    data = data_set(setting, seed)
    return scores(data._replace(train=data.train.pick(range(number))), setting, seed, COMPARED)


def by_neurons(settings: tuple[Setting, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """`COMPARED` on a brain of so many neurons."""
    setting = replace(settings[0], neurons=settings[1])
    return scores(data_set(setting, seed), setting, seed, COMPARED)


def by_states(settings: tuple[Setting, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """With so many states, GHG's held-out log-likelihood in nats a bin, its BIC in nats a training bin and the states
    that it uses, and the held-out log-likelihood of OHG (`one_hot`).
    """
    setting, states = settings
    data = data_set(setting, seed)
    emission, bins = data.brain.emission, int(data.train.lengths.sum())
    parameters = fit_well(Model(states, emission, GaussianPrior()), data.train, setting, seed)
    seen = marginal_log_likelihood(parameters, data.train, emission).sum().item()
    one_hot = fit_one_hot(OneHot(states, emission), data.train, start=parameters).parameters
    held_out = [
        marginal_log_likelihood(each, data.test, emission).sum().item() / int(data.test.lengths.sum())
        for each in (parameters, one_hot)
    ]
    shares = posterior(parameters, data.train, emission).states.mean((0, 1))
    return {
        "held_out": held_out[0],
        "one_hot": held_out[1],
        "bic": bic(seen, free_parameters(data.train, states), bins) / bins,
        "in_use": int((shares >= IN_USE).sum()),
    }


def explored(
    settings: tuple[Setting, tuple[float, ...], int], seed: int, *, device: str = "cpu", folder: Path | None = None
) -> dict[str, Any]:
    """GHG's wiring of the first state under priors of all weights, from so many training sequences, beside the true.

    All fits begin at the true parameters, so that only the prior makes them differ.
    """
    setting, weights, number = settings
    data = data_set(setting, seed)
    brain, train = data.brain, data.train.pick(range(number))
    bins, fits = int(data.test.lengths.sum()), []
    for weight in weights:
        model = Model(setting.states, brain.emission, GaussianPrior(weight=weight))
        parameters = fit(model, train, start=brain.parameters, iterations=setting.iterations).parameters
        held_out = marginal_log_likelihood(parameters, data.test, brain.emission).sum().item() / bins
        fits.append({"wiring": _rounded(parameters.coupling[0]), "held_out": held_out})
    return {"true": _rounded(brain.parameters.coupling[0]), "found": fits}


def _rounded(matrix: torch.Tensor) -> list[list[float]]:
    return [[round(w, 3) for w in line] for line in matrix.tolist()]


FUNCTIONS = {
    "oracle": oracle,
    "table": row,
    "trials": by_trials,
    "neurons": by_neurons,
    "groups": row,
    "states": by_states,
    "explorer": explored,
}


# ---- What is compared ----


def values(results: dict[str, dict], method: str, field: str) -> list:
    """One number for each data set; none for a method that was not run."""
    return [scores[method][field] for scores in results.values() if method in scores]


def difference(results: dict[str, dict], field: str, first: str, *others: str) -> list[float]:
    """The first method less the best of the others, data set by data set."""
    rivals = [each for other in others if (each := values(results, other, field))]
    return [a - max(b) for a, b in zip(values(results, first, field), zip(*rivals, strict=True), strict=True)]


def ratio(results: dict[str, dict], field: str, first: str, *others: str) -> list[float]:
    """The first method over the smallest of the others, data set by data set."""
    rivals = [each for other in others if (each := values(results, other, field))]
    return [a / min(b) for a, b in zip(values(results, first, field), zip(*rivals, strict=True), strict=True)]


def by_value(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{varied value: {seed: scores}}, in the order in which they were run."""
    grouped: dict[str, dict[str, Any]] = {}
    for key, one in results.items():
        value, seed = key.split(", ")
        grouped.setdefault(value, {})[seed] = one
    return grouped


def leads(results: dict[str, dict], field: str, first: str, second: str) -> dict[str, list[float]]:
    """{value: differences of two methods over the data sets}"""
    return {value: difference(group, field, first, second) for value, group in by_value(results).items()}


def accuracies(results: dict[str, dict]) -> dict[str, list[float]]:
    """Of the experiment `oracle`: {standard deviation: percent}"""
    return {d: [100 * one["accuracy"] for one in group.values()] for d, group in by_value(results).items()}


def a_neuron(results: dict[str, dict]) -> dict[str, dict]:
    """Of the experiment `neurons`, log-likelihoods a neuron."""
    return {
        key: {m: one | {"log_likelihood": one["log_likelihood"] / float(key.split(", ")[0])} for m, one in s.items()}
        for key, s in results.items()
    }


def strong(results: dict[str, dict], method: str = "OHG") -> list[float]:
    """Shares of connections above 0.1 that are found, the two groups weighted equally."""
    numbers = [v[-2:] for v in values(results, method, "by_strength")]
    return [fmean(w for w in v if w is not None) for v in numbers]


def chosen_states(results: dict[str, dict], field: str) -> list[int]:
    """Of the experiment `states`, the number with the best value, for each data set."""
    best = min if field == "bic" else max
    seeds = dict.fromkeys(key.split(", ")[1] for key in results)
    curves = [{int(n): g[s][field] for n, g in by_value(results).items()} for s in seeds]
    return [best(curve, key=curve.get) for curve in curves]
