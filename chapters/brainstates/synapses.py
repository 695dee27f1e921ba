"""Who finds the synapses of a spiking network of which a part is hidden?

The score is the area under the curve of pairs with a synapse against pairs without one: of couples of such pairs the
share that a method ranks rightly, 0.5 by a guess. What each method is tuned by is chosen by the area on networks of its
own, anew for each length of the recording and each number of neurons seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.design import design
from brainlib.brainstates.evaluation import edge_auc, state_accuracy
from brainlib.brainstates.fitting import GaussianPrior
from brainlib.brainstates.inference import posterior
from brainlib.runs import study
from chapters.brainstates.rivals import EMISSION, GRIDS, METHODS, ONE_HOT, RIVALS, STATES, start, wiring
from chapters.brainstates.spiking import Network, rewired, simulate

TUNING_SEED = 1000  # the first of the networks that tune
MOST = 6  # values of what tunes a method
REWIRINGS = 20
BELIEVED = 0.5
WITHOUT = "no synapses"
NETWORK = Network()


@dataclass(frozen=True)
class Condition:
    """A network, so many minutes of it, and so many of its neurons seen."""

    minutes: float = 3.0
    seen: int = 20
    network: Network = NETWORK

    @property
    def name(self) -> str:
        return f"{self.minutes:g} min, {1 - self.seen / self.network.neurons:.0%} hidden"


@dataclass(frozen=True)
class Plan:
    """What a profile runs: conditions, the first of which decides; `networks` that are judged in a run of the chapter,
    and others for `tuning`; `iterations` of EM.
    """

    conditions: tuple[Condition, ...]
    networks: int
    tuning: int
    iterations: int

    def seeds(self, seed: int) -> range:
        """The seeds of the networks in one run of the chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)


HALF, OTHERS = Condition(), (Condition(1.0), Condition(9.0), Condition(seen=30), Condition(seen=10))
PLANS = {
    "ci": Plan((Condition(0.5, 12),), networks=2, tuning=1, iterations=10),
    "laptop": Plan((HALF, *OTHERS), networks=10, tuning=2, iterations=30),
    "paper": Plan((HALF, Condition(60.0), *OTHERS), networks=20, tuning=5, iterations=50),
}
Values = Mapping[str, tuple[float, ...]]  # by method


def find(
    settings: tuple[Condition, Values, int], seed: int, *, device: str = "cpu", folder: Path | None = None
) -> dict:
    """In one network, by method, a number for each of the values that it is tuned by: `area`; the same against the
    synapses `rewired` after the fact; the share of pairs with a belief above one half (`believed`). Also the true
    `synapses`, the last of the `wirings`, and the share of bins whose state is right where all models start (`states`).
    """
    condition, values, iterations = settings
    recorded = simulate(condition.network, condition.minutes, seed).first(condition.seen)
    data = design(recorded.trials)
    begin = start(GaussianPrior(), 0.0, data, iterations, seed)
    path = posterior(begin, data, EMISSION).states.argmax(-1)
    random = np.random.default_rng(seed)
    others = [rewired(recorded.synapses, random) for _ in range(REWIRINGS)]
    found: dict[str, Any] = {kind: {} for kind in ("area", "rewired", "believed", "wirings")}
    for method, tried in values.items():
        wirings = [wiring(method, value, recorded.trials, begin, iterations) for value in tried]
        found["area"][method] = [area(recorded.synapses, one.belief) for one in wirings]
        found["rewired"][method] = [float(np.mean([area(o, one.belief) for o in others])) for one in wirings]
        found["believed"][method] = [float(_pairs(one.belief > BELIEVED).double().mean()) for one in wirings]
        found["wirings"][method] = wirings[-1].signed
    states = state_accuracy(recorded.states, path, data.lengths, STATES)
    return found | {"synapses": recorded.synapses, "states": states}


def area(synapses: Int64[Tensor, "neurons neurons"], belief: Float64[Tensor, "neurons neurons"]) -> float:
    """Of ordered pairs of two neurons; signs do not count."""
    return edge_auc(_pairs(synapses) != 0, _pairs(belief))


def _pairs(matrix: Tensor) -> Tensor:
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


def tuning(plan: Plan, condition: Condition) -> dict[str, dict[float, float]]:
    """By method and value, the mean area on the networks that tune. While the best value is at an end of those tried,
    one is added beyond it, up to `MOST`.
    """
    seeds = range(TUNING_SEED, TUNING_SEED + plan.tuning)
    areas: dict[str, dict[float, float]] = {method: {} for method in GRIDS}
    wanted: Values = GRIDS
    while wanted:
        units = study(find, {condition.name: (condition, wanted, plan.iterations)}, seeds, device="cpu")[condition.name]
        for method, values in wanted.items():
            means = np.mean([one["area"][method] for one in units], 0).tolist()
            areas[method] = dict(sorted((areas[method] | dict(zip(values, means, strict=True))).items()))
        wanted = {method: beyond for method, tried in areas.items() if (beyond := _beyond(tried))}
    return areas


def _beyond(areas: Mapping[float, float]) -> tuple[float, ...]:
    tried, best = list(areas), max(areas, key=areas.__getitem__)
    if len(tried) == MOST or best not in (tried[0], tried[-1]):
        return ()
    return (best**2 / tried[1 if best == tried[0] else -2],)


def judged(profile: str, seed: int) -> dict[str, dict[str, Any]]:
    """By condition, what each method is tuned to, and what it then finds in each network. Last, under `WITHOUT`, the
    first condition with synapses of no strength, by methods tuned as there.
    """
    plan, result = PLANS[profile], {}
    for condition in plan.conditions:
        best = {method: max(tried, key=tried.__getitem__) for method, tried in tuning(plan, condition).items()}
        result[condition.name] = {"tuned": best} | _found(plan, condition, best, seed)
    first = plan.conditions[0]
    best, nothing = result[first.name]["tuned"], replace(first, network=replace(first.network, strength=0.0))
    return result | {WITHOUT: {"tuned": best} | _found(plan, nothing, best, seed)}


def _found(plan: Plan, condition: Condition, best: Mapping[str, float], seed: int) -> dict[str, Any]:
    one_each = {method: (value,) for method, value in best.items()}
    settings = {condition.name: (condition, one_each, plan.iterations)}
    units = study(find, settings, plan.seeds(seed), device="cpu")[condition.name]
    kinds = ("area", "rewired", "believed")
    found: dict[str, Any] = {kind: {m: [one[kind][m][0] for one in units] for m in METHODS} for kind in kinds}
    example = {"true": units[0]["synapses"], **units[0]["wirings"]}
    example = {name: np.asarray(matrix).round(4).tolist() for name, matrix in example.items()}
    return found | {"states": [one["states"] for one in units], "example": example}


def lead(areas: Mapping[str, list[float]]) -> list[float]:
    """Network by network, the area of the one-hot prior, integrated, less the best of the rivals'."""
    return (np.array(areas[ONE_HOT]) - np.max([areas[rival] for rival in RIVALS], 0)).tolist()
