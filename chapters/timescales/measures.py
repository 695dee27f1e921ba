"""What is measured for each claim: functions of profile, seed and device, by claim in `ledger.MEASURES`.

Every claim has a value and a control for each network of the run. Where the control is two networks of one kind, it is
the distance between them (`apart`), or the difference of this network and that of the run before (`lead`; within a run
the mean of such differences would be 0 by construction, so a first run has no control). A claim about conditions which
the profile lacks is left out. All studies are kept: nothing runs twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch

from brainlib import ledger, runs
from chapters.timescales import lesions, networks, recurrences
from chapters.timescales.circuit import CIRCUITS, LAGS, simulation_error
from chapters.timescales.learning_curves import UNTRAINED, LearningCurve, Price, leads
from chapters.timescales.networks import CONDITIONS, MULTI, PROJECTED, SINGLE, STILL
from chapters.timescales.settings import SETTINGS

Measurements = dict[str, ledger.Measured]

ELSEWHERE: dict[str, Price] = {"match": "epochs", "lstm": "operations", "gru": "operations"}
"""The remarks of other tasks and networks, and the price at which two curricula are compared there."""


@ledger.measures("T0-circuit")
def circuit(profile: str, seed: int, device: str) -> dict[str, list[float]]:
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
def recurrence(profile: str, seed: int, device: str) -> dict[str, list[float]]:
    """The largest relative differences of states and gradients from the equations, in float64."""
    found = recurrences.differences(torch.Generator().manual_seed(seed))
    return {"T0": [found["states"].max()], "T0-gradients": [found.drop(columns="states").max().max()]}


@ledger.measures("T1")
def span_lead(profile: str, seed: int, device: str) -> Measurements:
    single, multi = curves(profile, seed, device, *CONDITIONS)
    effect, control = shorter_lead(multi, single), apart(shorter_lead(following(single), single))
    return {"T1": _measured(profile, CONDITIONS, effect, control)}


def shorter_lead(first: Sequence[LearningCurve], second: Sequence[LearningCurve]) -> list[float]:
    """Of the leads after equally many epochs and after equally many operations the smaller."""
    return least(leads(first, second, "epochs"), leads(first, second, "operations"))


@ledger.measures("T2", "T2b", "T2c")
def time_constants(profile: str, seed: int, device: str) -> Measurements:
    single, multi = curves(profile, seed, device, *CONDITIONS)
    (still,) = _trained(profile, seed, device, STILL)
    single_beside, multi_beside = (
        [curve.beside(one) for curve, one in zip(found, still, strict=True)] for found in (single, multi)
    )
    falls = [[curve.tau_change("mean") for curve in found] for found in (multi, multi_beside)]
    spreads = [[curve.tau_change("std") for curve in found] for found in (single, single_beside)]
    turns = [[curve.rebound for curve in found] for found in (single, single_beside)]
    names, reached = (*CONDITIONS, STILL), [curve.reached() for curve in single]
    return {
        "T2": _measured(profile, names, *falls),
        "T2b": _measured(profile, names, *spreads),
        "T2c": _measured(profile, names, *turns, reached=reached),
    }


@ledger.measures("T3")
def network_timescales(profile: str, seed: int, device: str) -> Measurements:
    found = recordings(profile, seed, device)
    grown = least(*([rows[-1]["mean"] - rows[0]["mean"] for rows in found[condition]] for condition in CONDITIONS))
    pairs = zip(found[STILL], found[SINGLE], strict=True)
    control = [still[-1]["mean"] - single[0]["mean"] for still, single in pairs]
    settings = SETTINGS[profile]
    sizes = {"bits": settings.recorded_bits, "trials": settings.trials}
    return {"T3": _measured(profile, (*CONDITIONS, STILL), grown, control, recordings=sizes)}


@ledger.measures("T4")
def memory(profile: str, seed: int, device: str) -> Measurements:
    found = lesioned("memory", profile, seed, device)
    single, multi = ([earlier_spans(one, condition) for one in found] for condition in CONDITIONS)
    return {"T4": _lesioned(profile, less(multi, single), apart(less(following(multi), multi)))}


def earlier_spans(memory: Mapping[str, Any], condition: str) -> float:
    """Relative accuracy of fresh readouts, the mean over the spans before the last one that was solved."""
    found = [right for span, right in memory["fresh"][condition].items() if int(span) < memory["span"]]
    return 2 * fmean(found) - 1 if found else 0.0


@ledger.measures("T5")
def fixed_time_constants(profile: str, seed: int, device: str) -> Measurements:
    names = (MULTI, f"{MULTI}, tau 1", f"{MULTI}, tau 2")
    if _lacks(profile, names):
        return {}
    multi, at_1, at_2 = curves(profile, seed, device, *names)
    return {"T5": _measured(profile, names, leads(at_1, multi), leads(at_2, multi))}


@ledger.measures("T6")
def ablations(profile: str, seed: int, device: str) -> Measurements:
    found = lesioned("ablation", profile, seed, device)
    ends = [{c: one["by span"][c][str(one["span"])] for c in CONDITIONS} for one in found]
    crossed = [[crossing(one, *groups) for one in ends] for groups in (("fastest", "slowest"), ("random", "others"))]
    return {"T6": _lesioned(profile, *crossed, reached=[one["span"] for one in found])}


def crossing(ends: Mapping[str, Mapping[str, float]], fast: str, slow: str) -> float:
    """By how much losing a slow unit costs the single-head network more than losing a fast one, and losing a fast one
    the multi-head network more than losing a slow one: the smaller of the two."""
    return min(ends[SINGLE][fast] - ends[SINGLE][slow], ends[MULTI][slow] - ends[MULTI][fast])


@ledger.measures("T7", "T7b")
def perturbations(profile: str, seed: int, device: str) -> Measurements:
    def pushed(what: str) -> ledger.Measured:
        return lead("perturbation", lambda one, condition: fmean(one["equal"][what][condition].values()), MULTI, *run)

    run = profile, seed, device
    return {"T7": pushed("weight"), "T7b": pushed("tau")}


@ledger.measures("T8")
def retraining(profile: str, seed: int, device: str) -> Measurements:
    found = lead("retraining", lambda one, condition: fmean(one[condition].values()), MULTI, profile, seed, device)
    return {"T8": found}


@ledger.measures("T9")
def other_networks_and_tasks(profile: str, seed: int, device: str) -> Measurements:
    names = [f"{condition}, {what}" for what in ELSEWHERE for condition in CONDITIONS]
    if _lacks(profile, names):
        return {}
    found = curves(profile, seed, device, *names)
    pairs = list(zip(found[::2], found[1::2], ELSEWHERE.values(), strict=True))
    lead = least(*(leads(multi, single, price) for single, multi, price in pairs))
    chance = least(*(leads(following(single), single, price) for single, _, price in pairs))
    return {"T9": _measured(profile, names, lead, apart(chance))}


@ledger.measures("T11")
def no_curriculum(profile: str, seed: int, device: str) -> Measurements:
    names = sorted((c for c in SETTINGS[profile].conditions if c.startswith("from scratch")), key=last_span)
    if len(names) < 2:
        return {}
    settings = SETTINGS[profile].lesions
    easy, hard = (multi_less_alone(profile, seed, device, name) for name in (names[0], names[-1]))
    if len(hard) < SETTINGS[profile].networks:
        return {}  # a network with a curriculum has not come there itself
    return {"T11": _measured(profile, (MULTI, *names), hard, easy, test_sequences=settings.test_sequences)}


def last_span(condition: str) -> int:
    """That of "from scratch, 12"."""
    return int(condition.split()[-1])


def multi_less_alone(profile: str, seed: int, device: str, condition: str) -> list[float]:
    """Accuracy on balanced bits of the multi-head networks that solved the span of a condition, when they had, less
    that of the networks which were trained on this span alone."""
    span, sequences = last_span(condition), SETTINGS[profile].lesions.test_sequences
    found = []
    for multi, alone in zip(*_trained(profile, seed, device, MULTI, condition), strict=True):
        if span in multi.solved:
            taught = (multi.network_at(span), multi.config.head_for(span)), (alone.network, 0)
            generator = torch.Generator().manual_seed(multi.seed)
            one, other = (lesions.balanced(network, span, head, sequences, generator) for network, head in taught)
            found.append(one - other)
    return found


@ledger.measures("T14")
def clamp(profile: str, seed: int, device: str) -> Measurements:
    names = (MULTI, PROJECTED)
    if _lacks(profile, names):
        return {}
    multi, projected = curves(profile, seed, device, *names)
    spans = [min(max(one.tau), max(other.tau)) for one, other in zip(multi, projected, strict=True)]
    pairs = list(zip(multi, projected, spans, strict=True))
    effect = [one.tau[span].mean - other.tau[span].mean for one, other, span in pairs]
    control = [one.tau[span].mean - one.tau[UNTRAINED].mean for one, _, span in pairs]
    return {"T14": _measured(profile, names, effect, control)}


@ledger.measures("T15")
def weights(profile: str, seed: int, device: str) -> Measurements:
    def radius(one: Mapping[str, Any], condition: str) -> float:
        return one["growth"][condition][str(one["span"])]["radius"]

    return {"T15": lead("growth", radius, SINGLE, profile, seed, device)}


def lead(
    experiment: str, number: Callable[[Mapping[str, Any], str], float], ahead: str, profile: str, seed: int, device: str
) -> ledger.Measured:
    """By how much the networks of one condition are ahead of the other's in a number that an experiment finds; the
    control is the single-head networks less those of the run before."""

    def found(run: int, condition: str) -> list[float]:
        return [number(one, condition) for one in lesioned(experiment, profile, run, device)]

    (other,) = set(CONDITIONS) - {ahead}
    control = less(found(seed, SINGLE), found(seed - 1, SINGLE)) if seed else []
    return _lesioned(profile, less(found(seed, ahead), found(seed, other)), control)


def following(values: Sequence[Any]) -> list[Any]:
    """Those of the next network of the run, after the last the first."""
    return [*values[1:], *values[:1]]


def apart(differences: Iterable[float]) -> list[float]:
    return list(map(abs, differences))


def less(first: Iterable[float], second: Iterable[float]) -> list[float]:
    return [one - other for one, other in zip(first, second, strict=True)]


def least(*values: Sequence[float]) -> list[float]:
    """The smallest, seed by seed."""
    return list(map(min, zip(*values, strict=True)))


def curves(profile: str, seed: int, device: str, *conditions: str) -> list[list[LearningCurve]]:
    """Of each condition the learning curves of all seeds; none where the profile lacks it."""
    return [[LearningCurve.of(one) for one in found] for found in _trained(profile, seed, device, *conditions)]


def recordings(profile: str, seed: int, device: str) -> dict[str, list[list[dict[str, Any]]]]:
    """Of each of the main conditions and of the one that stands still, for each seed rows of tau_net and dimensionality
    by span."""
    return _recorded((*CONDITIONS, STILL), profile, seed, device, SETTINGS[profile].networks)


def recordings_elsewhere(profile: str, seed: int, device: str) -> dict[str, list[list[dict[str, Any]]]]:
    """The same of another task and of other networks."""
    names = [f"{condition}, {what}" for what in ELSEWHERE for condition in CONDITIONS]
    return _recorded(names, profile, seed, device, SETTINGS[profile].elsewhere)


def _recorded(
    names: Iterable[str], profile: str, seed: int, device: str, count: int
) -> dict[str, list[list[dict[str, Any]]]]:
    settings = SETTINGS[profile]
    if not count:
        return {}
    sizes = settings.recorded_bits, settings.trials, settings.snapshots, seed
    conditions = {c: networks.Recording(settings.conditions[c], *sizes) for c in names}
    found = runs.study(networks.recording, conditions, settings.seeds(seed)[:count], device=device)
    return {condition: [one["rows"] for one in of_one] for condition, of_one in found.items()}


def lesioned(experiment: str, profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """What an experiment of `lesions` finds for each seed."""
    settings = SETTINGS[profile]
    found = lesions.study(settings.lesions, settings.lesioned, settings.seeds(seed), device, experiment)
    return found[experiment]


def matching(profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """What the ablation finds for each seed in networks of delayed match-to-sample; none where a profile lacks them."""
    taught = {condition: f"{condition}, match" for condition in CONDITIONS}
    if _lacks(profile, taught.values()):
        return []
    settings = SETTINGS[profile]
    taught = {condition: settings.conditions[name] for condition, name in taught.items()}
    return lesions.study(settings.lesions, taught, settings.seeds(seed), device, "ablation")["ablation"]


def _trained(profile: str, seed: int, device: str, *conditions: str) -> list[list[networks.TrainedNetwork]]:
    settings = SETTINGS[profile]
    known = {name: settings.conditions[name] for name in conditions if name in settings.conditions}
    found = networks.trained(known, settings.seeds(seed), device) if known else {}
    return [found.get(name, []) for name in conditions]


def _lacks(profile: str, conditions: Iterable[str]) -> bool:
    return not set(conditions) <= set(SETTINGS[profile].conditions)


def _lesioned(profile: str, effect: list[float], control: list[float], reached: Sequence[int] = ()) -> ledger.Measured:
    settings = SETTINGS[profile]
    return _measured(profile, settings.lesioned, effect, control, reached, lesions=asdict(settings.lesions))


def _measured(
    profile: str,
    conditions: Iterable[str],
    effect: list[float],
    control: list[float],
    reached: Sequence[int] = (),
    **sizes: Any,
) -> ledger.Measured:
    """With the settings of what was trained and measured."""
    configs = {name: asdict(SETTINGS[profile].conditions[name]) for name in conditions}
    return ledger.Measured(effect, control, reached, {"conditions": configs} | sizes)
