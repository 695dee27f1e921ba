"""What chapter 2 runs at every profile: Table 1, and when and why priors help.

`laptop` and `paper` run Table 1 at the paper's size, ten data sets of 10 + 10 sequences of 5,000 bins, 20 neurons and 5
states; `ci` fewer and smaller ones. The other experiments are ours, or the paper's at sizes that it does not give.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import bic, marginal_log_likelihood, state_accuracy
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.inference import posterior
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.runs import study
from chapters.brainstates.brains import paper_brain, simulate
from chapters.brainstates.table import FROM_TRUTH, KNOWN, METHODS, TRUE, Setting, data_set, fit_well, scores

COMPARED = (TRUE, "HG", "GHG", "OHG")
AT_CI = (TRUE, KNOWN, FROM_TRUTH, "GLM", "HMM Corr", "HG", "HG-L1", "GHG", "OHG")  # of Table 1


@dataclass(frozen=True)
class Experiment:
    """One experiment: its setting, how many data sets, the `values` of what is varied, and the methods of Table 1."""

    setting: Setting
    data_sets: int = 1
    values: tuple[Any, ...] = ()
    methods: tuple[str, ...] = COMPARED

    def seeds(self, seed: int) -> range:
        """The seeds of the data sets in one run of the chapter."""
        return range(seed * self.data_sets, (seed + 1) * self.data_sets)


DEVIATIONS = (0.75, 1.0, 1.5**0.5, 1.5, 1.75, 2.0, 2.25, 2.5)
NEURONS = (10, 20, 30, 40, 50, 60)
WEIGHTS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
SMALL = Setting(3, 12, train=8, test=5, bins=1500, strength_sd=2.5, restarts=2, iterations=50, l1=(30.0,))
SHORT = replace(SMALL, bins=500)
MIDDLE = Setting(test=5, bins=2000, restarts=3, iterations=60)
EXPLORED = Setting(states=3, neurons=10, train=10, test=5, bins=500, strength_sd=2.5)
EXPLORER = Experiment(EXPLORED, values=(1, 2, 5, 10))

# - `oracle`: how many states the true parameters find, by the deviation of ln strength;
# - `table`: Table 1;
# - `trials`, `neurons`: by the number of training sequences, and of neurons;
# - `groups`: neurons in groups with states of their own;
# - `states`: by the number of states of the model;
# - `explorer`: GHG by the weight of its prior (`WEIGHTS`), by the number of training sequences.
PRIORS = {
    "ci": {
        "oracle": Experiment(Setting(train=1, test=1, bins=3000), 3, (1.5**0.5, 1.5, 2.0, 2.5)),
        "table": Experiment(SMALL, 3, methods=AT_CI),
        "trials": Experiment(replace(SHORT, train=6), 3, (1, 6)),
        "neurons": Experiment(SHORT, values=(6, 12)),
        "groups": Experiment(replace(SMALL, states=2, neurons=4, groups=2, bins=750, strength_sd=3.0)),
        "states": Experiment(SHORT, values=(1, 2, 3)),
        "explorer": EXPLORER,
    },
    "laptop": {
        "oracle": Experiment(Setting(train=1, test=3), 5, DEVIATIONS),
        "table": Experiment(Setting(restarts=6), 10, methods=METHODS),
        "trials": Experiment(replace(MIDDLE, train=20), 5, (1, 2, 5, 10, 20)),
        "neurons": Experiment(MIDDLE, 3, NEURONS),
        "groups": Experiment(replace(MIDDLE, states=2, neurons=5, groups=3, strength_sd=3.0), 3),
        "states": Experiment(MIDDLE, 3, (1, 2, 3, 4, 5, 6, 7, 8, 10)),
        "explorer": EXPLORER,
    },
    "paper": {
        "oracle": Experiment(Setting(train=1, test=10), 10, DEVIATIONS),
        "table": Experiment(Setting(restarts=10), 10, methods=METHODS),
        "trials": Experiment(Setting(train=50), 10, (1, 2, 5, 10, 20, 50)),
        "neurons": Experiment(Setting(), 5, NEURONS),
        "groups": Experiment(Setting(2, 5, 3, strength_sd=3.0, restarts=10), 10),
        "states": Experiment(Setting(), 5, tuple(range(1, 21))),
        "explorer": EXPLORER,
    },
}


def run(experiment: str, profile: str, seed: int) -> dict[str, Any]:
    """What an experiment of `PRIORS` gives: by "value, seed" where something is varied, else by "seed"; the explorer's
    by its value, since it has one data set.
    """
    one = PRIORS[profile][experiment]
    function = {"oracle": oracle, "states": by_states, "explorer": explored}.get(experiment, compared)
    conditions = {f"{value:.4g}": (one.setting, value) for value in one.values} or {"": (one.setting, one.methods)}
    if experiment == "trials":
        conditions = {str(n): (one.setting, one.methods, n) for n in one.values}
    if experiment == "neurons":
        conditions = {str(n): (replace(one.setting, neurons=n), one.methods) for n in one.values}
    results = study(function, conditions, one.seeds(seed), device="cpu")
    if experiment == "explorer":
        return {value: result for value, (result,) in results.items()}
    return {
        f"{value}, {s}".removeprefix(", "): result
        for value, each in results.items()
        for s, result in zip(one.seeds(seed), each, strict=True)
    }


def compared(settings: tuple, seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict[str, Any]:
    """Methods of Table 1 on one data set: (setting, methods), and of how many training sequences, if not of all."""
    setting, methods, *seen = settings
    data = data_set(setting, seed)
    train = data.train.pick(range(*seen)) if seen else data.train
    return scores(data._replace(train=train), setting, seed, tuple(methods))


def oracle(settings: tuple[Setting, float], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """The share of the bins whose state the true parameters find, at a deviation of ln strength."""
    setting, deviation = settings
    generator = seeded(seed)
    brain = paper_brain(generator, setting.states, setting.neurons, deviation)
    trials, states = simulate(brain, setting.test, setting.bins, generator)
    path = posterior(brain.parameters, design(trials, brain.basis), brain.emission).states.argmax(-1)
    return {"accuracy": state_accuracy(states, path, trials.lengths, setting.states)}


def by_states(settings: tuple[Setting, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """With so many states, the held-out log-likelihoods of GHG and OHG (`one_hot`) in nats a bin, and GHG's BIC in nats
    a training bin.
    """
    setting, states = settings
    data = data_set(setting, seed)
    emission = data.brain.emission
    parameters = fit_well(Model(states, emission, GaussianPrior()), data.train, setting, seed)
    seen = marginal_log_likelihood(parameters, data.train, emission).sum().item()
    one_hot = fit_one_hot(OneHot(states, emission), data.train, start=parameters).parameters
    held_out = [
        marginal_log_likelihood(each, data.test, emission).sum().item() / int(data.test.lengths.sum())
        for each in (parameters, one_hot)
    ]
    return {
        "held_out": held_out[0],
        "one_hot": held_out[1],
        "bic": bic(seen, data.train, states) / int(data.train.lengths.sum()),
    }


def explored(settings: tuple[Setting, int], seed: int, *, device: str = "cpu", folder: Path | None = None) -> dict:
    """GHG's wiring of the first state under priors of all `WEIGHTS`, from so many training sequences, beside the true.

    All fits begin at the true parameters, so that only the prior makes them differ.
    """
    setting, number = settings
    data = data_set(setting, seed)
    brain, train = data.brain, data.train.pick(range(number))
    bins, fits = int(data.test.lengths.sum()), []
    for weight in WEIGHTS:
        model = Model(setting.states, brain.emission, GaussianPrior(weight=weight))
        parameters = fit(model, train, start=brain.parameters, iterations=setting.iterations).parameters
        held_out = marginal_log_likelihood(parameters, data.test, brain.emission).sum().item() / bins
        fits.append({"wiring": parameters.coupling[0].double().numpy().round(3).tolist(), "held_out": held_out})
    return {"true": brain.parameters.coupling[0].double().numpy().round(3).tolist(), "found": fits}


# ---- What is compared: Series and frames, a row for each varied value and data set ----


def frame(results: dict[str, dict]) -> pd.DataFrame:
    """What `run` gives, a row for each value (0 where none is varied), seed and method ("" where there are none)."""
    rows = []
    for key, one in results.items():
        *value, seed = map(float, key.split(", "))
        methods = one if TRUE in one else {"": one}
        rows += [{"value": sum(value), "seed": int(seed), "method": name} | each for name, each in methods.items()]
    return pd.DataFrame.from_records(rows, index=["value", "seed", "method"])


def wide(results: dict[str, dict], field: str) -> pd.DataFrame:
    """One field, a column for each method."""
    return frame(results)[field].unstack("method")


def difference(results: dict[str, dict], field: str, first: str, *others: str) -> pd.Series:
    """The first method less the best of the others that were run."""
    table = wide(results, field)
    return table[first] - table[table.columns.intersection(others)].max(axis=1)


def ratio(results: dict[str, dict], field: str, first: str, *others: str) -> pd.Series:
    """The first method over the smallest of the others that were run."""
    table = wide(results, field)
    return table[first] / table[table.columns.intersection(others)].min(axis=1)


def strong(results: dict[str, dict]) -> list[float]:
    """Shares of connections above 0.1 that OHG finds, the two groups weighted equally."""
    return [fmean(w for w in shares[-2:] if w is not None) for shares in wide(results, "by_strength")["OHG"]]


def chosen_states(results: dict[str, dict], field: str) -> list[int]:
    """Of the experiment `states`, the number with the best value, for each data set."""
    curves = wide(results, field)[""].unstack("value")
    return (curves.idxmin(axis=1) if field == "bic" else curves.idxmax(axis=1)).astype(int).tolist()
