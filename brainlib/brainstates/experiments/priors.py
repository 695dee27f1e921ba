"""What chapter 2 runs at every profile: Table 1, and when and why priors help.

`laptop` and `paper` run Table 1 at the paper's size, ten data sets of 10 + 10 sequences of 5,000 bins, 20 neurons and 5
states; `ci` fewer and smaller ones. The other experiments are ours, or the paper's at sizes that it does not give.
Used in chapters/brainstates/02_priors.ipynb.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import bic, free_parameters, marginal_log_likelihood, state_accuracy
from brainlib.brainstates.experiments.jobs import finish
from brainlib.brainstates.experiments.table import (
    EIGHT,
    FROM_TRUTH,
    KNOWN,
    METHODS,
    TRUE,
    Setting,
    data_set,
    fit_well,
    row,
    scores,
)
from brainlib.brainstates.fitting import HMMGLM, GaussianPrior, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.simulate import paper_brain, simulate

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


def oracle_accuracy(setting: Setting, deviation: float, seed: int) -> dict[str, float]:
    """The share of the bins whose state the true parameters find."""
    generator = seeded(seed)
    brain = paper_brain(generator, setting.states, setting.neurons, deviation)
    trials, states = simulate(brain, setting.test, setting.bins, generator)
    found = posterior(brain.parameters, design(trials, brain.basis), brain.emission).states.argmax(-1)
    return {"accuracy": state_accuracy(states, found, trials.lengths, setting.states)}


def by_trials(setting: Setting, seed: int, number: int) -> dict[str, Any]:
    """`Score` of `COMPARED` if only the first `number` training sequences are seen."""
    data = data_set(setting, seed)
    seen = data._replace(train=data.train.pick(range(number)))
    return scores(seen, setting, seed, COMPARED)


def by_states(setting: Setting, seed: int, states: int) -> dict[str, float]:
    """With so many states, GHG's held-out log-likelihood in nats a bin, its BIC in nats a training bin and the states
    that it uses, and the held-out log-likelihood of OHG (`one_hot`).
    """
    data = data_set(setting, seed)
    emission, bins = data.brain.emission, int(data.train.lengths.sum())
    parameters = fit_well(HMMGLM(states, emission, GaussianPrior()), data.train, setting, seed)
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


def explored(setting: Setting, seed: int, weights: Iterable[float], number: int) -> dict[str, Any]:
    """GHG's wiring of the first state under priors of all `weights`, from so many training sequences, beside the true.

    All fits begin at the true parameters, so that only the prior makes them differ.
    """
    data = data_set(setting, seed)
    brain, train = data.brain, data.train.pick(range(number))
    bins, found = int(data.test.lengths.sum()), []
    for weight in weights:
        model = HMMGLM(setting.states, brain.emission, GaussianPrior(weight=weight))
        parameters = fit(model, train, start=brain.parameters, iterations=setting.iterations).parameters
        held_out = marginal_log_likelihood(parameters, data.test, brain.emission).sum().item() / bins
        found.append({"wiring": _rounded(parameters.coupling[0]), "held_out": held_out})
    return {"true": _rounded(brain.parameters.coupling[0]), "found": found}


def run(experiment: str, plan: Priors, seed: int, folder: Path | None = None, progress: bool = True) -> dict[str, Any]:
    """What one of the fields of `Priors` finds: by "value, seed" where something is varied, else by "seed".

    Raises `ValueError` for another name.
    """
    functions = {
        "oracle": lambda one, value, s: partial(oracle_accuracy, one.setting, value, s),
        "trials": lambda one, value, s: partial(by_trials, one.setting, s, value),
        "neurons": lambda one, value, s: partial(row, replace(one.setting, neurons=value), s, COMPARED),
        "states": lambda one, value, s: partial(by_states, one.setting, s, value),
    }
    if experiment in functions:
        one = getattr(plan, experiment)
        make = functions[experiment]
        jobs = {f"{value:.4g}, {s}": make(one, value, s) for value in one.values for s in one.seeds(seed)}
    elif experiment in ("table", "groups"):
        one = getattr(plan, experiment)
        methods = plan.methods if experiment == "table" else COMPARED
        jobs = {str(s): partial(row, one.setting, s, methods) for s in one.seeds(seed)}
    elif experiment == "explorer":
        one = plan.explorer
        jobs = {str(n): partial(explored, one.setting, one.seeds(seed)[0], one.values, n) for n in plan.explored}
    else:
        raise ValueError(f"experiment: got {experiment!r}, expected a field of Priors")
    return finish(experiment, jobs, folder, progress)


def _rounded(matrix: torch.Tensor) -> list[list[float]]:
    return [[round(w, 3) for w in line] for line in matrix.tolist()]
