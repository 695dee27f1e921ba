"""What the claims of the part's claims.toml measure: functions of profile and seed, each of a few claims.

Values are lists with one for each data set or held-out block, of the seeds `seed * n` to `(seed + 1) * n - 1`, where a
run of a chapter has n of them. The studies behind are computed once and kept, so that nothing here runs twice. A claim
whose recording or method a profile lacks has no value there. All runs on the CPU, whatever the device.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from brainlib.ledger import Measured, measures
from chapters.brainstates import anatomy, chains, demo, fits, priors, states, synapses, table
from chapters.brainstates.recordings import STUDIES

Values = dict[str, float | list[float]]


# ---- Chapter 1 ----


@measures("G0", "G0-digits")
def chain_checks(profile: str, seed: int, device: str) -> Values:
    worst = max(row["shifted"] for row in chains.lost_digits(seed).values())
    return {"G0": max(chains.missed(seed).values()), "G0-digits": worst}


@measures("G0-em", "G1")
def demonstration(profile: str, seed: int, device: str) -> dict[str, list[float] | Measured]:
    scores = demo.compare(profile, seed)
    settings = {"demo": asdict(demo.DEMOS[profile])}
    return {
        "G0-em": [one["fall"] for one in scores[demo.EM]],
        "G1": Measured(demo.lead(scores), demo.lead(scores, "continued"), settings=settings),
    }


# ---- Chapter 2 ----

CONTESTS = {  # claim: what is compared, its scale, training sequences (0: all), who should lead, and whom
    "P1": ("log_likelihood", 1, 0, "Gaussian, official recipe", "naive, official recipe"),
    "P2": ("log_likelihood", 1, 0, "one-hot, official recipe", "Gaussian, official recipe"),
    "P3": ("states", 100, 0, table.NAIVE, "naive, official recipe"),
    "P4": ("log_likelihood", 1, 0, table.INTEGRATED, table.L1),
    "P5": ("log_likelihood", 1, 0, table.RELAXED, table.L1),
    "P6": ("shared_auc", 1, 0, table.INTEGRATED, table.NAIVE, table.L1, table.GAUSSIAN),
    "P7": ("log_likelihood", 1, 1, table.INTEGRATED, table.NAIVE, table.L1, table.GAUSSIAN),
}


@measures(*CONTESTS)
def contests(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Leads on the brains, and the same on brains that have no connections."""
    plan = priors.PLANS[profile]
    found: dict[str, Measured] = {}
    for claim, (field, scale, few, *methods) in CONTESTS.items():
        tables = (priors.run(name, profile, seed) for name in ("few" if few else "factorial", "unconnected"))
        pair = (
            [scale * x for x in priors.lead(one, field, *methods, value=few or plan.setting.train)] for one in tables
        )
        found[claim] = Measured(*pair, settings=asdict(plan))
    return found


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


@measures("R4", "R5")
def behaviour(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """What states tell beyond the rate, in every block; and of the labels of shuffled pieces."""
    found, settings = states.told(profile, seed), fits.described(profile)
    own = {"R4": found[states.DOING], "R5": found[states.WHERE]}
    return {
        claim: Measured(
            states.beyond_the_rate(told),
            states.beyond_the_rate(told, others=True),
            settings=settings,
            seeds=fits.blocks(profile, seed),
        )
        for claim, told in own.items()
    }


# ---- Chapter 4 ----


@measures("W1")
def followed_distance(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Block by block, the smaller of both retinas' leads. The blocks are the ledger's seeds, whatever the run's."""
    retinas = anatomy.anatomies(profile, seed).values()
    effect, control = ([min(anatomy.lead(b, kind) for b in blocks) for blocks in zip(*retinas, strict=True)]
                       for kind in ("spearman", "shuffled"))  # fmt: skip
    return {"W1": Measured(effect, control, settings=anatomy.PLANS[profile], seeds=range(len(effect)))}


@measures("W2")
def found_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Network by network."""
    plan = synapses.PLANS[profile]
    first = synapses.judged(profile, seed)[plan.conditions[0].name]
    return {"W2": Measured(synapses.lead(first["area"]), synapses.lead(first["rewired"]), settings=plan)}
