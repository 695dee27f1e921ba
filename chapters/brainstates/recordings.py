"""Which recordings chapter 3 reads, how they are cut, and which models are fitted, at every profile.

`ci` reads 20 minutes of the waves, and the hippocampus in coarse bins. `laptop` reads three recordings, whole. `paper`
has finer bins, more blocks of time and more states; the paper's own recording, CRCNS pfc-6, joins at any profile but
`ci` where a reader has put it.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.emissions import Emission
from brainlib.data import WAVES as ARRAYS_OF_WAVES
from brainlib.data import Hippocampus, Trials, doors, hippocampus, pfc6, waves

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
    folder: str | None = None

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
        setting = replace(self.settings["hippocampus"], recording="maze", bin_ms=20.0, piece_s=15.0, folder=str(folder))
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


def planned(profile: str) -> Study:
    """The study of a profile, with the maze where it is at hand."""
    return STUDIES[profile] if profile == "ci" else STUDIES[profile].with_maze()


# ---- What is read ----

UNSEEN, REST, PAUSE, RUN = -1, 0, 1, 2
RUN_PX = 20.0  # a second, and the animal runs: it reaches 100 and more on the track


def label(recording: Hippocampus, times_s: Float64[Tensor, " times"]) -> Int64[Tensor, " times"]:
    """`REST` is our word for all that comes after the light was last seen, off the track. Before that `RUN` where the
    light is fast, else `PAUSE`; `UNSEEN` where there is no speed.
    """
    last = recording.places_px.isfinite().all(-1).nonzero()[-1, 0]
    speed = recording.speed(times_s)
    track = torch.where(speed.isnan(), UNSEEN, torch.where(speed >= RUN_PX, RUN, PAUSE))
    return torch.where(times_s > recording.frames_s[last], REST, track)


LEAST_HZ = 0.05  # neurons that fire less are left out: their weights would have no bounds
ARRAYS = {"waves": ARRAYS_OF_WAVES[0], "knock-out": ARRAYS_OF_WAVES[1]}


class Sample(NamedTuple):
    """What is fitted.

    - `trials`: pieces of the recording in their order in time;
    - `positions_um`: of the neurons' electrodes, where they are known;
    - `words`: what was recorded, and its source with the licence;
    - `emission`: of the counts;
    - `behaviour`: in every bin, as `label` tells it, where a camera looked on.
    """

    trials: Trials
    positions_um: Float64[Tensor, "neurons 2"] | None
    words: str
    emission: Emission
    behaviour: Int64[Tensor, "pieces time"] | None = None

    def split(self, block: int, blocks: int) -> tuple[Int64[Tensor, " seen"], Int64[Tensor, " held_out"]]:
        """The places of the pieces outside and inside of a block of time, one of `blocks` of nearly equal size.

        Where an animal ran and then rested, a block is a stretch of time of either; outside, block follows block.
        Raises `ValueError` for other than 2 to as many blocks as pieces, and for no such block.
        """
        stretches = [torch.arange(len(self.trials))]
        if self.behaviour is not None:
            rests = (self.behaviour == REST).all(-1)
            stretches = [kind.nonzero()[:, 0] for kind in (~rests, rests)]
        pieces = min(map(len, stretches))
        if not 2 <= blocks <= pieces:
            raise ValueError(f"blocks: got {blocks}, expected 2 to the {pieces} pieces")
        if not 0 <= block < blocks:
            raise ValueError(f"block: got {block}, expected 0 to {blocks - 1}")
        cut = (stretch.tensor_split(blocks) for stretch in stretches)
        parts = [torch.cat(part) for part in zip(*cut, strict=True)]
        held_out = parts.pop(block)
        return torch.cat(parts), held_out


def read(setting: Setting) -> Sample:
    """The recording that a setting names, cut into pieces; pieces beyond `stop_s` are left out.

    Raises `ValueError` for another name, and what the loaders of `brainlib.data` raise.
    """
    if setting.recording in ARRAYS:
        recording = waves(ARRAYS[setting.recording])
        stop = min(setting.stop_s, recording.duration_s)
        whole = recording.trials(setting.bin_ms).cut(int(stop * 1000 / setting.bin_ms)).pick([0])
        often = (whole.counts.sum((0, 1)) >= LEAST_HZ * stop).nonzero()[:, 0]
        whole = Trials.from_sequences([whole.counts[0, :, often]], whole.bin_ms)
        words = f"{recording.animal}. {recording.source}"
        return Sample(_pieces(whole, setting), recording.positions_um[often], words, Emission())
    if setting.recording == "hippocampus":
        return _track_and_rest(setting)
    if setting.recording == "maze":
        recording = pfc6(setting.folder)
        return Sample(recording.trials, None, recording.source, Emission())
    known = ", ".join((*ARRAYS, "hippocampus", "maze"))
    raise ValueError(f"recording: got {setting.recording!r}, expected one of {known}")


def _track_and_rest(setting: Setting) -> Sample:
    """Pieces of the one and then of the other, without what is left over at the end of each."""
    recording = hippocampus()
    counts = recording.trials(setting.bin_ms).counts[0]
    counts = counts[:, counts.sum(0) >= LEAST_HZ * recording.duration_s]
    seconds = (torch.arange(len(counts), dtype=torch.float64) + 0.5) * setting.bin_ms / 1000
    done = label(recording, recording.start_s + seconds)
    bins = round(setting.piece_s * 1000 / setting.bin_ms)
    stretches = (kind.nonzero()[:, 0] for kind in (done != REST, done == REST))
    kept = torch.cat([stretch[: len(stretch) // bins * bins] for stretch in stretches])
    trials = Trials.from_sequences(list(counts[kept].split(bins)), setting.bin_ms)
    return Sample(trials, None, str(recording.source), Emission(), done[kept].view(-1, bins))


def _pieces(whole: Trials, setting: Setting) -> Trials:
    """Without a last piece that is shorter than half of the others."""
    bins = round(setting.piece_s * 1000 / whole.bin_ms)
    pieces = whole.cut(bins)
    return pieces.pick((pieces.lengths >= bins / 2).nonzero()[:, 0])
