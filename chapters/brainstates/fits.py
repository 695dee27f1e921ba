"""Every model fitted once to every split of a recording, and evaluated on the block of time that was held out.

Split k holds out block k of the recording's time (modulo the number of blocks), and k is the seed of its starts.
Families are the paper's: "Poisson HMM", the HMM of HMM Corr, without coupling; "HG" the naive HMM-GLM, with one state
the GLM; "HG-L1"; "GHG" with a Gaussian prior; "OHG" with the one-hot prior, from HG-L1's fit, since HG's and GHG's
weights may have no bounds. The weights of the L1 penalty and of the Gaussian prior are chosen for a split on the last
quarter of what is seen, with one and with two states.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jaxtyping import Int64
from scipy.stats import t
from torch import Tensor

from brainlib.brainstates.design import Design, design
from brainlib.brainstates.evaluation import bic, bits_per_spike, homogeneous_log_likelihood, marginal_log_likelihood
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters
from brainlib.runs import study
from chapters.brainstates.recordings import EMISSION, Sample, Setting, planned, read

FAMILIES = ("Poisson HMM", "HG", "HG-L1", "GHG", "OHG")
BASELINES = FAMILIES[:-1]
TUNING = 4  # the last such share of what is seen chooses the weights of penalties and priors


class Fits:
    """A recording, its splits, and what was fitted: `results` by family, number of states and split (`fit_family`)."""

    def __init__(self, sample: Sample, setting: Setting, results: dict[tuple[str, int, int], dict[str, Any]]) -> None:
        self.sample, self.setting, self.results = sample, setting, results
        self.coupled, self.uncoupled = (design(sample.trials, coupling=coupling) for coupling in (True, False))

    def places(self, split: int, held_out: bool) -> Int64[Tensor, " places"]:
        """The pieces that a split holds out, or those that are seen."""
        seen, others = self.sample.split(split % self.setting.blocks, self.setting.blocks)
        return others if held_out else seen

    def design(self, family: str, split: int, held_out: bool) -> Design:
        """What a split holds out, or what is seen, as a family reads it."""
        whole = self.uncoupled if family == "Poisson HMM" else self.coupled
        return whole.pick(self.places(split, held_out))

    def parameters(self, family: str, states: int, split: int) -> Parameters:
        """Of one fit."""
        arrays = self.results[family, states, split]
        return Parameters(*(torch.as_tensor(arrays[name]) for name in Parameters._fields))

    def table(self) -> list[dict[str, Any]]:
        """A row for each split, family and number of states: `bits` and `bic`."""
        splits = sorted({split for _, _, split in self.results})
        return [
            {"family": family, "states": states, "split": split}
            | {name: self.results[family, states, split][name] for name in ("bits", "bic")}
            for split in splits
            for family, tried in self.setting.states.items()
            for states in tried
        ]


@functools.cache
def fit_all(profile: str, seed: int) -> dict[str, Fits]:
    """All families on all splits of one run of the chapter, by recording."""
    fits = {}
    for name, setting in planned(profile).items():
        conditions = {f"{name}, {family}": (setting, family) for family in BASELINES}
        results = study(fit_family, conditions, setting.splits(seed), device="cpu")
        fits[name] = Fits(
            read(setting),
            setting,
            {
                (one["family"], one["states"], split): one
                for each in results.values()
                for split, unit in zip(setting.splits(seed), each, strict=True)
                for one in unit["fits"]
            },
        )
    return fits


def fit_family(
    settings: tuple[Setting, str], seed: int, *, device: str = "cpu", folder: Path | None = None
) -> dict[str, Any]:
    """`fits`: a family with every number of states on the split `seed`, and with "HG-L1" what starts from it, "OHG".

    Each has its parameters, for OHG a_0 (`adjacency_prior`), and

    - `bits`: held-out marginal log-likelihood in bits a spike, beyond neurons that keep their mean rates;
    - `bic`: Schwarz's criterion of what is seen, in nats a bin, halved: lower is better.
    """
    setting, family = settings
    data = Fits(read(setting), setting, {})
    seen, held_out = (data.design(family, seed, held) for held in (False, True))
    fits = []

    def fitted(states: int, weight: float, on: Design) -> Parameters:
        prior = GaussianPrior(weight=weight) if family == "GHG" else None
        model = Model(states, EMISSION, prior=prior, l1=weight if family == "HG-L1" else 0.0)
        return fit(model, on, iterations=setting.iterations, seed=seed).parameters

    def add(family: str, parameters: Parameters, **more: Tensor) -> None:
        states = len(parameters.log_initial)
        here, there = (marginal_log_likelihood(parameters, part, EMISSION) for part in (seen, held_out))
        base = homogeneous_log_likelihood(seen, held_out, EMISSION)
        criterion = bic(float(here.sum()), seen, states) / (2 * int(seen.lengths.sum()))
        bits = bits_per_spike(there, base, int(held_out.counts.sum()))
        fits.append(
            {"family": family, "states": states, "bits": bits, "bic": criterion, **parameters._asdict(), **more}
        )

    weight = 1.0
    if family in setting.weights:  # that which predicts the last quarter of what is seen best
        pieces = len(seen.lengths)
        first = max(1, pieces - max(1, pieces // TUNING))
        train, test = seen.pick(range(first)), seen.pick(range(first, pieces))
        tuned = {each: fitted(1 if family == "HG-L1" else 2, each, train) for each in setting.weights[family]}
        weight = max(tuned, key=lambda each: float(marginal_log_likelihood(tuned[each], test, EMISSION).sum()))
    starts = setting.states["OHG"] if family == "HG-L1" else ()
    for states in sorted({*setting.states[family], *starts}):
        parameters = fitted(states, weight, seen)
        if states in setting.states[family]:
            add(family, parameters)
        if states in starts:
            one_hot = OneHot(states, EMISSION)
            result = fit_one_hot(one_hot, seen, start=parameters, iterations=setting.one_hot_iterations)
            add("OHG", result.parameters, adjacency_prior=result.adjacency_prior)
    return {"fits": fits}


# ---- Which model predicts best: rows of `Fits.table` compared split by split ----


def by_model(rows: Sequence[dict], value: str = "bits") -> pd.DataFrame:
    """`value` with a row for each split, and a column for each family and number of states."""
    return pd.DataFrame(rows).pivot(index="split", columns=["family", "states"], values=value)


def numbers(rows: Sequence[dict], family: str) -> list[int]:
    """The numbers of states that were fitted."""
    return sorted({row["states"] for row in rows if row["family"] == family})


def best(rows: Sequence[dict], families: Iterable[str], least: int = 2) -> tuple[str, int]:
    """The family and the number of states with the highest mean over splits, of at least `least` states."""
    means = by_model(rows).mean()
    family, states = means[[f in tuple(families) and s >= least for f, s in means.index]].idxmax()
    return family, int(states)


def lead(rows: Sequence[dict], one: tuple[str, int], other: tuple[str, int]) -> list[float]:
    """By how many bits a spike one model is ahead of another, split by split."""
    table = by_model(rows)
    return (table[one] - table[other]).tolist()


def favourites(rows: Sequence[dict], family: str, value: str = "bits") -> list[int]:
    """The number of states with the highest `bits`, or the lowest `bic`, in every split."""
    table = by_model(rows, value)[family]
    return (table.idxmin(axis=1) if value == "bic" else table.idxmax(axis=1)).tolist()


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half of its 95 % interval, Student's t over the blocks of time; NaN for one value.

    Blocks share most of what was trained on and are not independent, so that intervals are somewhat too narrow.
    """
    values = pd.Series(values)
    return float(values.mean()), float(t.ppf(0.975, len(values) - 1) * values.sem())
