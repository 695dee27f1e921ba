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
from chapters.timescales.networks import CONDITIONS, MULTI, PROJECTED, SINGLE, STILL, WINDOW


@dataclass(frozen=True)
class Settings:
    """Of a profile.

    - `circuit`: the simulation of chapter 1.
    - `networks` a run of a chapter: seeds `seed * networks` to `(seed + 1) * networks - 1`.
    - `conditions`: "single-head" and "multi-head", for parity with trained time constants, and the same with a remark,
      such as "single-head, tau 1", "multi-head, projected", "single-head, match" or "multi-head, lstm"; "standing
      still", which stays at span 2; besides "sliding window", "sliding window, fresh heads", "from scratch, 12" and
      "all at once, 12". A profile may have only some. Chapter 3 lesions the first two and the sliding window.
    - `recorded_bits`, `trials`, `snapshots`: of the simulations behind tau_net and the dimensionality, of all networks
      of the main conditions and of so many (`elsewhere`) of each other task and kind.
    - `lesions`: the sizes of chapter 3's measurements.
    """

    circuit: Simulation
    networks: int
    conditions: Mapping[str, CurriculumConfig]
    recorded_bits: int
    trials: int
    snapshots: int
    elsewhere: int
    lesions: Lesions

    def seeds(self, seed: int) -> range:
        """The seeds of the networks in one run of a chapter."""
        return range(seed * self.networks, (seed + 1) * self.networks)

    @property
    def lesioned(self) -> dict[str, CurriculumConfig]:
        """The conditions of chapter 3."""
        return {name: self.conditions[name] for name in (*CONDITIONS, WINDOW) if name in self.conditions}


def both(config: CurriculumConfig, remark: str = "", **changes: Any) -> dict[str, CurriculumConfig]:
    """A single-head and a multi-head config that differ in nothing else, with a remark after their names."""
    curricula = {SINGLE: single_head(), MULTI: multi_head()}
    return {
        name + (remark and f", {remark}"): replace(config, curriculum=curriculum, **changes)
        for name, curriculum in curricula.items()
    }


def main(config: CurriculumConfig, epochs: int) -> dict[str, CurriculumConfig]:
    """The two main conditions and the control beside them; the single head, which is slow, is trained for `epochs`."""
    found = both(config)
    found[SINGLE] = replace(found[SINGLE], epochs=max(epochs, config.epochs))
    still = replace(found[SINGLE], curriculum=from_scratch(2), threshold=1.0)
    return {**found, STILL: still}


def conditions(
    short: CurriculumConfig, taus: tuple[int, ...], window: tuple[int, int], gated: dict[str, int]
) -> dict[str, CurriculumConfig]:
    """The other conditions that have a curriculum, all trained as `short` is.

    LSTM and GRU are trained as the official code trains its LSTM: by Adam, on bits that are 1 half of the time.
    """
    by_adam: dict[str, Any] = {"rate": 0.5, "learning_rate": None, **gated}
    found: dict[str, CurriculumConfig] = {}
    for tau in taus:
        found |= both(short, f"tau {tau}", tau=float(tau))
    found[PROJECTED] = replace(short, curriculum=multi_head(), tau_form="projected")
    found |= both(short, "match", task="match")
    for kind in ("lstm", "gru"):
        found |= both(short, kind, network=kind, **by_adam)
    for fresh, name in enumerate((WINDOW, f"{WINDOW}, fresh heads")):
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
FULL_SIZE = main(PAPER, epochs=40)
FULL_SIZE[MULTI] = replace(FULL_SIZE[MULTI], largest_span=11)

SETTINGS = {
    "ci": Settings(
        circuit=Simulation(4_000, 512),
        networks=2,
        conditions={
            **main(CI, epochs=30),
            **conditions(replace(CI, epochs=5), taus=(1, 2), window=(4, 2), gated={"units": 32}),
            "from scratch, 4": replace(CI, curriculum=from_scratch(4), epochs=10),
            "from scratch, 8": replace(CI, curriculum=from_scratch(8), epochs=10),
            "all at once, 8": replace(CI, curriculum=all_at_once(8), epochs=5),
        },
        recorded_bits=2000,
        trials=2,
        snapshots=2,
        elsewhere=1,
        lesions=Lesions(
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
        networks=5,
        conditions={
            **main(LAPTOP, epochs=300),
            **conditions(replace(LAPTOP, epochs=40), taus=(1, 2, 3), window=(10, 5), gated={"units": 64, "epochs": 25}),
            "from scratch, 5": replace(LAPTOP, curriculum=from_scratch(5), epochs=300),
            "from scratch, 12": replace(LAPTOP, curriculum=from_scratch(12), epochs=300),
            "all at once, 12": replace(LAPTOP, curriculum=all_at_once(12), epochs=40),
        },
        recorded_bits=10_000,
        trials=10,
        snapshots=5,
        elsewhere=5,
        lesions=Lesions(
            test_sequences=5120,
            lesioned_units=10,
            weight_strengths=(0.0464, 0.1, 0.215, 0.464, 1.0),
            tau_strengths=(0.0215, 0.0464, 0.1, 0.215, 0.464),
            perturbations=10,
            retrained_from=9,
            retrained_to=(10, 12, 14, 16, 20, 24),
            retraining_epochs=10,
        ),
    ),
    "paper": Settings(
        circuit=Simulation(10_000, 1_000),
        networks=1,
        conditions=FULL_SIZE,
        recorded_bits=100_000,
        trials=10,
        snapshots=5,
        elsewhere=0,
        lesions=Lesions(
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
