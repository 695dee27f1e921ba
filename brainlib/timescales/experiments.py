"""What chapters 2 and 3 run at every profile: the schools, and how much is measured of what they teach.

`ci` is small enough for a test: it learns at a rate of 0.2, and its gate of 98 % is tested on 1,024 sequences only,
half a percent uncertain. `laptop` has a fifth of the paper's units, its rate of 0.05, and tests on 5,120. `paper` has
the official code's settings, as far as an hour on a CPU carries them, for the main conditions alone. Used
in chapters/timescales/02_curricula.ipynb and 03_lesions.ipynb.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from brainlib.timescales.curricula import all_at_once, from_scratch, multi_head, single_head, sliding_window
from brainlib.timescales.report import Report
from brainlib.timescales.school import School
from brainlib.timescales.schooling import attend

Schools = Mapping[str, School]


@dataclass(frozen=True)
class Experiment:
    """The schools of the two chapters by condition, and the sizes of the measurements.

    Conditions are "single-head" and "multi-head", for parity with trained time constants, and the same with a remark,
    such as "single-head, tau 1", "multi-head, softplus", "single-head, match" or "multi-head, lstm"; besides "sliding
    window", "sliding window, fresh heads", "from scratch, 12" and "all at once, 12". A profile may have only some.

    - `networks` a run of a chapter: seeds `seed * networks` to `(seed + 1) * networks - 1`.
    - `schools`: of chapter 2; `lesioned`: of chapter 3.
    - `recorded_steps`, `trials`: of the simulations behind tau_net and the dimensionality.
    - `test_sequences` behind one accuracy of chapter 3.
    - `lesioned_units`: so many of the fastest units and of the slowest are ablated, one at a time.
    - `weight_strengths`, `tau_strengths` of perturbations, each drawn `perturbations` times.
    - Networks that solved span `retrained_from` are taught each of `retrained_to` for `retraining_epochs`.
    """

    networks: int
    schools: Schools
    lesioned: Schools
    recorded_steps: int
    trials: int
    test_sequences: int
    lesioned_units: int
    weight_strengths: tuple[float, ...]
    tau_strengths: tuple[float, ...]
    perturbations: int
    retrained_from: int
    retrained_to: tuple[int, ...]
    retraining_epochs: int

    def seeds(self, seed: int) -> range:
        """The seeds of the networks in one run of a chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)


def attend_all(
    schools: Schools, seeds: Iterable[int], device: str = "auto", folder: Path | None = None
) -> dict[str, list[Report]]:
    """By condition, the reports of all seeds in their order; resumable from `folder`."""
    seeds = tuple(seeds)
    return {
        condition: [attend(school, seed, device, folder and folder / _path(condition, seed)) for seed in seeds]
        for condition, school in schools.items()
    }


def _path(condition: str, seed: int) -> str:
    return f"{condition.replace(',', '').replace(' ', '-')}-{seed}"


def both(school: School, remark: str = "", **changes) -> dict[str, School]:
    """A single-head and a multi-head school that differ in nothing else, with a remark after their names."""
    curricula = {"single-head": single_head(), "multi-head": multi_head()}
    return {
        name + (remark and f", {remark}"): replace(school, curriculum=curriculum, **changes)
        for name, curriculum in curricula.items()
    }


def gated(school: School, units: int, epochs: int) -> dict[str, School]:
    """LSTM and GRU, as the official code trains its LSTM: by Adam, on bits that are 1 half of the time."""
    settings = {"units": units, "epochs": epochs, "rate": 0.5, "learning_rate": None}
    return both(school, "lstm", network="lstm", **settings) | both(school, "gru", network="gru", **settings)


CI = School(
    "parity",
    single_head(),
    units=48,
    heads=32,
    batch=128,
    steps=100,
    epochs=16,
    largest=32,
    tests=1024,
    learning_rate=0.2,
)
LAPTOP = School("parity", single_head(), units=100, heads=40, batch=64, steps=300, epochs=120, largest=36, tests=5120)
PAPER = School("parity", single_head(), epochs=40)
FULL_SIZE = {"single-head": PAPER, "multi-head": replace(PAPER, curriculum=multi_head(), largest=11)}

EXPERIMENTS = {
    "ci": Experiment(
        networks=3,
        schools={
            **both(CI),
            **both(CI, "tau 1", tau=1.0, epochs=5),
            **both(CI, "tau 2", tau=2.0, epochs=5),
            "multi-head, projected": replace(CI, curriculum=multi_head(), tau_form="projected", epochs=5),
            "multi-head, softplus": replace(CI, curriculum=multi_head(), tau_form="softplus", epochs=5),
            **both(CI, "match", task="match", epochs=5),
            **gated(CI, units=32, epochs=5),
            "sliding window": replace(CI, curriculum=sliding_window(4, 2), epochs=5),
            "sliding window, fresh heads": replace(CI, curriculum=sliding_window(4, 2, fresh_heads=True), epochs=5),
            "from scratch, 8": replace(CI, curriculum=from_scratch(8), epochs=5),
            "all at once, 8": replace(CI, curriculum=all_at_once(8), epochs=5),
        },
        lesioned=both(CI, epochs=30, largest=7),
        recorded_steps=2000,
        trials=2,
        test_sequences=1024,
        lesioned_units=4,
        weight_strengths=(0.1, 0.215, 0.464),
        tau_strengths=(0.0464, 0.1, 0.215),
        perturbations=12,
        retrained_from=5,
        retrained_to=(6, 8),
        retraining_epochs=2,
    ),
    "laptop": Experiment(
        networks=1,
        schools={
            **both(LAPTOP),
            **both(LAPTOP, "tau 1", tau=1.0, epochs=40),
            **both(LAPTOP, "tau 2", tau=2.0, epochs=40),
            **both(LAPTOP, "tau 3", tau=3.0, epochs=40),
            "multi-head, projected": replace(LAPTOP, curriculum=multi_head(), tau_form="projected", epochs=40),
            "multi-head, softplus": replace(LAPTOP, curriculum=multi_head(), tau_form="softplus", epochs=40),
            **both(LAPTOP, "match", task="match", epochs=40),
            **gated(LAPTOP, units=64, epochs=25),
            "sliding window": replace(LAPTOP, curriculum=sliding_window(), epochs=40),
            "sliding window, fresh heads": replace(LAPTOP, curriculum=sliding_window(fresh_heads=True), epochs=40),
            "from scratch, 5": replace(LAPTOP, curriculum=from_scratch(5), epochs=40),
            "from scratch, 12": replace(LAPTOP, curriculum=from_scratch(12), epochs=60),
            "all at once, 12": replace(LAPTOP, curriculum=all_at_once(12), epochs=40),
        },
        lesioned=both(LAPTOP, epochs=260, largest=13),
        recorded_steps=10_000,
        trials=10,
        test_sequences=5120,
        lesioned_units=10,
        weight_strengths=(0.0464, 0.1, 0.215, 0.464, 1.0),
        tau_strengths=(0.0215, 0.0464, 0.1, 0.215, 0.464),
        perturbations=10,
        retrained_from=9,
        retrained_to=(10, 12, 14, 16),
        retraining_epochs=6,
    ),
    "paper": Experiment(
        networks=1,
        schools=FULL_SIZE,
        lesioned=FULL_SIZE,
        recorded_steps=100_000,
        trials=10,
        test_sequences=12_800,
        lesioned_units=20,
        weight_strengths=(0.0464, 0.1, 0.215, 0.464, 1.0),
        tau_strengths=(0.01, 0.0215, 0.0464, 0.1, 0.215, 0.464),
        perturbations=10,
        retrained_from=11,
        retrained_to=(12, 14, 16),
        retraining_epochs=6,
    ),
}
