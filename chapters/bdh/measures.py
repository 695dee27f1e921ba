"""The values of this part's claims, from studies that are kept."""

from dataclasses import asdict
from itertools import chain

from brainlib import bdh, data, ledger
from brainlib.ledger import measures
from chapters.bdh import anatomy, capacity, forms, repetition, scaling, shakespeare, surgery, translation
from chapters.bdh.cipher_lessons import best_rate, gain, gap_closed, rates, rules
from chapters.bdh.experiments import trained
from chapters.bdh.surgery import PLANS


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


@measures("B13", "B14", "S3")
def facts_held(profile: str, seed: int, device: str) -> dict[str, list[float]]:
    """Exponents of capacity against neurons, for the seed and the two after it."""
    kinds = {"B13": "independent", "B14": "adversarial", "S3": "positive, 25 %"}
    held, sizes = capacity.measure_all(profile, seed, device), capacity.all_memories(profile)["independent"].sizes
    return {claim: [capacity.power_law(sizes, row).exponent for row in held[kind]] for claim, kind in kinds.items()}


@measures("B3", "B4")
def beside_a_gpt(profile: str, seed: int, device: str) -> dict[str, float]:
    """How the gap changes with size, and what a translation gains the largest BDH."""
    plan = scaling.SCALINGS[profile]
    points = scaling.train_all(plan, scaling.best_rates(scaling.tune(plan, seed, device)), seed, device)
    return {
        "B3": scaling.slope_of_gap(plan, points),
        "B4": scaling.gain_of_translation(points[len(plan.bdh) - 1]),
    }


@measures("B11")
def long_context(profile: str, seed: int, device: str) -> dict[str, float]:
    """What context beyond a step is worth where synapses are carried and fade."""
    plan = scaling.SCALINGS[profile]
    rate = scaling.best_rates(scaling.tune(plan, seed, device))["BDH"]
    losses = scaling.losses_by_context(plan, rate, seed, device)
    return {"B11": scaling.gain_of_context(losses)["carried, fading"]}


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


@measures("B8")
def concept_synapses(profile: str, seed: int, device: str) -> dict[str, float]:
    """The larger p of both languages, best of the concepts, times their number."""
    rows, _ = anatomy.concepts_of(translation.EXPERIMENTS[profile], seed, device)
    return {"B8": min(1.0, len(rows) * min(max(row["p"], row["p, Spanish"]) for row in rows))}


@measures("C1", "C2")
def paths_of_credit(profile: str, seed: int, device: str) -> dict[str, ledger.Measured]:
    """What a translation spares by the rules of credit, and where it translates another sentence."""
    plan = PLANS[profile]
    found = rules(plan, seed, device)
    gains, mismatched = (
        [{rule: gain(losses, prefix) for rule, losses in one.items()} for one in found]
        for prefix in ("", "mismatched ")
    )
    lost, nothing = ([one["through time"] - one["present only"] for one in own] for own in (gains, mismatched))
    keys, values = ([gap_closed(one, f"through {path}") - 0.5 for one in gains] for path in ("keys", "values"))
    settings = {"plan": asdict(plan), "rates": rates(plan, device)}
    return {
        "C1": ledger.Measured(lost, nothing, settings=settings),
        "C2": ledger.Measured(keys, values, reached=lost, settings=settings),
    }


@measures("C3")
def merging(profile: str, seed: int, device: str) -> dict[str, ledger.Measured]:
    """What a merge keeps of two languages, and what a merge with a clone that was not taught one of them."""
    plan = PLANS[profile]
    rate = best_rate(plan, "through time", device)
    judged = [surgery.merging(plan, rate, one, device) for one in plan.seeds(seed)]
    both = ([surgery.kept(one, merges) for one in judged] for merges in (surgery.MERGED, surgery.UNTAUGHT))
    return {"C3": ledger.Measured(*both, settings={"plan": asdict(plan), "rate": rate})}
