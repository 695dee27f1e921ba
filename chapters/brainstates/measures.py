"""What the claims of the part's claims.toml measure: functions of profile and seed, each of a few claims.

Values are lists with one for each data set or held-out block, of the seeds `seed * n` to `(seed + 1) * n - 1`, where a
run of a chapter has n of them. The studies behind are computed once and kept, so that nothing here runs twice. A claim
whose recording or method a profile lacks has no value there. All runs on the CPU, whatever the device.
"""

import time
from dataclasses import asdict
from statistics import fmean

from brainlib.ledger import Measured, measures
from chapters.brainstates import anatomy, chains, demo, priors, states, synapses, table
from chapters.brainstates.demo import EM, OFFICIAL
from chapters.brainstates.fits import BASELINES, best, favourites, fit_all, lead, numbers
from chapters.brainstates.rivals import DIRICHLET

Values = dict[str, float | list[float]]


def less(first: list[float], second: list[float]) -> list[float]:
    return [a - b for a, b in zip(first, second, strict=True)]


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


@measures("H8-ks")
def rescaling(profile: str, seed: int, device: str) -> Values:
    found = states.rescaling(profile, seed)
    return {"H8-ks": less(found["GLM"], found["GHG, 2 states"])}


# ---- Chapter 4 ----


@measures("W1")
def followed_distance(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Block by block, the smaller of both retinas' leads. The blocks are the ledger's seeds, whatever the run's."""
    retinas = anatomy.anatomies(profile, seed).values()
    effect, control = ([min(anatomy.lead(b, kind) for b in blocks) for blocks in zip(*retinas, strict=True)]
                       for kind in ("spearman", "shuffled"))  # fmt: skip
    return {"W1": Measured(effect, control, settings=anatomy.PLANS[profile], seeds=range(len(effect)))}


@measures("W2", "W3")
def found_synapses(profile: str, seed: int, device: str) -> dict[str, Measured]:
    """Network by network."""
    found, plan = synapses.judged(profile, seed), synapses.PLANS[profile]
    first = found[plan.conditions[0].name]
    without, with_synapses = (
        [100 * share for share in one["believed"][DIRICHLET]] for one in (found[synapses.WITHOUT], first)
    )
    return {
        "W2": Measured(synapses.lead(first["area"]), synapses.lead(first["rewired"]), settings=plan),
        "W3": Measured(without, with_synapses, settings=plan),
    }
