"""What chapter 2 runs at every profile: priors and optimisers on Table 1's brains, where a prior should help, and not.

`laptop` and `paper` have the paper's sizes: brains of 20 neurons and 5 states, 10 + 10 sequences of 5,000 bins. `ci`
has fewer and smaller ones, to test that all of it runs.
"""

import functools
from dataclasses import dataclass, replace

import pandas as pd

from brainlib.runs import study
from chapters.brainstates.table import GAUSSIAN, INTEGRATED, L1, METHODS, NAIVE, OPTIONS, TRUE, Setting, score

FACTORIAL, UNCONNECTED, DALE = "factorial", "unconnected", "Dale"
FEW = (TRUE, NAIVE, L1, GAUSSIAN, INTEGRATED)
COUPLED = METHODS[4:]
DEVIATIONS = (0.75, 1.0, 1.5**0.5, 1.5, 1.75, 2.0, 2.25, 2.5)


@dataclass(frozen=True)
class Plan:
    """The `brains` of one run of the chapter, their `setting`, numbers of training sequences beside all of them
    (`few`), and deviations of ln strength at which the true parameters are asked for the states.
    """

    setting: Setting
    brains: int = 10
    few: tuple[int, ...] = (1, 2, 5)
    deviations: tuple[float, ...] = DEVIATIONS

    def seeds(self, seed: int) -> range:
        """A brain's each, in one run of the chapter."""
        return range(seed * self.brains, (seed + 1) * self.brains)

    def conditions(self) -> dict[str, dict[str, tuple[Setting, str]]]:
        """By experiment: what is fitted to what, by "sequences | method"."""
        setting, (one, *_) = self.setting, self.few
        nothing, sign = (replace(setting, kind=kind) for kind in ("unconnected", "Dale"))
        least = replace(nothing, seen=one)
        return {
            "factorial": {f"{setting.train} | {m}": (setting, m) for m in METHODS},
            "few": {f"{n} | {m}": (replace(setting, seen=n), m) for n in self.few for m in FEW},
            "unconnected": {f"{setting.train} | {m}": (nothing, m) for m in COUPLED}
            | {f"{one} | {m}": (least, m) for m in FEW[1:]},
            "options": {f"{setting.train} | {m}": (setting, m) for m in OPTIONS},
            "Dale": {f"{setting.train} | {m}": (sign, m) for m in (L1, INTEGRATED, "one sign a source neuron")},
            "oracle": {
                f"{sd:.4g} | {TRUE}": (replace(setting, strength_sd=sd, train=1, test=3), TRUE)
                for sd in self.deviations
            },
        }


SMALL = Setting(2, 8, train=5, test=3, bins=600, strength_sd=2.5, starts=1, iterations=30, epochs=2, steps=15)
PLANS = {
    "ci": Plan(SMALL, 2, (1,), (1.5**0.5, 2.0, 2.5)),
    "laptop": Plan(Setting()),
    "paper": Plan(Setting(starts=5), 20),
}


@functools.cache
def run(experiment: str, profile: str, seed: int) -> pd.DataFrame:
    """A row for each fit: the `value` that was varied (training sequences, or the deviation), `method`, `seed`, and
    what `score` gives.
    """
    plan = PLANS[profile]
    found = study(score, plan.conditions()[experiment], plan.seeds(seed), device="cpu")
    rows = [
        {"value": float(name.split(" | ")[0]), "method": name.split(" | ")[1], "seed": own} | one
        for name, each in found.items()
        for own, one in zip(plan.seeds(seed), each, strict=True)
    ]
    return pd.DataFrame(rows)


def wide(found: pd.DataFrame, field: str, value: float | None = None) -> pd.DataFrame:
    """One field: a row a brain, a column a method; of one value of what was varied."""
    some = found if value is None else found[found["value"] == value]
    return some.pivot(index="seed", columns="method", values=field)


def lead(found: pd.DataFrame, field: str, first: str, *others: str, value: float | None = None) -> list[float]:
    """The first method less the best of the others, brain by brain."""
    table = wide(found, field, value)
    return (table[first] - table[list(others)].max(axis=1)).tolist()
