"""Every model fitted once for every block of a recording's time, and judged on that block, with equal care for all.

Nothing but a block that is held out decides how good a model is, and a block that is held out decides nothing else. All
choices are made within the other blocks: neurons by how often they fire there; the weight of a penalty or a prior, and
the number of states, by the likelihood of one of these blocks (the next in time) under a fit of those that are left.
Then the chosen model is fitted to all of them. Every model starts, each time, from the same starts (`begin`).
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from jaxtyping import Int64
from scipy.stats import t
from torch import Tensor

from brainlib.brainstates.design import Design, design
from brainlib.brainstates.evaluation import bits_per_spike, homogeneous_log_likelihood, marginal_log_likelihood
from brainlib.brainstates.fitting import GaussianPrior, Model, fit
from brainlib.brainstates.onehot import OneHot, fit_one_hot
from brainlib.brainstates.parameters import Parameters
from brainlib.data import Trials
from brainlib.runs import study
from chapters.brainstates.recordings import EMISSION, LEAST_HZ, Sample, Setting, planned, read

T = TypeVar("T")

HMM, GLM, GLM_L1, NAIVE = "HMM without coupling", "GLM", "GLM, L1", "naive"
L1, GAUSSIAN, RELAXED, ONE_HOT = "L1", "Gaussian", "one-hot, relaxed", "one-hot, integrated"
AGAIN, SHIFTED_ONE_HOT, SHIFTED_GLM = "one-hot, other starts", "one-hot, shifted spikes", "GLM, L1, shifted spikes"
RIVALS = (HMM, NAIVE, L1, GAUSSIAN)  # of many states, and not one-hot

SEVERAL = (2, 3, 4, 6, 8, 12, 16, 24)
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # nats
PRECISIONS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of the Gaussian prior, times the paper's
MEANS = (-14.0, -11.0, -8.0, -6.0, -5.0, -4.0, -2.0)  # of the logarithm of a connection's strength; the paper's is -5
TUNED_AT = 3  # states
TOLERANCE = 1e-4  # nats a bin, of an iteration that is worth another


@dataclass(frozen=True)
class Family:
    """What a model may choose from: numbers of states, and weights of what holds its couplings back."""

    states: tuple[int, ...]
    weights: tuple[float, ...] = (0.0,)


FAMILIES = {
    HMM: Family((*SEVERAL, 32, 48)),
    GLM: Family((1,)),
    GLM_L1: Family((1,), PENALTIES),
    NAIVE: Family(SEVERAL),
    L1: Family(SEVERAL, PENALTIES),
    GAUSSIAN: Family(SEVERAL, PRECISIONS),
    RELAXED: Family(SEVERAL, MEANS),
    ONE_HOT: Family(SEVERAL, MEANS),
}
CONTROLS: dict[str, tuple[str, dict[str, bool]]] = {  # a family under other circumstances
    AGAIN: (ONE_HOT, {"other_starts": True}),
    SHIFTED_ONE_HOT: (ONE_HOT, {"shifted": True}),
    SHIFTED_GLM: (GLM_L1, {"shifted": True}),
}


@functools.cache
def fit_all(profile: str, seed: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By recording and model what `fit_block` finds, a result for each block that is held out."""
    settings = planned(profile)
    variants = {name: (name, {}) for name in FAMILIES} | CONTROLS
    conditions = {
        f"{recording}: {name}": (replace(setting, **change), family)
        for recording, setting in settings.items()
        for name, (family, change) in variants.items()
    }
    found = study(fit_block, conditions, blocks(profile, seed), device="cpu")
    return {recording: {name: found[f"{recording}: {name}"] for name in variants} for recording in settings}


def blocks(profile: str, seed: int) -> range:
    """The blocks of one run of the chapter: those of another seed are the same blocks with starts of their own."""
    setting = next(iter(planned(profile).values()))
    return range(seed * setting.blocks, seed * setting.blocks + setting.held_out)


def fit_block(
    settings: tuple[Setting, str], seed: int, *, device: str = "cpu", folder: Path | None = None
) -> dict[str, Any]:
    """A family, its number of states and weight chosen without the block `seed` (modulo the number of blocks), fitted
    to all other blocks and judged on this one:

    - `bits`: log-likelihood of the block, in bits a spike, beyond neurons that keep their mean rates;
    - `chosen`: the same, of the choice, on the block that chose;
    - `states`, `weight`, `neurons`, and the parameters.
    """
    setting, name = settings
    family, sample = FAMILIES[name], read(setting)
    rest, chooses, held_out = nested(sample, setting, seed)
    neurons = frequent(sample.trials.pick(torch.cat((rest, chooses))), setting.most_neurons)

    def part(places: Int64[Tensor, " pieces"]) -> Trials:
        picked = sample.trials.pick(places)
        return Trials(picked.counts[..., neurons], picked.lengths, picked.bin_ms)

    draw, train, judge = 2 * seed + setting.other_starts, part(rest), part(chooses)

    @functools.cache
    def tried(states: int, weight: float) -> float:
        begun = begin(states, train, setting.iterations, 1, draw)
        return bits(name, fit_best(name, states, weight, train, begun, setting.iterations), train, judge)

    numbers = [number for number in family.states if number <= setting.most_states]
    weight = climb(family.weights, lambda each: tried(min(TUNED_AT, numbers[-1]), each), len(family.weights) // 2)
    states = climb(numbers, lambda each: tried(each, weight), 0)
    seen = part(torch.cat((rest, chooses)).sort().values)
    begun = begin(states, seen, setting.iterations, setting.starts, draw)
    parameters = fit_best(name, states, weight, seen, begun, setting.iterations)
    scores = {"bits": bits(name, parameters, seen, part(held_out)), "chosen": tried(states, weight)}
    return scores | {"states": states, "weight": weight, "neurons": neurons} | parameters._asdict()


def nested(sample: Sample, setting: Setting, seed: int) -> tuple[Int64[Tensor, " pieces"], ...]:
    """The pieces of the blocks that are fitted while choices are made, of the block that makes them, and of the one
    that is held out.
    """
    parts = sample.cut(setting.blocks)
    parts = parts[seed % setting.blocks :] + parts[: seed % setting.blocks]
    return torch.cat(parts[2:]).sort().values, parts[1], parts[0]


def frequent(trials: Trials, most: int) -> Int64[Tensor, " neurons"]:
    """Which neurons fire at least `LEAST_HZ`; if these are more than `most`, the busiest."""
    spikes = trials.counts.sum((0, 1))
    busiest = spikes.argsort(descending=True, stable=True)[:most].sort().values
    return busiest[spikes[busiest] >= LEAST_HZ * trials.bins * trials.bin_ms / 1000]


def climb(grid: Sequence[T], score: Callable[[T], float], first: int) -> T:
    """The best of a grid that has one hill: from the place `first` up as long as that is better, then down."""
    place, known = first, functools.cache(lambda each: score(grid[each]))
    for step in (1, -1):
        while 0 <= place + step < len(grid) and known(place + step) > known(place):
            place += step
    return grid[place]


def designed(name: str, trials: Trials) -> Design:
    return design(trials, coupling=name != HMM)


def bits(name: str, parameters: Parameters, seen: Trials, unseen: Trials) -> float:
    there = designed(name, unseen)
    base = homogeneous_log_likelihood(designed(name, seen), there, EMISSION)
    return bits_per_spike(marginal_log_likelihood(parameters, there, EMISSION), base, unseen.spikes)


def fit_best(
    name: str, states: int, weight: float, trials: Trials, starts: Sequence[Parameters], iterations: int
) -> Parameters:
    """Of the fits from all starts the one whose own objective is highest."""
    data, how = designed(name, trials), {"iterations": iterations, "tolerance": TOLERANCE}
    found = []
    for start in starts:
        if name in (ONE_HOT, RELAXED):
            model = OneHot(states, EMISSION, strength_mean=weight)
            result = fit_one_hot(model, data, start=start, solver=name.split(", ")[1], **how)
            found.append((float(result.objectives[-1]), result.parameters))
        else:
            prior = GaussianPrior(weight=weight) if name == GAUSSIAN else None
            penalty = weight if name in (L1, GLM_L1) else 0.0
            own = start._replace(weights=start.weights[..., -1:]) if name == HMM else start
            result = fit(Model(states, EMISSION, prior, penalty), data, start=own, **how)
            found.append((float(result.objective[0].nan_to_num(-torch.inf).max()), result.parameters))
    return max(found, key=lambda one: one[0])[1]


FIRST, FIRST_L1 = 3, 3.0  # iterations and penalty with which couplings begin


def begin(states: int, trials: Trials, iterations: int, starts: int, draw: int) -> list[Parameters]:
    """The starts, the same for every model: states are those of an HMM without coupling, from random rates, and their
    couplings begin with three iterations under a light L1 penalty that is not tuned.
    """
    found, data, plain = [], design(trials), design(trials, coupling=False)
    for number in range(starts):
        how = {"iterations": iterations, "tolerance": TOLERANCE, "seed": 100 * draw + number}
        rates = fit(Model(states, EMISSION), plain, **how).parameters
        none = rates.weights.new_zeros(*rates.weights.shape[:2], trials.neurons)
        start = rates._replace(weights=torch.cat((none, rates.weights), -1))
        found.append(fit(Model(states, EMISSION, l1=FIRST_L1), data, start=start, iterations=FIRST).parameters)
    return found


def table(fits: dict[str, dict[str, list[dict[str, Any]]]], value: str = "bits") -> pd.DataFrame:
    """`value` with a row for each recording and block and a column for each model."""
    return pd.concat(
        {
            recording: pd.DataFrame({name: [one[value] for one in found] for name, found in models.items()})
            for recording, models in fits.items()
        },
        names=["recording", "block"],
    )


def described(profile: str) -> dict[str, Any]:
    """What a record is of."""
    return {"recordings": {name: asdict(setting) for name, setting in planned(profile).items()}}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half of its 95 % interval, Student's t over the blocks of time; NaN for one value.

    Blocks share most of what was trained on and are not independent, so that intervals are somewhat too narrow.
    """
    values = pd.Series(values)
    return float(values.mean()), float(t.ppf(0.975, len(values) - 1) * values.sem())
