"""What the claims of the part's claims.toml measure: functions of profile and seed, each of a few claims.

Values are lists with one for each data set or held-out block, of the seeds `seed * n` to `(seed + 1) * n - 1`, where a
run of a chapter has n of them. The studies behind are computed once and kept, so that nothing here runs twice. A claim
whose recording or method a profile lacks has no value there. All runs on the CPU, whatever the device.
"""

import time

import numpy as np
import pandas as pd

from brainlib.ledger import Measured, measures
from chapters.brainstates import chains, demo, fits, priors, states
from chapters.brainstates.demo import EM, OFFICIAL
from chapters.brainstates.priors import PRIORS, difference, ratio, wide
from chapters.brainstates.recordings import STUDIES
from chapters.brainstates.table import KNOWN, THRESHOLDS, TRUE

Values = dict[str, float | list[float]]


# ---- Chapter 1 ----


@measures("H1", "H1-path", "H1b")
def counting(profile: str, seed: int, device: str) -> Values:
    worst = [max(errors) for errors in zip(*chains.counted(seed).values(), strict=True)]
    return dict(zip(("H1", "H1-path", "H1b"), worst, strict=True))


@measures("H1c")
def precision(profile: str, seed: int, device: str) -> Values:
    errors = chains.lost_digits(seed)
    return {"H1c": max(row["shifted"] for name, row in errors.items() if "-200 nats" in name)}


@measures("H1d", "H3", "H3b", "H4", "H4-oracle")
def demonstration(profile: str, seed: int, device: str) -> Values:
    scores = demo.compare(profile, seed)
    naive, gaussian, one_hot = OFFICIAL
    return {
        "H1d": [one["fall"] for one in scores[EM]],
        "H3": demo.lead(scores, gaussian, naive),
        "H3b": demo.lead(scores, one_hot, gaussian),
        "H4": demo.lead(scores, EM, *OFFICIAL),
        "H4-oracle": demo.below_truth(scores, EM),
    }


@measures("H4b")
def seconds_of_em(profile: str, seed: int, device: str) -> Values:
    """Fitted anew: a time that was kept would be another machine's."""
    sizes, seconds = demo.DEMOS[profile], []
    for number in sizes.seeds(seed):
        data = demo.data_set(sizes, number)
        began = time.perf_counter()
        demo.fit_naive(sizes, data, number)
        seconds.append(time.perf_counter() - began)
    return {"H4b": seconds}


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


# ---- Chapter 3: a number a block of time ----


@measures("R1", "R2", "R3")
def held_out(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Leads in bits a spike, for each recording and block; noise of starts alternates in sign."""
    found = {name: models for name, models in fits.fit_all(profile, seed).items() if name in STUDIES[profile]}
    bits, chosen = (fits.table(found, value) for value in ("bits", "chosen"))
    one_hot = bits[fits.ONE_HOT]
    steps = pd.concat((one_hot - bits[fits.GAUSSIAN], bits[fits.GAUSSIAN] - bits[fits.NAIVE]), axis=1).min(axis=1)
    noise = (bits[fits.AGAIN] - one_hot) * (-1.0) ** np.arange(len(bits))
    favourite = chosen[list(fits.RIVALS)].idxmax(axis=1)
    best = pd.Series([bits.at[place, rival] for place, rival in favourite.items()], bits.index)
    lead, shifted = one_hot - bits[fits.GLM_L1], bits[fits.SHIFTED_ONE_HOT] - bits[fits.SHIFTED_GLM]
    leads = {
        "R1": (steps, noise),
        "R2": (lead - shifted.clip(lower=0), noise),
        "R3": (one_hot - best, noise),
    }
    seeds = range(seed * len(bits), (seed + 1) * len(bits))
    settings = fits.described(profile)
    return {claim: Measured(*map(list, both), settings=settings, seeds=seeds) for claim, both in leads.items()}


@measures("B1", "B2")
def behaviour(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What states tell beyond the rate, in every block; and of the labels of shuffled pieces."""
    found, settings = states.told(profile, seed), fits.described(profile)
    own = {"B1": found[states.DOING], "B2": found[states.WHERE]}
    return {
        claim: Measured(
            states.beyond_the_rate(told),
            states.beyond_the_rate(told, others=True),
            settings=settings,
            seeds=fits.blocks(profile, seed),
        )
        for claim, told in own.items()
    }
