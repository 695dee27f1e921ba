"""What the claims of this part measure: for each function the claims, and their values for a profile and a seed.

Long runs are kept (`brainlib.runs.study`). Claims that a profile has no networks for are left out.
"""

from typing import Any

import numpy as np
import torch

from brainlib import data, ledger
from chapters.astrosnn import cost, equivalence, forgetting, language, language_profiles, lesions, memory, physiology
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.memory import accuracies, lead
from chapters.astrosnn.memory_profiles import AS_MUCH_STATE, FIELD, PLANS, SCALAR
from chapters.astrosnn.networks import CAUSES

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


@ledger.measures(
    *("A3", "A3-membrane", "A3-scalar", "A3-field", "A3-normalised", "A3-slow", "A3-pilot", "A3-found"),
    *("A3-digits", "A3-digits-slow", "A4", "A4-8", "A4-chance", "A4-state", "A4-copying", "A5"),
)
def remembered(profile: str, seed: int, device: str) -> Values:
    """Accuracies in the tasks of memory, or by how much one memory leads the best of others, seed by seed."""
    plan = PLANS[profile]
    found = {name: memory.run(one, plan.frame, plan.seeds(seed), device) for name, one in plan.experiments.items()}
    tables = {name: memory.tidy(results) for name, results in found.items()}
    (both, *others), heads = CAUSES, plan.capacity.models
    taught, single = plan.retention.values, max(plan.causes_alone.values)
    leads = {
        "A3-scalar": ("retention", max(taught), "AM-SU", SCALAR[1:]),
        "A3-field": ("retention", max(taught), "AM-SU", FIELD),
        "A3-normalised": ("causes", max(plan.causes.tested), both, ["raw, slow"]),
        "A3-slow": ("causes", 2 * max(plan.causes.values), both, ["normalised, fast"]),
        "A3-pilot": ("causes_alone", single, both, others),
        "A3-digits": ("digits", "pixels", "AM-SU", ["LIF"]),
        "A4": ("pairs", 4, "AM-SU", SCALAR),
        "A4-8": ("pairs", 8, "AM-SU", SCALAR),
        "A4-state": ("state", 4, "AM-SU", AS_MUCH_STATE),
        "A4-copying": ("copying", max(plan.copying.values), "AM-SU", SCALAR),
        "A5": ("capacity", max(plan.capacity.values), heads[-1], heads[:1]),
    }
    values = {claim: lead(tables[name], *compared) for claim, (name, *compared) in leads.items()}
    shortest, chance = accuracies(tables["retention"], "LIF", min(taught)), plan.retention.chance(min(taught))
    together, alone = (accuracies(tables[name], both, single) for name in ("causes", "causes_alone"))
    by_order = [lead(tables["digits"], order, "AM-SU", ["PLIF"]) for order in ("pixels", "permuted")]
    best = memory.by_seed(tables["pairs"], 4).reindex(columns=list(SCALAR)).max(axis=1)
    values |= {
        "A3": accuracies(tables["retention"], "AM-SU", max(taught)),
        "A3-membrane": [score - chance for score in shortest],
        "A3-found": [a - b for a, b in zip(together, alone, strict=False)],
        "A3-digits-slow": [min(pair) for pair in zip(*by_order, strict=False)],
        "A4-chance": (best - plan.pairs.chance(4)).tolist(),
    }
    return {claim: numbers for claim, numbers in values.items() if numbers}


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
    return costs(cost.decoding(plan, language.run(plan, seed, device)[1]))


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
