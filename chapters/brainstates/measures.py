"""What the claims of the part's claims.toml measure: functions of profile and seed, each of a few claims.

Values are lists with one for each data set or held-out block, of the seeds `seed * n` to `(seed + 1) * n - 1`, where a
run of a chapter has n of them. The studies behind are computed once and kept, so that nothing here runs twice. A claim
whose recording or method a profile lacks has no value there. All runs on the CPU, whatever the device.
"""

from dataclasses import asdict
from statistics import fmean

from brainlib.ledger import Measured, measures
from chapters.brainstates import anatomy, chains, demo, priors, states
from chapters.brainstates.fits import BASELINES, best, favourites, fit_all, lead, numbers
from chapters.brainstates.priors import PRIORS, difference, ratio, wide
from chapters.brainstates.table import KNOWN, THRESHOLDS, TRUE

Values = dict[str, float | list[float]]


def less(first: list[float], second: list[float]) -> list[float]:
    return [a - b for a, b in zip(first, second, strict=True)]


# ---- Chapter 1 ----


@measures("G0", "G0-digits")
def chain_checks(profile: str, seed: int, device: str) -> Values:
    worst = max(row["shifted"] for row in chains.lost_digits(seed).values())
    return {"G0": max(chains.missed(seed).values()), "G0-digits": worst}


@measures("G0-em", "G1", "G2")
def demonstration(profile: str, seed: int, device: str) -> dict[str, list[float] | Measured]:
    scores, naive = demo.compare(profile, seed), next(iter(demo.OFFICIAL))
    settings = {"demo": asdict(demo.DEMOS[profile])}
    forgets = (demo.recency(scores, method) for method in (naive, demo.EM))
    return {
        "G0-em": [one["fall"] for one in scores[demo.EM]],
        "G1": Measured(demo.lead(scores), demo.lead(scores, "continued"), settings=settings),
        "G2": Measured(*forgets, settings=settings),
    }


# ---- Chapter 2 ----


@measures("H2-printed")
def oracle(profile: str, seed: int, device: str) -> Values:
    return {"H2-printed": wide(priors.run("oracle", profile, seed), "accuracy")[""].loc[1.225].tolist()}


@measures("H2-ll", "H2-ll-naive", "H2-gaussian", "H2-glm", "H2-oracle", "H2-states", "H2-states-naive")
@measures("H2-states-rates", "H2-weights", "H2-weights-gaussian", "H2-adjacency", "H2-adjacency-size", "H2-prior")
@measures("H2-prior-size", "H6", "H7-sign", "H7-strength", "H7-strong", "H7-weak", "H13", "H13-best")
def table_1(profile: str, seed: int, device: str) -> Values:
    table = priors.run("table", profile, seed)
    states, adjacency, prior, by_threshold = (
        wide(table, field) for field in ("accuracy", "adjacency", "prior_adjacency", "by_threshold")
    )
    peaks, half = by_threshold["GHG"].map(max), by_threshold["GHG"].str[THRESHOLDS.index(0.5)]
    others = ("GLM", "HMM Corr", "HG", "HG-L1", "GHG", "GHG-L1")
    found = {
        "H2-ll": difference(table, "log_likelihood", "OHG", *others),
        "H2-ll-naive": difference(table, "log_likelihood", "OHG", "HG"),
        "H2-gaussian": difference(table, "log_likelihood", "GHG", "HG"),
        "H2-glm": difference(table, "log_likelihood", "HG", "GLM"),
        "H2-oracle": states[TRUE],
        "H2-states": 100 * (states["OHG"] - states["HG"]),
        "H2-states-naive": 100 * states["HG"],
        "H2-weights": ratio(table, "error", "OHG", "HG"),
        "H2-weights-gaussian": ratio(table, "error", "OHG", *others),
        "H2-adjacency": 100 * (adjacency["OHG"] - adjacency["HG"]),
        "H2-adjacency-size": 100 * adjacency["OHG"],
        "H2-prior": 100 * (prior["OHG"] - prior["HG"]),
        "H2-prior-size": 100 * prior["OHG"],
        "H6": difference(table, "prior_roc", "OHG", "HG"),
        "H7-sign": wide(table, "sign")["OHG"],
        "H7-strength": wide(table, "correlation")["OHG"],
        "H7-weak": 100 * adjacency[KNOWN],
        "H13": 100 * (peaks - half),
        "H13-best": 100 * (adjacency["OHG"] - peaks),
    }
    if "HMM Bern" in states:
        found["H2-states-rates"] = 100 * (states["HMM Bern"] - states["HG"])
    return {claim: values.tolist() for claim, values in found.items()} | {"H7-strong": priors.strong(table)}


@measures("H5", "H5-gaussian", "H5-states", "H5-fades")
def few_sequences(profile: str, seed: int, device: str) -> Values:
    trials = priors.run("trials", profile, seed)
    one_hot, gaussian = (difference(trials, "log_likelihood", m, "HG").unstack("seed") for m in ("OHG", "GHG"))
    states = difference(trials, "accuracy", "OHG", "HG").unstack("seed")
    found = {
        "H5": one_hot.loc[1],
        "H5-gaussian": gaussian.loc[1],
        "H5-states": 100 * states.iloc[:2].mean(),
        "H5-fades": one_hot.iloc[-1] / one_hot.loc[1],
    }
    return {claim: values.tolist() for claim, values in found.items()}


@measures("H11", "H11-ll")
def more_neurons(profile: str, seed: int, device: str) -> Values:
    neurons = priors.run("neurons", profile, seed)
    states = 100 * wide(neurons, "accuracy")["GHG"].unstack("seed")
    behind = difference(neurons, "log_likelihood", "OHG", TRUE).unstack("seed")
    behind = behind.div(behind.index, axis=0)  # a neuron
    most = states.index[-1]
    middle = states[(states.index / most >= 0.5) & (states.index / most <= 2 / 3)].mean()
    return {"H11": (states.loc[most] - middle).tolist(), "H11-ll": (behind.iloc[-1] - behind.iloc[0]).tolist()}


@measures("H12", "H12-weights")
def groups(profile: str, seed: int, device: str) -> Values:
    found = priors.run("groups", profile, seed)
    steps = [difference(found, "log_likelihood", *pair) for pair in (("OHG", "GHG"), ("GHG", "HG"))]
    return {
        "H12": steps[0].where(steps[0] < steps[1], steps[1]).tolist(),
        "H12-weights": ratio(found, "error", "OHG", "GHG", "HG").tolist(),
    }


@measures("H14", "H14-bic-sim")
def number_of_states(profile: str, seed: int, device: str) -> Values:
    found, true = priors.run("states", profile, seed), PRIORS[profile]["states"].setting.states
    return {
        "H14": [n - true for n in priors.chosen_states(found, "one_hot")],
        "H14-bic-sim": [n - true for n in priors.chosen_states(found, "bic")],
    }


# ---- Chapter 3 ----

HELD_OUT = {  # claim: recording, one model and the others; a family alone has its best number of states
    "H8": ("waves", "OHG", BASELINES),
    "H8b": ("waves", ("HG", 1), BASELINES),
    "H8-ko": ("knock-out", "OHG", BASELINES),
    "H8b-ko": ("knock-out", ("HG", 1), BASELINES),
    "H8-hc": ("hippocampus", "OHG", BASELINES),
    "H8b-hc": ("hippocampus", ("HG", 1), BASELINES),
    "H8c": ("waves", "OHG", ("OHG", 1)),
    "H8d": ("waves", "HG", ("Poisson HMM",)),
}


def rivals(claim: str, rows: list[dict]) -> tuple[tuple[str, int], tuple[str, int]]:
    """The two models, family and states, that a claim of `HELD_OUT` compares."""
    _, one, others = HELD_OUT[claim]
    one = best(rows, (one,)) if isinstance(one, str) else one
    return one, others if isinstance(others[-1], int) else best(rows, others)


@measures(*HELD_OUT, "H14-real", "H14-coupled", "H14-bic")
def held_out(profile: str, seed: int, device: str) -> Values:
    tables = {name: fits.table() for name, fits in fit_all(profile, seed).items()}
    waves = tables["waves"]
    plain = favourites(waves, "Poisson HMM")
    compared = {claim: tables[name] for claim, (name, *_) in HELD_OUT.items() if name in tables}
    return {claim: lead(rows, *rivals(claim, rows)) for claim, rows in compared.items()} | {
        "H14-real": plain,
        "H14-coupled": favourites(waves, "GHG"),
        "H14-bic": less(favourites(waves, "Poisson HMM", "bic"), plain),
    }


@measures("H10", "H10b", "H10c")
def wave_states(profile: str, seed: int, device: str) -> Values:
    waves = states.waves(fit_all(profile, seed)["waves"], seed)
    return {
        "H10": [block["phi"] for block in waves["Poisson HMM"]],
        "H10b": [block["phi"] for block in waves["GHG"]],
        "H10c": [block["wave_ms"] / block["silence_ms"] for block in waves["Poisson HMM"]],
    }


@measures("H14-place")
def places(profile: str, seed: int, device: str) -> Values:
    fits = fit_all(profile, seed)["waves"]
    most = max(numbers(fits.table(), "Poisson HMM"))
    return {"H14-place": [fmean(states.places(fits, most, k)[1]) for k in fits.setting.splits(seed)]}


@measures("H15", "H15-track")
def behaviour(profile: str, seed: int, device: str) -> Values:
    found = states.behaviour(fit_all(profile, seed)["hippocampus"], seed)
    beyond = {question: less(found["told"][question], found["other pieces"][question]) for question in found["told"]}
    return {"H15": beyond[states.THREE], "H15-track": beyond[states.TWO]}


@measures("H9", "H9b", "H9c", "H9d")
def distance(profile: str, seed: int, device: str) -> Values:
    found = anatomy.anatomies(profile, seed)["waves"].values()
    return {
        "H9": [one.lead(anatomy.ONE_HOT, anatomy.RAW)[2] for one in found],
        "H9b": [one.lead(anatomy.ONE_HOT, anatomy.NAIVE)[2] for one in found],
        "H9c": [one.weakest(anatomy.WITHIN) for one in found],
        "H9d": [one.weakest(anatomy.OF_STATE) for one in found],
    }


@measures("H8-ks")
def rescaling(profile: str, seed: int, device: str) -> Values:
    found = states.rescaling(profile, seed)
    return {"H8-ks": less(found["GLM"], found["GHG, 2 states"])}
