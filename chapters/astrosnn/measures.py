"""What the claims of this part measure: for each function the claims, and their values for a profile and a seed.

Long runs are kept (`brainlib.runs.study`). Claims that a profile has no networks for are left out.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

from brainlib import data, ledger
from chapters.astrosnn import cost, equivalence, forgetting, language, language_profiles, lesions, memory, physiology
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.memory import accuracies, lead
from chapters.astrosnn.memory_profiles import FIELD, PLANS, SCALAR

MEMBRANE = 0.02  # s, a usual membrane time constant of cortical neurons

Values = dict[str, float | list[float]]


def three(seed: int) -> range:
    """The seeds of a run of the first chapter."""
    return range(3 * seed, 3 * seed + 3)


@ledger.measures("A1", "A1-gradients", "A1-unit")
def forms(profile: str, seed: int, device: str) -> Values:
    """How far the forms of the astrocyte's memory are from the loops."""
    found = [[d for kind in equivalence.KINDS for d in equivalence.differences(kind, s).values()] for s in three(seed)]
    return {
        "A1": [max(values for values, _ in one) for one in found],
        "A1-gradients": [max(gradients for _, gradients in one) for one in found],
        "A1-unit": [max(equivalence.differing_spikes(kind, of) for kind in equivalence.KINDS) for of in three(seed)],
    }


@ledger.measures("A2", "A2-reset")
def left(profile: str, seed: int, device: str) -> Values:
    """How far what is left of an event is from beta^D and gamma^D, and what a reset leaves."""
    values = {"A2": [], "A2-reset": []}
    for of in three(seed):
        membrane = forgetting.left_in_membrane(of) / forgetting.MEMBRANE_THEORY
        astrocyte = forgetting.left_in_astrocyte(of) / forgetting.ASTROCYTE_THEORY
        values["A2"].append(max(float((ratio - 1).abs().max()) for ratio in (membrane, astrocyte)))
        values["A2-reset"].append(float(forgetting.left_in_membrane(of, spike_at=10)[10:].abs().max()))
    return values


@ledger.measures("A10", "A10-shape", "A10-sum", "A10-messenger", "A10-messenger-sum")
def calcium(profile: str, seed: int, device: str) -> Values:
    """How slow calcium is, and how far it and IP3 are from a decaying sum."""
    found = [physiology.physiology(of) for of in three(seed)]
    return {
        "A10": [one.calcium.time_constant / MEMBRANE for one in found],
        "A10-shape": [one.calcium.straightness for one in found],
        "A10-sum": [one.calcium.superposition for one in found],
        "A10-messenger": [one.ip3.straightness for one in found],
        "A10-messenger-sum": [one.ip3.superposition for one in found],
    }


def remembered(name: str, profile: str, seed: int, device: str) -> tuple[memory.Experiment, pd.DataFrame]:
    """One experiment of the chapter on memory, and its results."""
    plan = PLANS[profile]
    experiment = getattr(plan, name)
    return experiment, memory.tidy(memory.run(experiment, plan.frame, plan.seeds(seed), device))


@ledger.measures("A3", "A3-membrane", "A3-scalar", "A3-field")
def retention(profile: str, seed: int, device: str) -> Values:
    """Accuracies after a delay."""
    experiment, found = remembered("retention", profile, seed, device)
    shortest, longest = min(experiment.values), max(experiment.values)
    return measured(
        {
            "A3": accuracies(found, "AM-SU", longest),
            "A3-membrane": [score - experiment.chance(shortest) for score in accuracies(found, "LIF", shortest)],
            "A3-scalar": lead(found, longest, "AM-SU", SCALAR[1:]),
            "A3-field": lead(found, longest, "AM-SU", FIELD),
        }
    )


@ledger.measures("A3-normalised", "A3-slow", "A3-pilot", "A3-found")
def causes(profile: str, seed: int, device: str) -> Values:
    """What a normalised o and slow decays bring, and what shorter delays in training do."""
    experiment, found = remembered("causes", profile, seed, device)
    single, alone = remembered("causes_alone", profile, seed, device)
    both, *others = experiment.models
    delay = max(single.values)
    together, apart = (accuracies(results, both, delay) for results in (found, alone))
    return measured(
        {
            "A3-normalised": lead(found, max(experiment.tested), both, ["raw, slow"]),
            "A3-slow": lead(found, 2 * max(experiment.values), both, ["normalised, fast"]),
            "A3-pilot": lead(alone, delay, both, others),
            "A3-found": [a - b for a, b in zip(together, apart, strict=False)],
        }
    )


@ledger.measures("A3-digits", "A3-digits-slow")
def digits(profile: str, seed: int, device: str) -> Values:
    """Digits that are read pixel by pixel."""
    _, found = remembered("digits", profile, seed, device)
    margins = [lead(found, order, "AM-SU", ["PLIF"]) for order in ("pixels", "permuted")]
    return measured(
        {
            "A3-digits": lead(found, "pixels", "AM-SU", ["LIF"]),
            "A3-digits-slow": [min(pair) for pair in zip(*margins, strict=False)],
        }
    )


@ledger.measures("A4", "A4-8", "A4-chance")
def pairs(profile: str, seed: int, device: str) -> Values:
    """Associative recall."""
    experiment, found = remembered("pairs", profile, seed, device)
    best = memory.by_seed(found, 4).reindex(columns=list(SCALAR)).max(axis=1)
    return measured(
        {
            "A4": lead(found, 4, "AM-SU", SCALAR),
            "A4-8": lead(found, 8, "AM-SU", SCALAR),
            "A4-chance": (best - experiment.chance(4)).tolist(),
        }
    )


@ledger.measures("A4-state")
def as_much_state(profile: str, seed: int, device: str) -> Values:
    """Associative recall with as much state."""
    experiment, found = remembered("state", profile, seed, device)
    return measured({"A4-state": lead(found, 4, "AM-SU", experiment.models[1:])})


@ledger.measures("A4-copying")
def copying(profile: str, seed: int, device: str) -> Values:
    """Rows of symbols."""
    experiment, found = remembered("copying", profile, seed, device)
    return measured({"A4-copying": lead(found, max(experiment.values), "AM-SU", SCALAR)})


@ledger.measures("A5")
def head_sizes(profile: str, seed: int, device: str) -> Values:
    """Pairs that large and small heads hold."""
    experiment, found = remembered("capacity", profile, seed, device)
    return measured({"A5": lead(found, max(experiment.values), experiment.models[-1], experiment.models[:1])})


@ledger.measures("A5-bare", "A5-delta")
def bare_matrices(profile: str, seed: int, device: str) -> Values:
    """How the pairs that a matrix holds grow with its size, from 8 up."""
    plan = PLANS[profile]
    sizes = [size for size in plan.bare if size >= 8]

    def exponent(rule: str, of: int) -> float:
        return float(np.polyfit(np.log(sizes), np.log([capacity(size, rule, of) for size in sizes]), 1)[0])

    hebbian = [exponent("Hebbian", of) for of in plan.seeds(seed)]
    delta = [exponent("delta", of) for of in plan.seeds(seed)]
    return {"A5-bare": hebbian, "A5-delta": [a - b for a, b in zip(hebbian, delta, strict=True)]}


@ledger.measures("A9", "A9-membrane", "A9-frozen")
def lesion_study(profile: str, seed: int, device: str) -> Values:
    """What lesions take away."""
    plan = PLANS[profile]
    found = lesions.study(plan, plan.seeds(seed), device).values()

    def taken(delay: dict[str, Any], kind: str) -> float:
        half = delay["at"].index(delay["delay"] // 2)
        return delay["none"][half] - delay[kind][half]

    return {
        "A9": [taken(study["delay"], "astrocyte") for study in found],
        "A9-membrane": [taken(study["delay"], "membrane") for study in found],
        "A9-frozen": [lesions.before_less_after(study["pairs"]["frozen"]) for study in found],
    }


@ledger.measures(
    *("A6", "A6-lif", "A6-state", "A6-printed", "A6-spikegpt", "A6-transformer", "A6-context", "A6-lesion"),
    *("A6-repeat", "A6-longer", "A6-larger", "A6-verses", "A8", "A8-energy", "A8-rest"),
)
def text(profile: str, seed: int, device: str) -> Values:
    """Losses on text, and the estimate of energy."""
    plan = language_profiles.PLANS[profile]
    return language.findings(plan, language.run(plan, seed, device)[0])


@ledger.measures("A7", "A7-time", "A7-crossover")
def decoding(profile: str, seed: int, device: str) -> Values:
    """What a byte costs after a short and after a long text, on this machine and now."""
    plan = language_profiles.PLANS[profile]
    return costs(cost.decoding_of(plan, language.run(plan, seed, device)[1]))


def costs(decoded: dict[str, list[dict[str, Any]]]) -> Values:
    """The values of `decoding` from what was timed."""
    ours, theirs = decoded[language.OURS], decoded[language.TRANSFORMER]
    states, times = ([one[name] for one in ours] for name in ("state", "milliseconds"))
    return {
        "A7": max(states) / states[0] - 1,
        "A7-time": max(times) / min(times) - 1,
        "A7-crossover": min(cost.crossover(ours, theirs), 1e9),
    }


@ledger.measures("A7-bytes")
def same_bytes(profile: str, seed: int, device: str) -> Values:
    """Bytes that differ between ways to compute them."""
    plan = language_profiles.PLANS[profile]
    model = language.run(plan, seed, device)[1][language.OURS]
    return {"A7-bytes": differing(cost.written_everywhere(model, PROMPT, plan.written, seed))}


PROMPT = data.encode("ROMEO:\n")[None].long()


def differing(texts: dict[str, torch.Tensor]) -> int:
    """The value of `same_bytes` from what was written."""
    first = next(iter(texts.values()))
    return sum(int((text != first).sum()) for text in texts.values())


def measured(values: dict[str, list[float]]) -> Values:
    """Without the claims that nothing was measured for."""
    return {claim: numbers for claim, numbers in values.items() if numbers}
