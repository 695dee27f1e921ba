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


def families(plain: tuple[int, ...], naive: tuple[int, ...], penalised: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Numbers of states: of the Poisson HMM, of HG, and of the three that hold their weights (GHG has no 1)."""
    several = tuple(states for states in penalised if states > 1)
    return {"Poisson HMM": plain, "HG": naive, "HG-L1": penalised, "GHG": several, "OHG": penalised}


LEAST = families((2, 4), (1, 2), (1, 2))
FEW = families((2, 4), (1, 2, 4), (1, 2, 4))
UP_TO_8 = families((2, 3, 4, 5, 6, 8), (1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 4, 5, 6, 8))
MOST = families((2, 3, 4, 5, 6, 8, 12, 16, 20), (1, 2, 3, 4, 5, 6, 8), (1, 2, 3, 4, 5, 6, 8, 12, 16, 20))
PLAIN = (2, 3, 4, 6, 8, 12, 16, 20, 24)
WAVES = Setting(
    "waves",
    bin_ms=200.0,
    piece_s=60.0,
    blocks=4,
    states=families(PLAIN[:-2], (1, 2, 4), (1, 2, 4, 6)),
    weights={"HG-L1": (3.0, 10.0, 30.0, 100.0), "GHG": (1.0, 100.0)},
)
KNOCK_OUT = replace(WAVES, recording="knock-out", blocks=3, states=FEW)
HIPPOCAMPUS = replace(
    WAVES,
    recording="hippocampus",
    bin_ms=250.0,
    states=WAVES.states | {"Poisson HMM": PLAIN},
    weights={"HG-L1": (1.0, 3.0, 10.0, 30.0), "GHG": (1.0, 100.0)},
)
AT_CI = {"blocks": 3, "iterations": 15, "one_hot_iterations": 10}

STUDIES = {  # the settings by recording, the waves first
    "ci": {
        "waves": replace(
            WAVES,
            bin_ms=250.0,
            stop_s=1200.0,
            states=LEAST | {"Poisson HMM": (2, 4, 6)},
            weights={"HG-L1": (10.0, 30.0, 100.0), "GHG": (1.0, 100.0)},
            **AT_CI,
        ),
        "hippocampus": replace(
            HIPPOCAMPUS, bin_ms=500.0, states=LEAST, weights={"HG-L1": (3.0, 10.0), "GHG": (1.0, 100.0)}, **AT_CI
        ),
    },
    "laptop": {"waves": WAVES, "knock-out": KNOCK_OUT, "hippocampus": HIPPOCAMPUS},
    "paper": {
        "waves": replace(WAVES, bin_ms=100.0, blocks=8, states=MOST),
        "knock-out": replace(KNOCK_OUT, bin_ms=100.0, blocks=5, states=UP_TO_8),
        "hippocampus": replace(HIPPOCAMPUS, bin_ms=100.0, blocks=8, states=UP_TO_8 | {"Poisson HMM": PLAIN}),
    },
}


def planned(profile: str) -> dict[str, Setting]:
    """The settings of a profile; but for `ci`, with the paper's own recording if a reader's copy is at hand."""
    settings = STUDIES[profile]
    folder = Path(os.environ.get(doors.FOLDER_VARIABLE, ""), MAZE).expanduser()
    if profile == "ci" or doors.FOLDER_VARIABLE not in os.environ or not folder.is_dir():
        return settings
    maze = replace(settings["hippocampus"], recording="maze", bin_ms=20.0, piece_s=15.0, folder=str(folder))
    return settings | {"maze": maze}


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
EMISSION = Emission()
ARRAYS = {"waves": ARRAYS_OF_WAVES[0], "knock-out": ARRAYS_OF_WAVES[1]}


class Sample(NamedTuple):
    """What is fitted.

    - `trials`: pieces of the recording in their order in time;
    - `positions_um`: of the neurons' electrodes, where they are known;
    - `words`: what was recorded, and its source with the licence;
    - `behaviour`: in every bin, as `label` tells it, where a camera looked on.
    """

    trials: Trials
    positions_um: Float64[Tensor, "neurons 2"] | None
    words: str
    behaviour: Int64[Tensor, "pieces time"] | None = None

    def split(self, block: int, blocks: int) -> tuple[Int64[Tensor, " seen"], Int64[Tensor, " held_out"]]:
        """The places of the pieces outside and inside of a block of time, one of `blocks` of nearly equal size.

        Where an animal ran and then rested, a block is a stretch of time of either; outside, block follows block.
        """
        stretches = [torch.arange(len(self.trials))]
        if self.behaviour is not None:
            rests = (self.behaviour == REST).all(-1)
            stretches = [kind.nonzero()[:, 0] for kind in (~rests, rests)]
        cut = (stretch.tensor_split(blocks) for stretch in stretches)
        parts = [torch.cat(part) for part in zip(*cut, strict=True)]
        held_out = parts.pop(block)
        return torch.cat(parts), held_out


def read(setting: Setting) -> Sample:
    """The recording that a setting names, cut into pieces; pieces beyond `stop_s` are left out.

    Raises what the loaders of `brainlib.data` raise.
    """
    if setting.recording == "hippocampus":
        return _track_and_rest(setting)
    if setting.recording == "maze":
        recording = pfc6(setting.folder)
        return Sample(recording.trials, None, recording.source)
    recording = waves(ARRAYS[setting.recording])
    stop = min(setting.stop_s, recording.duration_s)
    whole = recording.trials(setting.bin_ms).cut(int(stop * 1000 / setting.bin_ms)).pick([0])
    often = (whole.counts.sum((0, 1)) >= LEAST_HZ * stop).nonzero()[:, 0]
    pieces = Trials.from_sequences([whole.counts[0, :, often]], whole.bin_ms).cut(_bins(setting))
    pieces = pieces.pick((pieces.lengths >= _bins(setting) / 2).nonzero()[:, 0])  # a last one that is too short goes
    return Sample(pieces, recording.positions_um[often], f"{recording.animal}. {recording.source}")


def _track_and_rest(setting: Setting) -> Sample:
    """Pieces of the one and then of the other, without what is left over at the end of each."""
    recording = hippocampus()
    counts = recording.trials(setting.bin_ms).counts[0]
    counts = counts[:, counts.sum(0) >= LEAST_HZ * recording.duration_s]
    seconds = (torch.arange(len(counts), dtype=torch.float64) + 0.5) * setting.bin_ms / 1000
    done = label(recording, recording.start_s + seconds)
    bins = _bins(setting)
    stretches = (kind.nonzero()[:, 0] for kind in (done != REST, done == REST))
    kept = torch.cat([stretch[: len(stretch) // bins * bins] for stretch in stretches])
    trials = Trials.from_sequences(list(counts[kept].split(bins)), setting.bin_ms)
    return Sample(trials, None, str(recording.source), done[kept].view(-1, bins))


def _bins(setting: Setting) -> int:
    return round(setting.piece_s * 1000 / setting.bin_ms)
