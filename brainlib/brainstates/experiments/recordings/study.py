"""Which recordings the chapter reads, how they are cut, and which models are fitted, at every profile.

`ci` reads 20 minutes of the waves, and the hippocampus in coarse bins. `laptop` reads three recordings, whole. `paper`
has finer bins, more blocks of time and more states; the paper's own recording, CRCNS pfc-6, joins at any profile but
`ci` where a reader has put it. Used in chapters/brainstates/03_recordings.ipynb.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from brainlib.data import doors

MAZE = "pfc6"  # the folder of a reader's copy, within the one that BRAINLIB_DATA names


@dataclass(frozen=True)
class Setting:
    """How one recording is read, and what is fitted to it.

    - `recording`: "waves" (a wild-type retina), "knock-out" (a retina without beta-2 receptors), "hippocampus" (of
      an animal that runs and rests) or "maze" (prefrontal cortex), the last from `folder`;
    - `bin_ms`, `piece_s`: the bins, and the pieces into which it is cut (the maze has trials of its own);
    - `stop_s`: only so much of a retina's beginning is read;
    - `blocks` of time, each held out once a run of the chapter;
    - `states`: by family of models, the numbers of states;
    - `weights`: of the L1 penalty and the Gaussian prior, to choose from;
    - `iterations` of EM, `one_hot_iterations` of the one-hot model's, at most.
    """

    recording: str
    bin_ms: float
    piece_s: float
    blocks: int
    states: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, tuple[float, ...]]
    stop_s: float = math.inf
    iterations: int = 40
    one_hot_iterations: int = 30
    folder: Path | None = None

    def splits(self, seed: int) -> range:
        """The splits in one run of the chapter: every block once, with starts of their own."""
        return range(seed * self.blocks, (seed + 1) * self.blocks)


@dataclass(frozen=True)
class Study:
    """The settings by recording, the waves first; how often electrodes are resampled, and how many states the
    explorer shows."""

    settings: Mapping[str, Setting]
    resamples: int
    explored: tuple[int, ...]

    def with_maze(self) -> "Study":
        """The same, with the paper's own recording if a reader's copy is at hand."""
        named = os.environ.get(doors.FOLDER_VARIABLE)
        folder = Path(named).expanduser() / MAZE if named else None
        if not folder or not folder.is_dir():
            return self
        setting = replace(self.settings["hippocampus"], recording="maze", bin_ms=20.0, piece_s=15.0, folder=folder)
        return replace(self, settings={**self.settings, "maze": setting})


LEAST = {"Poisson HMM": (2, 4), "HG": (1, 2), "HG-L1": (1, 2), "GHG": (2,), "OHG": (1, 2)}
FEW = {"Poisson HMM": (2, 4), "HG": (1, 2, 4), "HG-L1": (1, 2, 4), "GHG": (2, 4), "OHG": (1, 2, 4)}
WEIGHTS = {"HG-L1": (3.0, 10.0, 30.0, 100.0), "GHG": (1.0, 100.0)}
WAVES = Setting(
    "waves",
    bin_ms=200.0,
    piece_s=60.0,
    blocks=4,
    states={
        "Poisson HMM": (2, 3, 4, 6, 8, 12, 16),
        "HG": (1, 2, 4),
        "HG-L1": (1, 2, 4, 6),
        "GHG": (2, 4, 6),
        "OHG": (1, 2, 4, 6),
    },
    weights=WEIGHTS,
)
HIPPOCAMPUS = Setting(
    "hippocampus",
    bin_ms=250.0,
    piece_s=60.0,
    blocks=4,
    states={
        "Poisson HMM": (2, 3, 4, 6, 8, 12, 16, 20, 24),
        "HG": (1, 2, 4),
        "HG-L1": (1, 2, 4, 6),
        "GHG": (2, 4, 6),
        "OHG": (1, 2, 4, 6),
    },
    weights={"HG-L1": (1.0, 3.0, 10.0, 30.0), "GHG": (1.0, 100.0)},
)
LAPTOP = {
    "waves": WAVES,
    "knock-out": Setting("knock-out", bin_ms=200.0, piece_s=60.0, blocks=3, states=FEW, weights=WEIGHTS),
    "hippocampus": HIPPOCAMPUS,
}
MORE = {
    "Poisson HMM": (2, 3, 4, 5, 6, 8, 12, 16, 20),
    "HG": (1, 2, 3, 4, 5, 6, 8),
    "HG-L1": (1, 2, 3, 4, 5, 6, 8, 12, 16, 20),
    "GHG": (2, 3, 4, 5, 6, 8, 12, 16, 20),
    "OHG": (1, 2, 3, 4, 5, 6, 8, 12, 16, 20),
}
SOME = {family: tuple(states for states in numbers if states <= 8) for family, numbers in MORE.items()}

STUDIES = {
    "ci": Study(
        {
            "waves": replace(
                WAVES,
                bin_ms=250.0,
                stop_s=1200.0,
                blocks=3,
                states=LEAST | {"Poisson HMM": (2, 4, 6)},
                weights={"HG-L1": (10.0, 30.0, 100.0), "GHG": (1.0, 100.0)},
                iterations=15,
                one_hot_iterations=10,
            ),
            "hippocampus": replace(
                HIPPOCAMPUS,
                bin_ms=500.0,
                blocks=3,
                states=LEAST,
                weights={"HG-L1": (3.0, 10.0), "GHG": (1.0, 100.0)},
                iterations=15,
                one_hot_iterations=10,
            ),
        },
        resamples=200,
        explored=(2, 4, 6),
    ),
    "laptop": Study(LAPTOP, resamples=500, explored=(2, 3, 4, 6, 8, 12)),
    "paper": Study(
        {
            "waves": replace(WAVES, bin_ms=100.0, blocks=8, states=MORE),
            "knock-out": replace(LAPTOP["knock-out"], bin_ms=100.0, blocks=5, states=SOME),
            "hippocampus": replace(
                HIPPOCAMPUS, bin_ms=100.0, blocks=8, states=SOME | {"Poisson HMM": HIPPOCAMPUS.states["Poisson HMM"]}
            ),
        },
        resamples=2000,
        explored=(2, 3, 4, 6, 8, 12),
    ),
}
