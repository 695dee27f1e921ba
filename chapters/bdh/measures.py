"""The values of this part's claims, from studies that are kept."""

from itertools import chain

from brainlib import bdh, data
from brainlib.ledger import Measured, measures
from chapters.bdh import anatomy, capacity, forms, repetition, scaling, shakespeare, surgery, translation
from chapters.bdh.experiments import trained


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


@measures("B5")
def firing(profile: str, seed: int, device: str) -> dict[str, float]:
    """The share of y above zero."""
    experiment = shakespeare.EXPERIMENTS[profile]
    model, _ = trained(shakespeare.learn, {experiment.text: experiment}, seed, device)[experiment.text]
    windows, _ = next(data.windows(shakespeare.read(experiment)[1], 128, 8))
    activity = bdh.record_activity(model, windows.to(model.embedding.device))
    return {"B5": float(bdh.density(activity.y).mean()) * 100}


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
