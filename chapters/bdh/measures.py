"""The values of this part's claims, from studies that are kept."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from brainlib import runs
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
)
from chapters.bdh.cipher_lessons import alone, best_rate, gain, gap_closed, rates, rules
from chapters.bdh.experiments import trained
from chapters.bdh.surgery import PLANS


@measures("B1")
def one_function(profile: str, seed: int, device: str) -> dict[str, float]:
    """The forms of attention."""
    return {"B1": max(forms.attention_forms(seed).values())}


@measures("S2")
def reading_shakespeare(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """How far the held-out loss lies below 1.5; only the model of `laptop` has the size that the claim names."""
    if profile != "laptop":
        return {}
    experiment = shakespeare.EXPERIMENTS[profile]
    _, history = trained(shakespeare.learn, {experiment.text: experiment}, seed, device)[experiment.text]
    bigram = shakespeare.bigram_loss(*shakespeare.read(experiment))
    return {"S2": Measured(1.5 - history.evaluations[-1][1], control=1.5 - bigram, settings=experiment)}


@measures("B12")
def graph_and_tensors(profile: str, seed: int, device: str) -> dict[str, float]:
    """The forms of the graph, and a layer of few synapses."""
    errors, _ = forms.graph_forms(seed)
    return {"B12": max(forms.few_synapses(seed)["difference"], *chain(*(row.values() for row in errors.values())))}


@measures("B3", "B3s", "B3c")
def beside_a_gpt(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """The gap at the largest size and its slope at equal bytes, and the GPT's smaller lead at equal cost."""
    plan = scaling.SCALINGS[profile]
    return measured_scaling(scaling.compare(plan, seed, device), {"scaling": asdict(plan)})


def measured_scaling(rows: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Measured]:
    """Of the rows that `scaling.compare` gives."""
    bdh, gpt, *longer = (scaling.losses(rows, family) for family in scaling.FAMILIES)
    lead = np.minimum(*((bdh - other).iloc[:, -1] for other in longer))
    other_seeds, longer_seeds = alternating(bdh), alternating(longer[0])
    found = {
        "B3": ((gpt - bdh).iloc[:, -1], other_seeds.iloc[:, -1]),
        "B3s": (scaling.slopes(gpt - bdh), scaling.slopes(other_seeds)),
        "B3c": (lead, longer_seeds.iloc[:, -1]),
    }
    seeds = list(bdh.index)
    return {claim: Measured(*map(list, both), settings=settings, seeds=seeds) for claim, both in found.items()}


def alternating(by_seed: pd.DataFrame) -> pd.DataFrame:
    """The next seed's row less its own, after the last the first; every second one the other way round."""
    signs = (-1.0) ** np.arange(len(by_seed))[:, None]
    return signs * (np.roll(by_seed, -1, axis=0) - by_seed)


@measures("B5", "B7", "B7d")
def anatomy_of_shakespeare(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Density of y, modularity and hubs of G, after training and before."""
    settings, found = anatomy.ANATOMIES[profile], anatomy.studied(profile, seed, device)

    def measured(measure: Callable[[dict, str], float], after: str, before: str) -> Measured:
        values = [[measure(one, which) for one in found] for which in (after, before)]
        return Measured(*values, settings=asdict(settings))

    def modular(one: dict, graph: str) -> float:
        return anatomy.above_baselines(one, graph, settings.per_neuron)

    return {
        "B5": measured(anatomy.density_from_paper, "Shakespeare, trained", "Shakespeare, untrained"),
        "B7": measured(modular, anatomy.TRAINED, anatomy.UNTRAINED),
        "B7d": measured(anatomy.hubs, anatomy.TRAINED, anatomy.UNTRAINED),
    }


@measures("B6")
def repeating(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """By how much fewer neurons speak where a text repeats, beyond what differs before it does."""
    found = repetition.studied(profile, seed, device)
    first, later = (
        np.array([repetition.silenced(one, where)[repetition.LAYER] for one in found])
        for where in (repetition.MEMORISING, repetition.REPEATING)
    )
    reached = [repetition.learned(one) for one in found]
    return {"B6": Measured(later - first, first, reached, settings=asdict(repetition.REPETITIONS[profile]))}


@measures("C1", "C2")
def paths_of_credit(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What a translation spares by the rules of credit, and what words alone cost; no cipher has the paper's size."""
    if profile == "paper":
        return {}
    plan = PLANS[profile]
    found = rules(plan, seed, device)
    gains = [{rule: gain(losses) for rule, losses in one.items()} for one in found]
    lost = [one["through time"] - one["present only"] for one in gains]
    less = [alone(one["present only"]) - alone(one["through time"]) for one in found]
    keys, values = ([gap_closed(one, f"through {path}") - 0.5 for one in gains] for path in ("keys", "values"))
    settings = {"plan": asdict(plan), "rates": rates(plan, device)}
    return {
        "C1": Measured(lost, less, settings=settings),
        "C2": Measured(keys, values, reached=lost, settings=settings),
    }


@measures("C3")
def merging(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What a merge keeps of two languages, and what a merge with a clone that was not taught one of them; no cipher has
    the paper's size."""
    if profile == "paper":
        return {}
    plan = PLANS[profile]
    rate = best_rate(plan, "through time", device)
    judged = [surgery.merging(plan, rate, one, device) for one in plan.seeds(seed)]
    both = ([surgery.kept(one, merges) for one in judged] for merges in (surgery.MERGED, surgery.UNTAUGHT))
    return {"C3": Measured(*both, settings={"plan": asdict(plan), "rate": rate})}


def studied(experiment: Callable[..., dict], plan: Any, profile: str, seed: int, device: str) -> list[dict[str, Any]]:
    """What an experiment on memory finds for each model of a run."""
    return runs.study(experiment, {"memory": plan}, memory_seeds(profile, seed), device=device)["memory"]


def memory_seeds(profile: str, seed: int) -> range:
    """Those of the models of one run of the chapter on memory."""
    models = 2 if profile == "ci" else 5
    return range(seed * models, (seed + 1) * models)


@measures("B8")
def concept_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """The worst concept and language; of the better of two controls."""
    search = concepts.SEARCHES[profile]
    found = studied(concepts.measure, search, profile, seed, device)
    synapse, *others = (
        np.array([min(concepts.by_concept(one, judge).values()) - 0.5 for one in found]) for judge in concepts.JUDGES
    )
    reached = [one["fewest"] for one in found]
    return {"B8": Measured(synapse, np.maximum(*others), reached, search, memory_seeds(profile, seed))}


@measures("E1")
def edited_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """The swap of two facts."""
    plan = recall.PLANS[profile]
    found = studied(recall.measure_edits, plan, profile, seed, device)
    values = [[recall.worse(one, where) for one in found] for where in ("", ", elsewhere")]
    return {"E1": Measured(*values, [one["right"] for one in found], plan, memory_seeds(profile, seed))}


@measures("M1")
def facts_held(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """How many more facts the GPT holds, and how they differ between BDHs of two seeds."""
    plan = recall.PLANS[profile]
    found = studied(recall.measure_capacity, plan, profile, seed, device)
    bdh, gpt = (
        np.log(pd.DataFrame([recall.facts_held(plan, one, family) for one in found]))
        for family in (recall.BDHS, recall.GPTS)
    )
    values = [list(leads.mean(axis=1)) for leads in (gpt - bdh, alternating(bdh))]
    return {"M1": Measured(*values, [recall.room(plan, one) for one in found], plan, memory_seeds(profile, seed))}


@measures("B11")
def carried_context(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What carried synapses spare where the dictionary changes rarely, and where it changes with every step."""
    plan = dictionaries.PLANS[profile]
    found = studied(dictionaries.measure, plan, profile, seed, device)
    values = [[dictionaries.gain(one, every) for one in found] for every in plan.every]
    return {"B11": Measured(*values, settings=plan, seeds=memory_seeds(profile, seed))}
