"""What the claims of this part measure: for each function the claims, and their values for a profile and a seed.

Long runs are kept (`brainlib.runs.study`). Claims that a profile has no networks for are left out.
"""

import torch

from brainlib import data, ledger
from brainlib.arguments import seeded
from chapters.astrosnn import cost, equivalence, forgetting, language, language_profiles, lesions, memory, physiology
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.language_results import findings
from chapters.astrosnn.memory_profiles import PLANS, SCALAR
from chapters.astrosnn.memory_results import accuracies, exponent, lead

FIELD = ("SpikeGPT", "RWKV", "GRU", "transformer")
MEMBRANE = 0.02  # s, a usual membrane time constant of cortical neurons

Values = dict[str, float | list[float]]


def three(seed: int) -> range:
    """The seeds of a run of the first chapter."""
    return range(3 * seed, 3 * seed + 3)


@ledger.measures("A1", "A1-gradients", "A1-unit")
def forms(profile: str, seed: int, device: str) -> Values:
    """How far the forms of the astrocyte's memory are from the loops."""
    values = {"A1": [], "A1-gradients": [], "A1-unit": []}
    for of in three(seed):
        found = [one for forms in equivalence.compared(of).values() for one in forms.values()]
        values["A1"].append(max(max(one.values, one.split) for one in found))
        values["A1-gradients"].append(max(one.gradients for one in found))
        spikes = [equivalence.differing_spikes(unit, seeded(of)) for unit in equivalence.UNITS]
        values["A1-unit"].append(max(max(one.values()) for one in spikes))
    return values


@ledger.measures("A2", "A2-reset")
def left(profile: str, seed: int, device: str) -> Values:
    """How far what is left of an event is from beta^D and gamma^D, and what a reset leaves."""
    found = [forgetting.left(of) for of in three(seed)]
    return {"A2": [one.error for one in found], "A2-reset": [one.after_spike for one in found]}


@ledger.measures("A10", "A10-shape", "A10-sum", "A10-messenger", "A10-messenger-sum")
def calcium(profile: str, seed: int, device: str) -> Values:
    """How slow calcium is, and how far it and IP3 are from a decaying sum."""
    found = [physiology.physiology(of) for of in three(seed)]
    return {
        "A10": [one.calcium.fall.time_constant / MEMBRANE for one in found],
        "A10-shape": [one.calcium.fall.straightness for one in found],
        "A10-sum": [one.calcium.superposition for one in found],
        "A10-messenger": [one.ip3.fall.straightness for one in found],
        "A10-messenger-sum": [one.ip3.superposition for one in found],
    }


def remembered(name: str, profile: str, seed: int, device: str) -> dict:
    """The results of one experiment of the chapter on memory."""
    plan = PLANS[profile]
    return memory.run(getattr(plan, name), plan.frame, plan.seeds(seed), device)


@ledger.measures("A3", "A3-membrane", "A3-scalar", "A3-field")
def retention(profile: str, seed: int, device: str) -> Values:
    """Accuracies after a delay."""
    experiment, found = PLANS[profile].retention, remembered("retention", profile, seed, device)
    shortest, longest = min(experiment.values), max(experiment.values)
    chance = memory.chances(experiment)[str(shortest)]
    return measured(
        {
            "A3": accuracies(found, "AM-SU", longest),
            "A3-membrane": [score - chance for score in accuracies(found, "LIF", shortest)],
            "A3-scalar": lead(found, longest, "AM-SU", SCALAR[1:]),
            "A3-field": lead(found, longest, "AM-SU", FIELD),
        }
    )


@ledger.measures("A3-normalised", "A3-slow", "A3-pilot", "A3-found")
def causes(profile: str, seed: int, device: str) -> Values:
    """What a normalised o and slow decays bring, and what shorter delays in training do."""
    plan = PLANS[profile]
    found, alone = (remembered(name, profile, seed, device) for name in ("causes", "causes_alone"))
    both, *others = plan.causes.models
    single = max(plan.causes_alone.values)
    together, apart = (accuracies(results, both, single) for results in (found, alone))
    return measured(
        {
            "A3-normalised": lead(found, max(plan.causes.tested), both, ["raw, slow"]),
            "A3-slow": lead(found, 2 * max(plan.causes.values), both, ["normalised, fast"]),
            "A3-pilot": lead(alone, single, both, others),
            "A3-found": [a - b for a, b in zip(together, apart, strict=False)],
        }
    )


@ledger.measures("A3-digits", "A3-digits-slow")
def digits(profile: str, seed: int, device: str) -> Values:
    """Digits that are read pixel by pixel."""
    found = remembered("digits", profile, seed, device)
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
    experiment, found = PLANS[profile].pairs, remembered("pairs", profile, seed, device)
    chance = memory.chances(experiment)["4"]
    best = zip(*(scores for name in SCALAR if (scores := accuracies(found, name, 4))), strict=True)
    return measured(
        {
            "A4": lead(found, 4, "AM-SU", SCALAR),
            "A4-8": lead(found, 8, "AM-SU", SCALAR),
            "A4-chance": [max(scores) - chance for scores in best],
        }
    )


@ledger.measures("A4-state")
def as_much_state(profile: str, seed: int, device: str) -> Values:
    """Associative recall with as much state."""
    found = remembered("state", profile, seed, device)
    return measured({"A4-state": lead(found, 4, "AM-SU", [name for name in found if name != "AM-SU"])})


@ledger.measures("A4-copying")
def copying(profile: str, seed: int, device: str) -> Values:
    """Rows of symbols."""
    row = max(PLANS[profile].copying.values)
    return measured({"A4-copying": lead(remembered("copying", profile, seed, device), row, "AM-SU", SCALAR)})


@ledger.measures("A5")
def head_sizes(profile: str, seed: int, device: str) -> Values:
    """Pairs that large and small heads hold."""
    experiment, found = PLANS[profile].capacity, remembered("capacity", profile, seed, device)
    smallest, *_, largest = sorted(experiment.models, key=lambda name: int(name.split()[-1]))
    return measured({"A5": lead(found, max(experiment.values), largest, [smallest])})


@ledger.measures("A5-bare", "A5-delta")
def bare_matrices(profile: str, seed: int, device: str) -> Values:
    """How the pairs that a matrix holds grow with its size, from 8 up."""
    plan = PLANS[profile]
    sizes = [size for size in plan.bare if size >= 8]
    hebbian, delta = (
        [exponent(sizes, [capacity(size, rule, of) for size in sizes]) for of in plan.seeds(seed)]
        for rule in ("Hebbian", "delta")
    )
    return {"A5-bare": hebbian, "A5-delta": [a - b for a, b in zip(hebbian, delta, strict=True)]}


@ledger.measures("A9", "A9-membrane", "A9-frozen")
def lesion_study(profile: str, seed: int, device: str) -> Values:
    """What lesions take away."""
    plan = PLANS[profile]
    found = lesions.study(plan, plan.seeds(seed), device).values()
    half = [study["delay"]["at"].index(study["delay"]["delay"] // 2) for study in found]
    values = {
        claim: [s["delay"]["none"][at] - s["delay"][kind][at] for s, at in zip(found, half, strict=True)]
        for claim, kind in (("A9", "astrocyte"), ("A9-membrane", "membrane"))
    }
    return values | {"A9-frozen": [lesions.before_less_after(study["pairs"]["frozen"]) for study in found]}


@ledger.measures(
    *("A6", "A6-lif", "A6-state", "A6-printed", "A6-spikegpt", "A6-transformer", "A6-context", "A6-lesion"),
    *("A6-repeat", "A6-longer", "A6-larger", "A6-verses", "A8", "A8-energy", "A8-rest"),
)
def text(profile: str, seed: int, device: str) -> Values:
    """Losses on text, and the estimate of energy."""
    plan = language_profiles.PLANS[profile]
    return findings(plan, language.run(plan, seed, device)[0])


@ledger.measures("A7", "A7-time", "A7-crossover")
def decoding(profile: str, seed: int, device: str) -> Values:
    """What a byte costs after a short and after a long text, on this machine and now."""
    plan = language_profiles.PLANS[profile]
    return costs(cost.decoding_of(plan, language.run(plan, seed, device)[1]))


def costs(decoded: dict[str, list[cost.Decoding]]) -> Values:
    """The values of `decoding` from what was timed."""
    ours, theirs = decoded["AM-SU"], decoded["transformer, GELU"]
    states, times = [d.state for d in ours], [d.milliseconds for d in ours]
    return {
        "A7": max(states) / states[0] - 1,
        "A7-time": max(times) / min(times) - 1,
        "A7-crossover": min(cost.crossover(ours, theirs, "milliseconds"), 1e9),
    }


@ledger.measures("A7-bytes")
def same_bytes(profile: str, seed: int, device: str) -> Values:
    """Bytes that differ between ways to compute them."""
    plan = language_profiles.PLANS[profile]
    model = language.run(plan, seed, device)[1]["AM-SU"]
    return {"A7-bytes": differing(cost.written_everywhere(model, PROMPT, plan.written, seed))}


PROMPT = data.encode("ROMEO:\n")[None].long()


def differing(texts: dict[str, torch.Tensor]) -> int:
    """The value of `same_bytes` from what was written."""
    first = next(iter(texts.values()))
    return sum(int((text != first).sum()) for text in texts.values())


def measured(values: dict[str, list[float]]) -> Values:
    """Without the claims that nothing was measured for."""
    return {claim: numbers for claim, numbers in values.items() if numbers}
