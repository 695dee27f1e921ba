"""What the chapters run at every profile: the configs that are trained, and how much is measured of the networks.

`ci` is small enough for a test: it learns at a rate of 0.2, and its threshold of 98 % is tested on 1,024 sequences
only, half a percent uncertain. `laptop` has a fifth of the paper's units, its rate of 0.05, and tests on 5,120. `paper`
has the official code's settings, as far as an hour on a CPU carries them, for the main conditions alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from brainlib.timescales.curricula import all_at_once, from_scratch, multi_head, single_head, sliding_window
from brainlib.timescales.training import CurriculumConfig
from chapters.timescales.circuit import Simulation
from chapters.timescales.lesions import Lesions


@dataclass(frozen=True)
class Settings:
    """Of a profile.

    - `circuit`: the simulation of chapter 1.
    - `networks` a run of a chapter: seeds `seed * networks` to `(seed + 1) * networks - 1`.
    - `conditions` of chapter 2: "single-head" and "multi-head", for parity with trained time constants, and the same
      with a remark, such as "single-head, tau 1", "multi-head, softplus", "single-head, match" or "multi-head, lstm";
      besides "sliding window", "sliding window, fresh heads", "from scratch, 12" and "all at once, 12". A profile may
      have only some.
    - `recorded_bits`, `trials`, `snapshots`: of the simulations behind tau_net and the dimensionality.
    - `lesions`: of chapter 3.
    """

    circuit: Simulation
    networks: int
    conditions: Mapping[str, CurriculumConfig]
    recorded_bits: int
    trials: int
    snapshots: int
    lesions: Lesions

    def seeds(self, seed: int) -> range:
        """The seeds of the networks in one run of a chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)


def both(config: CurriculumConfig, remark: str = "", **changes: Any) -> dict[str, CurriculumConfig]:
    """A single-head and a multi-head config that differ in nothing else, with a remark after their names."""
    curricula = {"single-head": single_head(), "multi-head": multi_head()}
    return {
        name + (remark and f", {remark}"): replace(config, curriculum=curriculum, **changes)
        for name, curriculum in curricula.items()
    }


def conditions(
    main: CurriculumConfig, epochs: int, taus: tuple[int, ...], window: tuple[int, int], gated: dict[str, int]
) -> dict[str, CurriculumConfig]:
    """The conditions of chapter 2 but those without a curriculum; all but the two main ones are trained for `epochs`.

    LSTM and GRU are trained as the official code trains its LSTM: by Adam, on bits that are 1 half of the time.
    """
    short = replace(main, epochs=epochs)
    many = replace(short, curriculum=multi_head())
    by_adam: dict[str, Any] = {"rate": 0.5, "learning_rate": None, **gated}
    found = both(main)
    for tau in taus:
        found |= both(short, f"tau {tau}", tau=float(tau))
    found |= {f"multi-head, {form}": replace(many, tau_form=form) for form in ("projected", "softplus")}
    found |= both(short, "match", task="match")
    for kind in ("lstm", "gru"):
        found |= both(short, kind, network=kind, **by_adam)
    for fresh, name in enumerate(("sliding window", "sliding window, fresh heads")):
        found[name] = replace(short, curriculum=sliding_window(*window, fresh_heads=bool(fresh)))
    return found


CI = CurriculumConfig(
    "parity",
    single_head(),
    units=48,
    heads=32,
    batch_size=128,
    steps_per_epoch=100,
    epochs=16,
    largest_span=32,
    test_sequences=1024,
    learning_rate=0.2,
)
LAPTOP = CurriculumConfig(
    "parity",
    single_head(),
    units=100,
    heads=40,
    batch_size=64,
    steps_per_epoch=300,
    epochs=120,
    largest_span=36,
    test_sequences=5120,
)
PAPER = CurriculumConfig("parity", single_head(), epochs=40)
FULL_SIZE = {"single-head": PAPER, "multi-head": replace(PAPER, curriculum=multi_head(), largest_span=11)}

SETTINGS = {
    "ci": Settings(
        circuit=Simulation(4_000, 512),
        networks=3,
        conditions={
            **conditions(CI, 5, taus=(1, 2), window=(4, 2), gated={"units": 32}),
            "from scratch, 8": replace(CI, curriculum=from_scratch(8), epochs=5),
            "all at once, 8": replace(CI, curriculum=all_at_once(8), epochs=5),
        },
        recorded_bits=2000,
        trials=2,
        snapshots=2,
        lesions=Lesions(
            *both(CI, epochs=30, largest_span=7).values(),
            test_sequences=1024,
            lesioned_units=4,
            weight_strengths=(0.1, 0.215, 0.464),
            tau_strengths=(0.0464, 0.1, 0.215),
            perturbations=12,
            retrained_from=5,
            retrained_to=(6, 8),
            retraining_epochs=2,
        ),
    ),
    "laptop": Settings(
        circuit=Simulation(10_000, 1_000),
        networks=1,
        conditions={
            **conditions(LAPTOP, 40, taus=(1, 2, 3), window=(10, 5), gated={"units": 64, "epochs": 25}),
            "from scratch, 5": replace(LAPTOP, curriculum=from_scratch(5), epochs=40),
            "from scratch, 12": replace(LAPTOP, curriculum=from_scratch(12), epochs=60),
            "all at once, 12": replace(LAPTOP, curriculum=all_at_once(12), epochs=40),
        },
        recorded_bits=10_000,
        trials=10,
        snapshots=5,
        lesions=Lesions(
            *both(LAPTOP, epochs=260, largest_span=13).values(),
            test_sequences=5120,
            lesioned_units=10,
            weight_strengths=(0.0464, 0.1, 0.215, 0.464, 1.0),
            tau_strengths=(0.0215, 0.0464, 0.1, 0.215, 0.464),
            perturbations=10,
            retrained_from=9,
            retrained_to=(10, 12, 14, 16),
            retraining_epochs=6,
        ),
    ),
    "paper": Settings(
        circuit=Simulation(10_000, 1_000),
        networks=1,
        conditions=FULL_SIZE,
        recorded_bits=100_000,
        trials=10,
        snapshots=5,
        lesions=Lesions(
            *FULL_SIZE.values(),
            test_sequences=12_800,
            lesioned_units=20,
            weight_strengths=(0.0464, 0.1, 0.215, 0.464, 1.0),
            tau_strengths=(0.01, 0.0215, 0.0464, 0.1, 0.215, 0.464),
            perturbations=10,
            retrained_from=11,
            retrained_to=(12, 14, 16),
            retraining_epochs=6,
        ),
    ),
}
