"""Which recordings chapter 3 reads, and how they are cut into pieces and blocks of time, at every profile.

`ci` reads ten minutes of the waves, and the hippocampus in coarse bins, and holds two blocks out. `laptop` reads three
recordings, whole, and holds out every block. `paper` has finer bins. The paper's own recordings join at any profile but
`ci` where a reader has put them: see `planned`.
"""

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.emissions import Emission
from brainlib.data import WAVES as ARRAYS_OF_WAVES
from brainlib.data import Hippocampus, Trials, barrel, doors, hippocampus, pfc6, waves

MAZE, BARREL = "pfc6", "barrel"  # the folders of a reader's copies, within the one that BRAINLIB_DATA names


@dataclass(frozen=True)
class Setting:
    """How one recording is read, and what a fit costs.

    - `recording`: "waves" (a wild-type retina), "knock-out" (a retina without beta-2 receptors), "hippocampus" (of an
      animal that runs and rests); "maze" (prefrontal cortex) and "barrel" (barrel cortex) from `folder`;
    - `bin_ms`, `piece_s`: the bins, and the pieces into which it is cut (maze and barrel have trials of their own);
    - `stop_s`: only so much of a retina's beginning is read;
    - `blocks` of time, the first `held_out` of which are held out, one after another;
    - `iterations` of EM at most; `starts` of the last fit, of those that choose one; `other_starts` draws others;
    - `most_states` that are tried, `most_neurons`: the busiest, as the cost of a fit grows with their square and more;
    - `shifted`: each neuron's spikes are shifted in time against the others', so that nothing is common.
    """

    recording: str
    bin_ms: float
    piece_s: float
    blocks: int = 5
    held_out: int = 5
    starts: int = 1
    iterations: int = 25
    most_states: int = 48
    most_neurons: int = 30
    stop_s: float = math.inf
    folder: str | None = None
    other_starts: bool = False
    shifted: bool = False


WAVES = Setting("waves", bin_ms=250.0, piece_s=60.0)
KNOCK_OUT = replace(WAVES, recording="knock-out", piece_s=30.0)
HIPPOCAMPUS = Setting("hippocampus", bin_ms=250.0, piece_s=30.0)


def resized(**sizes: float) -> dict[str, Setting]:
    return {setting.recording: replace(setting, **sizes) for setting in (WAVES, KNOCK_OUT, HIPPOCAMPUS)}


STUDIES = {  # the settings by recording
    "ci": resized(bin_ms=500.0, held_out=2, iterations=4, most_states=3, most_neurons=10, stop_s=600.0),
    "laptop": resized(),
    "paper": resized(bin_ms=100.0, starts=4),
}
del STUDIES["ci"]["knock-out"]


def planned(profile: str) -> dict[str, Setting]:
    """The settings of a profile; but for `ci`, with the paper's own recordings where a reader's copies are at hand."""
    settings, home = STUDIES[profile], os.environ.get(doors.FOLDER_VARIABLE)
    own = {"maze": (MAZE, 20.0), "barrel": (BARREL, 3.0)}
    if profile == "ci" or home is None:
        return settings
    folders = {name: (str(Path(home, folder).expanduser()), bin_ms) for name, (folder, bin_ms) in own.items()}
    return settings | {
        name: replace(settings["hippocampus"], recording=name, folder=folder, bin_ms=bin_ms)
        for name, (folder, bin_ms) in folders.items()
        if Path(folder).is_dir()
    }


# ---- What is read ----

UNSEEN, REST, PAUSE, RUN = -1, 0, 1, 2
RUN_PX = 20.0  # a second, and the animal runs: it reaches 100 and more on the track
STRETCHES = 5  # of the track, of equal length
LEAST_HZ = 0.05  # neurons that fire less in what is seen are left out: their weights would have no bounds
EMISSION = Emission()
ARRAYS = {"waves": ARRAYS_OF_WAVES[0], "knock-out": ARRAYS_OF_WAVES[1]}


class Sample(NamedTuple):
    """What is fitted.

    - `trials`: pieces of the recording in their order in time, all of one length;
    - `words`: what was recorded, and its source with the licence;
    - `positions_um`: of the neurons' electrodes, where they are known;
    - `behaviour`, in every bin, as `label` tells it, and `place`, from one end of the track (0) to the other (1), NaN
      where it is not seen: where a camera looked on.
    """

    trials: Trials
    words: str
    positions_um: Float64[Tensor, "neurons 2"] | None = None
    behaviour: Int64[Tensor, "pieces time"] | None = None
    place: Float64[Tensor, "pieces time"] | None = None

    def cut(self, blocks: int) -> list[Int64[Tensor, " pieces"]]:
        """The places of the pieces of each block of time. Where an animal ran and then rested, a block is a stretch of
        time of either; outside, block follows block.
        """
        stretches = [torch.arange(len(self.trials))]
        if self.behaviour is not None:
            rests = (self.behaviour == REST).all(-1)
            stretches = [kind.nonzero()[:, 0] for kind in (~rests, rests)]
        parts = zip(*(stretch.tensor_split(blocks) for stretch in stretches), strict=True)
        return [torch.cat(part) for part in parts]

    @property
    def stretch(self) -> Int64[Tensor, "pieces time"]:
        """Where on the track the animal runs, in `STRETCHES`; `UNSEEN` in all other bins."""
        stretch = (self.place * STRETCHES).nan_to_num().long().clamp(0, STRETCHES - 1)
        return torch.where((self.behaviour == RUN) & self.place.isfinite(), stretch, UNSEEN)


def read(setting: Setting) -> Sample:
    """The recording that a setting names. Raises what the loaders of `brainlib.data` raise."""
    if setting.recording == "hippocampus":
        sample = _track_and_rest(setting)
    elif setting.recording == "maze":
        recording = pfc6(setting.folder)
        sample = Sample(recording.trials, recording.source)
    elif setting.recording == "barrel":
        sample = Sample(barrel(setting.folder), "Rodgers (2022), Scientific Data 9:620")
    else:
        recording = waves(ARRAYS[setting.recording])
        stop = min(setting.stop_s, recording.duration_s)
        whole = recording.trials(setting.bin_ms).counts[0, : int(stop * 1000 / setting.bin_ms)]
        words = f"{recording.animal}. {recording.source}"
        sample = Sample(_pieces(whole, setting), words, recording.positions_um)
    return sample._replace(trials=shifted(sample.trials)) if setting.shifted else sample


def shifted(trials: Trials) -> Trials:
    """Each neuron's spikes later than they were, by a time of its own; what leaves the end comes back at the
    beginning. A neuron keeps its bursts and slow changes, and shares them with no other.
    """
    counts, generator = trials.counts.flatten(0, 1), seeded(0)
    by = torch.randint(len(counts), (trials.neurons,), generator=generator).tolist()
    moved = torch.stack([neuron.roll(bins) for neuron, bins in zip(counts.T, by, strict=True)], 1)
    return Trials(moved.view_as(trials.counts), trials.lengths, trials.bin_ms)


def label(recording: Hippocampus, times_s: Float64[Tensor, " times"]) -> Int64[Tensor, " times"]:
    """`REST` is our word for all that comes after the light was last seen, off the track. Before that `RUN` where the
    light is fast, else `PAUSE`; `UNSEEN` where there is no speed.
    """
    last = recording.places_px.isfinite().all(-1).nonzero()[-1, 0]
    speed = recording.speed(times_s)
    track = torch.where(speed.isnan(), UNSEEN, torch.where(speed >= RUN_PX, RUN, PAUSE))
    return torch.where(times_s > recording.frames_s[last], REST, track)


def along_the_track(recording: Hippocampus, times_s: Float64[Tensor, " times"]) -> Float64[Tensor, " times"]:
    """The light's place along the line on which its places vary most, 0 and 1 at the ends of the middle 98 %."""
    seen = recording.places_px[recording.places_px.isfinite().all(-1)]
    axis = torch.linalg.svd(seen - seen.mean(0), full_matrices=False).Vh[0]
    low, high = (seen @ axis).quantile(torch.tensor([0.01, 0.99], dtype=seen.dtype))
    frame = torch.searchsorted(recording.frames_s, times_s).clamp(max=len(recording.frames_s) - 1)
    return ((recording.places_px[frame] @ axis - low) / (high - low)).clamp(0, 1)


def _track_and_rest(setting: Setting) -> Sample:
    """Pieces of the one and then of the other, without what is left over at the end of each."""
    recording = hippocampus()
    counts = recording.trials(setting.bin_ms).counts[0]
    seconds = (torch.arange(len(counts), dtype=torch.float64) + 0.5) * setting.bin_ms / 1000 + recording.start_s
    done, place = label(recording, seconds), along_the_track(recording, seconds)
    bins = _bins(setting)
    stretches = (kind.nonzero()[:, 0] for kind in (done != REST, done == REST))
    kept = torch.cat([stretch[: len(stretch) // bins * bins] for stretch in stretches])
    cut = done[kept].view(-1, bins), place[kept].view(-1, bins)
    return Sample(_pieces(counts[kept], setting), str(recording.source), None, *cut)


def _pieces(counts: Int64[Tensor, "time neurons"], setting: Setting) -> Trials:
    """Without what is left over at the end."""
    bins = _bins(setting)
    return Trials.from_sequences(list(counts[: len(counts) // bins * bins].split(bins)), setting.bin_ms)


def _bins(setting: Setting) -> int:
    return round(setting.piece_s * 1000 / setting.bin_ms)
