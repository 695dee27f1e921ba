"""The values of this part's claims, from studies that are kept."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from brainlib import bdh, data, runs
from brainlib.ledger import Measured, measures
from chapters.bdh import (
    anatomy,
    concepts,
    dictionaries,
    forms,
    recall,
    repetition,
    scaling,
    shakespeare,
    surgery,
    translation,
)
from chapters.bdh.experiments import trained


@measures("B1")
def one_function(profile: str, seed: int, device: str) -> dict[str, float]:
    """The forms of attention."""
    return {"B1": max(forms.attention_forms(seed).values())}


@measures("B2")
def counts(profile: str, seed: int, device: str) -> dict[str, float]:
    """Weights and synapses against their formulas, for the official sizes and the chapter's."""
    configs = (bdh.BDHConfig(), shakespeare.EXPERIMENTS[profile].model)
    return {"B2": sum(forms.miscounted(forms.sizes(config)) for config in configs)}


@measures("S1", "S2", "B5")
def reading_shakespeare(profile: str, seed: int, device: str) -> dict[str, float]:
    """Held-out loss, and the share of y above zero."""
    experiment = shakespeare.EXPERIMENTS[profile]
    model, history = trained(shakespeare.learn, {experiment.text: experiment}, seed, device)[experiment.text]
    text, held_out = shakespeare.read(experiment)
    loss = history.evaluations[-1][1]
    windows, _ = next(data.windows(held_out, 128, 8))
    activity = bdh.record_activity(model, windows.to(model.embedding.device))
    return {
        "S1": loss - shakespeare.bigram_loss(text, held_out),
        "S2": loss,
        "B5": float(bdh.density(activity.y).mean()) * 100,
    }


@measures("B12")
def graph_and_tensors(profile: str, seed: int, device: str) -> dict[str, float]:
    """The forms of the graph."""
    errors, _ = forms.graph_forms(seed)
    return {"B12": max(chain(*(row.values() for row in errors.values())))}


@measures("B3", "B4")
def beside_a_gpt(profile: str, seed: int, device: str) -> dict[str, float]:
    """How the gap changes with size, and what a translation gains the largest BDH."""
    plan = scaling.SCALINGS[profile]
    points = scaling.train_all(plan, scaling.best_rates(scaling.tune(plan, seed, device)), seed, device)
    return {
        "B3": scaling.slope_of_gap(plan, points),
        "B4": scaling.gain_of_translation(points[len(plan.bdh) - 1]),
    }


@measures("B6", "B6b")
def repeating(profile: str, seed: int, device: str) -> dict[str, float]:
    """Layer 2 while a text repeats, less while it is new, and less where nothing repeats."""
    share = repetition.shares(*repetition.readings(profile, seed, device)[1:])
    repeated = share["repeating"][1]
    return {"B6": repeated - share["memorising"][1], "B6b": repeated - share["never repeating"][1]}


@measures("B7", "B7-tail", "B7-degrees")
def wiring(profile: str, seed: int, device: str) -> dict[str, float]:
    """Modularity, skewness and degrees of G."""
    experiment = translation.EXPERIMENTS[profile]
    kept = anatomy.wiring_of(experiment, seed, device)
    tails = [kept["tails"][f"G, trained: {direction}-degree"] for direction in ("out", "in")]
    return {
        "B7": min(min(row[anatomy.MANY]) for row in kept["above baselines"]),
        "B7-tail": float(anatomy.moments(anatomy.animal(experiment, seed, device))["skewness"].min()),
        "B7-degrees": min(tail["against exponential"] for tail in tails),
    }


@measures("B9", "B9b", "B9c")
def merging(profile: str, seed: int, device: str) -> dict[str, float]:
    """The merged model less the clone without the language, and less a merge with such a clone, worse of two."""
    judged = surgery.table(surgery.PLANS[profile], seed, device)
    others = {
        "B9": {"fr→en": "clone: Italian", "it→en": "clone: French"},
        "B9b": {"fr→en": "Italian and Spanish merged", "it→en": "French and Spanish merged"},
        "B9c": {"en→fr": "Italian and Spanish merged", "en→it": "French and Spanish merged"},
    }
    return {claim: max(surgery.merged_less(judged, other).values()) for claim, other in others.items()}


@measures("S4")
def growing(profile: str, seed: int, device: str) -> dict[str, float]:
    """What growing changes."""
    plan = surgery.PLANS[profile]
    base = trained(translation.learn, plan.runs("base"), seed, device)["base"][0]
    return {"S4": surgery.growth_error(plan, base, seed)}


@measures("B10", "B10b")
def without_bptt(profile: str, seed: int, device: str) -> dict[str, float]:
    """English alone against bigrams, and the gain from a translation against that with gradients through time."""
    learned, bigram = surgery.without_bptt(surgery.PLANS[profile], seed, device)
    gain = surgery.gain(learned)
    return {
        "B10": learned["present only"]["en"] - bigram,
        "B10b": gain["present only"] - gain["through time"],
    }


def studied(experiment: Callable[..., dict], plan: Any, profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """What an experiment on memory finds for each model of a run."""
    return runs.study(experiment, {"memory": plan}, memory_seeds(profile, seed), device=device)["memory"]


def memory_seeds(profile: str, seed: int) -> range:
    """Those of the models of one run of the chapter on memory."""
    models = 2 if profile == "ci" else 5
    return range(seed * models, (seed + 1) * models)


@measures("B8")
def concept_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """The worst concept and language."""
    search = concepts.SEARCHES[profile]
    found = studied(concepts.measure, search, profile, seed, device)
    worst = {
        name: [min(concepts.by_concept(one, name).values()) - 0.5 for one in found] for name in ("trained", "untrained")
    }
    reached = [one["fewest"] for one in found]
    return {"B8": Measured(worst["trained"], worst["untrained"], reached, search, memory_seeds(profile, seed))}


@measures("E1")
def edited_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """The swap of two facts."""
    plan = recall.PLANS[profile]
    found = studied(recall.measure_edits, plan, profile, seed, device)
    values = [[recall.worse(one, where) for one in found] for where in ("", ", elsewhere")]
    return {"E1": Measured(*values, [one["right"] for one in found], plan, memory_seeds(profile, seed))}


@measures("M1")
def facts_held(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """How facts held grow with neurons."""
    plan = recall.PLANS[profile]
    found = studied(recall.measure_capacity, plan, profile, seed, device)
    values = [[recall.exponent(plan, one, kind) for one in found] for kind in ("BDH", "same size")]
    return {"M1": Measured(*values, [recall.room(plan, one) for one in found], plan, memory_seeds(profile, seed))}


@measures("B11")
def carried_context(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What carried synapses spare where the dictionary changes rarely, and where it changes with every step."""
    plan = dictionaries.PLANS[profile]
    found = studied(dictionaries.measure, plan, profile, seed, device)
    values = [[dictionaries.gain(one, every) for one in found] for every in plan.every]
    return {"B11": Measured(*values, settings=plan, seeds=memory_seeds(profile, seed))}
