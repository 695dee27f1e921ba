"""What is measured for each claim: functions of profile, seed and device, by claim in `ledger.MEASURES`.

A claim that compares conditions which the profile lacks is left out. All studies are kept: nothing runs twice.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import torch

from brainlib import ledger, runs
from chapters.timescales import lesions, networks, recurrences
from chapters.timescales.circuit import CIRCUITS, LAGS, simulation_error
from chapters.timescales.figures import CONDITIONS, MULTI, SINGLE
from chapters.timescales.learning_curves import LearningCurve, leads, units_at_one
from chapters.timescales.settings import SETTINGS

Values = dict[str, list[float]]


@ledger.measures("T0-circuit")
def circuit(profile: str, seed: int, device: str) -> Values:
    """The largest difference of the simulated autocorrelations from the closed form, for three seeds."""
    errors = []
    for own_seed in circuit_seeds(seed):
        generator = torch.Generator().manual_seed(own_seed)
        simulation = SETTINGS[profile].circuit
        errors.append(max(simulation_error(one, simulation, LAGS, generator) for one in CIRCUITS.values()))
    return {"T0-circuit": errors}


def circuit_seeds(seed: int) -> range:
    """Those of a run of chapter 1."""
    return range(3 * seed, 3 * seed + 3)


@ledger.measures("T0", "T0-gradients")
def recurrence(profile: str, seed: int, device: str) -> Values:
    """The largest relative differences of states and gradients from the equations, in float64."""
    found = recurrences.differences(torch.Generator().manual_seed(seed))
    return {"T0": [found["states"].max()], "T0-gradients": [found.drop(columns="states").max().max()]}


@ledger.measures("T1", "T1b")
def span_lead(profile: str, seed: int, device: str) -> Values:
    single, multi = curves(profile, seed, device, *CONDITIONS)
    return _known(T1=leads(multi, single), T1b=leads(multi, single, "operations"))


@ledger.measures("T2", "T2b", "T2c")
def time_constants(profile: str, seed: int, device: str) -> Values:
    single, multi = curves(profile, seed, device, *CONDITIONS)
    return _known(
        T2=[curve.tau_change("mean") for curve in multi],
        T2b=[curve.tau_change("std") for curve in single],
        T2c=[curve.rebound for curve in single],
    )


@ledger.measures("T3", "T3b", "T13")
def network_timescales(profile: str, seed: int, device: str) -> Values:
    found = recordings(profile, seed, device)
    mean, dimensions = ({c: growth(found, c, what) for c in CONDITIONS} for what in ("mean", "dimensions"))
    return {"T3": mean[SINGLE], "T3b": mean[MULTI], "T13": np.min(list(dimensions.values()), axis=0).tolist()}


def growth(rows: Sequence[dict[str, Any]], condition: str, what: str) -> list[float]:
    """Of recordings of a condition the value at the last span less that at the first, seed by seed."""
    frame = pd.DataFrame(rows).sort_values("span")
    values = frame[frame["curriculum"] == condition].groupby("seed")[what]
    return (values.last() - values.first()).tolist()


@ledger.measures("T5", "T5b", "T5c")
def fixed_time_constants(profile: str, seed: int, device: str) -> Values:
    taus = [f"{SINGLE}, tau {tau}" for tau in (1, 2, 3)]
    names = [MULTI, f"{MULTI}, tau 1", f"{MULTI}, tau 2", SINGLE, *taus]
    multi, at_1, at_2, single, *fixed = curves(profile, seed, device, *names)
    return _known(T5=leads(at_1, multi), T5b=leads(at_2, at_1), T5c=_least(*(leads(single, f) for f in fixed if f)))


@ledger.measures("T9", "T9b")
def gated_networks(profile: str, seed: int, device: str) -> Values:
    names = [f"{curriculum}, {kind}" for kind in ("lstm", "gru") for curriculum in (MULTI, SINGLE)]
    multi_lstm, single_lstm, multi_gru, single_gru = curves(profile, seed, device, *names)
    return _known(T9=leads(multi_lstm, single_lstm, "operations"), T9b=leads(multi_gru, single_gru, "operations"))


@ledger.measures("T10", "T10b")
def delayed_match(profile: str, seed: int, device: str) -> Values:
    single, multi = curves(profile, seed, device, f"{SINGLE}, match", f"{MULTI}, match")
    slower = [a.last_tau.mean - b.last_tau.mean for a, b in zip(single, multi, strict=True)]
    return _known(T10=leads(multi, single), T10b=slower)


@ledger.measures("T11", "T11b")
def no_curriculum(profile: str, seed: int, device: str) -> Values:
    found = curves(profile, seed, device, *without_curriculum(profile))
    alone, together = ([curve.accuracy[-1] for curve in one] for one in found)
    return _known(T11=alone, T11b=together)


def without_curriculum(profile: str) -> tuple[str, str]:
    """The conditions of the longest span from scratch and of all at once; empty texts where there is none."""
    known = SETTINGS[profile].conditions
    alone = max((c for c in known if c.startswith("from scratch")), default="", key=lambda c: int(c.split()[-1]))
    return alone, max((c for c in known if c.startswith("all at once")), default="")


@ledger.measures("T12")
def sliding_window(profile: str, seed: int, device: str) -> Values:
    window, single, multi = curves(profile, seed, device, "sliding window", *CONDITIONS)
    return _known(T12=_least(leads(window, single), leads(multi, window)) if window else [])


@ledger.measures("T14", "T14b", "T14c")
def clamp(profile: str, seed: int, device: str) -> Values:
    held, free = _trained(profile, seed, device, MULTI, f"{MULTI}, projected")
    multi, projected = ([LearningCurve.of(one) for one in found] for found in (held, free))
    stay, stay_free = ([100 * stood / max(there, 1) for there, stood in map(units_at_one, n)] for n in (held, free))
    return _known(
        T14=[100 * curve.last_tau.at_one for curve in multi],
        T14b=[curve.tau_change("mean") for curve in projected],
        T14c=[a - b for a, b in zip(stay, stay_free, strict=True)] if free else [],
    )


@ledger.measures("T4", "T4b", "T4c")
def memory(profile: str, seed: int, device: str) -> Values:
    found = lesioned("memory", profile, seed, device)
    taught = {c: earlier_spans(found, c, "taught") for c in CONDITIONS}
    return {
        "T4": [max(values) for values in taught[SINGLE]],
        "T4b": [min(values) for values in taught[MULTI]],
        "T4c": [2 * float(np.mean(values)) - 1 for values in earlier_spans(found, SINGLE, "fresh")],
    }


def earlier_spans(memories: Sequence[dict[str, Any]], condition: str, ending: str) -> list[list[float]]:
    """Of each network at its last span, the accuracy on every span before; `ending` "taught" or "fresh" readouts."""
    found = []
    for one in memories:
        table = one[ending][condition]
        if ending == "taught":
            table = list(table.values())[-1]
        end = one["span"] if ending == "fresh" else max(map(int, table))
        found.append([value for span, value in table.items() if int(span) < end])
    return found


@ledger.measures("T6", "T6b")
def ablations(profile: str, seed: int, device: str) -> Values:
    found = lesioned("ablation", profile, seed, device)
    gaps = {c: [list(slow_less_fast(one, c).values())[-1] for one in found] for c in CONDITIONS}
    return {"T6": gaps[SINGLE], "T6b": [-gap for gap in gaps[MULTI]]}


def slow_less_fast(one: dict[str, Any], condition: str) -> dict[str, float]:
    """Relative accuracy without one of the slowest units less without one of the fastest, by span."""
    return {span: ends["slowest"] - ends["fastest"] for span, ends in one["by span"][condition].items()}


@ledger.measures("T7", "T7b", "T7c")
def perturbations(profile: str, seed: int, device: str) -> Values:
    found = lesioned("perturbation", profile, seed, device)
    return {
        "T7": [multi_less_single(one["weight"], lesions.WEIGHT_STRENGTH) for one in found],
        "T7b": [multi_less_single(one["tau"], lesions.TAU_STRENGTH) for one in found],
        "T7c": [one["equal"][MULTI] - one["equal"][SINGLE] for one in found],
    }


def multi_less_single(table: dict[str, dict[str, float]], strength: float) -> float:
    """The difference of relative accuracy after perturbations of a strength."""
    return table[MULTI][str(strength)] - table[SINGLE][str(strength)]


@ledger.measures("T8")
def retraining(profile: str, seed: int, device: str) -> Values:
    found = lesioned("retraining", profile, seed, device)
    return {"T8": [fmean(one[MULTI].values()) - fmean(one[SINGLE].values()) for one in found]}


def curves(profile: str, seed: int, device: str, *conditions: str) -> list[list[LearningCurve]]:
    """Of each condition the learning curves of all seeds; none where the profile lacks it."""
    return [[LearningCurve.of(one) for one in found] for found in _trained(profile, seed, device, *conditions)]


def recordings(profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """Rows of tau_net and dimensionality, by curriculum, seed and span, for the two main conditions."""
    settings = SETTINGS[profile]
    sizes = settings.recorded_bits, settings.trials, settings.snapshots, seed
    conditions = {name: networks.Recording(settings.conditions[name], *sizes) for name in CONDITIONS}
    found = runs.study(networks.recording, conditions, settings.seeds(seed), device=device)
    return [{"curriculum": name} | row for name, results in found.items() for one in results for row in one["rows"]]


def lesioned(experiment: str, profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """What an experiment of `lesions` finds for each seed."""
    settings = SETTINGS[profile]
    return lesions.study(settings.lesions, settings.seeds(seed), device, experiment)[experiment]


def _trained(profile: str, seed: int, device: str, *conditions: str) -> list[list[networks.TrainedNetwork]]:
    settings = SETTINGS[profile]
    known = {name: settings.conditions[name] for name in conditions if name in settings.conditions}
    found = networks.trained(known, settings.seeds(seed), device) if known else {}
    return [found.get(name, []) for name in conditions]


def _least(*leads: list[int]) -> list[int]:
    return [min(each) for each in zip(*leads, strict=True)]


def _known(**values: Sequence[float]) -> Values:
    return {claim: list(found) for claim, found in values.items() if found}
