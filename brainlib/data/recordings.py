"""Recordings of neurons: spike trains, their counts in bins, and the recordings of the book.

Files that `locate` finds have the content that they should have; only a reader's own (`pfc6`, `barrel`) are checked.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

from brainlib.extras import extra

from .doors import DataError, DataUnavailable, Located, locate
from .trials import Trials

WAVES = ("Blankenship2011_WT_01", "Sun2008_X026P11R-MEME1")
SPIKES, TRAJECTORY = (f"hippocampus_linear_track/{name}" for name in ("spikes.mat", "trajectory.videoPositionTracking"))
FRAME = np.dtype([("clock", "<u4"), ("x", "<u2"), ("y", "<u2"), ("x2", "<u2"), ("y2", "<u2")])
CLOCK_HZ = 30_000.0
SPEED_S = 0.5
HELD_S = 5.0  # at one place to the pixel, and the tracker sees no light: on the track the longest halt is 2.4 s
EDGE = 1e-6  # bins: a spike this near before an edge is on it, for times such as .57 s are not exact
SESSION, MAZE_BIN_MS = "200104", 20.0  # of the rats in a maze
BEFORE_S, AFTER_S = 5.0, 10.0  # around the start of a trial in the maze: 750 bins
CITATION = (
    "Peyrache, Khamassi, Benchenane, Wiener and Battaglia (2018), Activity of neurons in rat medial prefrontal cortex "
    "during learning and sleep, CRCNS.org; Peyrache et al., Nature Neuroscience 2009, doi 10.1038/nn.2337"
)
BARREL_BIN_MS, BARREL_S, BARREL_TRIALS = 3.0, 6.0, 30  # of the mice


@dataclass(frozen=True, eq=False)
class Recording:
    """Spike trains from `start_s` to `stop_s`.

    `times[n]` has the times of the spikes of neuron `n` in seconds, in order. `source`, printed, tells the licence and
    the citation.
    """

    times: list[np.ndarray]
    start_s: float
    stop_s: float
    source: Located

    @property
    def duration_s(self) -> float:
        """The length of the recording in seconds."""
        return self.stop_s - self.start_s

    def trials(self, bin_ms: float) -> Trials:
        """The whole recording as one trial of counts, for `Trials.cut`."""
        return Trials.from_sequences([bin_spikes(self.times, bin_ms, self.start_s, self.stop_s)], bin_ms)


@dataclass(frozen=True, eq=False)
class Waves(Recording):
    """Spike trains of a multi-electrode array.

    `positions_um[n]` is where the electrode of neuron `n` lies, in micrometres; neurons of one electrode share a place.
    `animal` tells species, age and genotype.

    >>> waves().animal  # doctest: +SKIP
    'mouse, 11 days, wt'
    """

    positions_um: Float64[Tensor, "neurons 2"]
    animal: str


def waves(name: str = WAVES[0]) -> Waves:
    """A recording of retinal waves of the developing mouse by its name, one of `WAVES`, from the collection of Eglen
    and others (2014).

    "Blankenship2011_WT_01" has 55 neurons of a wild-type mouse over 52 minutes, in which waves and silence alternate;
    "Sun2008_X026P11R-MEME1" has 108 neurons of a mouse without the beta-2 subunit of the acetylcholine receptor, over
    13 minutes. Needs h5py. Raises `ValueError` for another name, and what `locate` raises.

    >>> recording = waves()  # doctest: +SKIP
    >>> recording.trials(bin_ms=100.0).counts.shape  # doctest: +SKIP
    torch.Size([1, 31310, 55])
    """
    if name not in WAVES:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(WAVES)}")
    with extra("notebook"):
        import h5py

    source = locate(f"{name}.h5")
    with h5py.File(source.path, "r") as file:
        ends = np.cumsum(file["sCount"][()]).astype(int)
        species, age, genotype = (file[f"meta/{word}"][0] for word in ("species", "age", "genotype"))
        return Waves(
            times=np.split(file["spikes"][()].astype(np.float64), ends[:-1]),
            start_s=0.0,
            stop_s=float(file["summary/duration"][0]),
            source=source,
            positions_um=torch.from_numpy(file["epos"][()].astype(np.float64).T.copy()),
            animal=f"{species.decode()}, {age:.0f} days, {genotype.decode()}",
        )


@dataclass(frozen=True, eq=False)
class Hippocampus(Recording):
    """Spike trains of tetrodes in the hippocampus, and the place of a light on the animal in every frame of a video.

    Unit `n` was sorted from tetrode `tetrodes[n]`, numbered from 1. In frame `f`, at `frames_s[f]` on the spikes'
    clock, the light was at `places_px[f]`, x and y in pixels of the camera; the files give no scale. Where the tracker
    holds a place for longer than 5 s, it does not see the light, and the place is NaN.

    >>> len(hippocampus().tetrodes)  # doctest: +SKIP
    31
    """

    tetrodes: Int64[Tensor, " units"]
    frames_s: Float64[Tensor, " frames"]
    places_px: Float64[Tensor, "frames 2"]

    def speed(self, times_s: Float64[Tensor, " times"]) -> Float64[Tensor, " times"]:
        """How fast the light moved, in pixels a second: between the places a quarter of a second before and after.

        Places between frames are interpolated, those before the first frame and after the last are as there. NaN where
        either place was not seen.
        """
        ends = [times_s.numpy() + shift for shift in (-SPEED_S / 2, SPEED_S / 2)]
        before, after = (
            np.stack([np.interp(end, self.frames_s.numpy(), axis) for axis in self.places_px.T.numpy()]) for end in ends
        )
        return torch.from_numpy(np.hypot(*(after - before)) / SPEED_S)


def hippocampus() -> Hippocampus:
    """The one recording of that kind: 31 units over 33 minutes, 28,829 spikes, and 118,965 frames of the video.

    For 16 minutes the animal goes to and fro on a linear track, the first 26 s not seen; then the tracker loses the
    light at the picture's edge, to the end. The files say nothing of that half: the book calls it rest. Needs scipy.
    Raises what `locate` raises.

    >>> recording = hippocampus()  # doctest: +SKIP
    >>> recording.speed(recording.frames_s[2000:2003])  # doctest: +SKIP
    """
    with extra("notebook"):
        from scipy.io import loadmat

    source, video = locate(SPIKES), locate(TRAJECTORY)
    # Cells in cells: spikes{1}{1}{tetrode}{unit} is empty or has the unit's `time` and the recording's `timerange`.
    tetrodes = loadmat(source.path, variable_names=["spikes"])["spikes"][0, 0][0, 0].ravel()
    found = [(number, unit) for number, tetrode in enumerate(tetrodes, 1) for unit in tetrode.ravel() if unit.size]
    units = [(number, unit) for number, unit in found if unit["time"][0, 0].size]
    start, stop = units[0][1]["timerange"][0, 0].ravel()

    # Settings in words, then a record a frame: the clock, and x and y of two lights, of which the second is unused.
    frames = np.frombuffer(video.path.read_bytes().partition(b"<End settings>\n")[2], dtype=FRAME)
    seconds = frames["clock"] / CLOCK_HZ
    places = np.stack([frames["x"], frames["y"]], 1).astype(np.float64)
    firsts = np.append(0, (np.diff(places, axis=0) != 0).any(-1).nonzero()[0] + 1)
    for first, after in zip(firsts, [*firsts[1:], len(places)], strict=True):
        if seconds[after - 1] - seconds[first] > HELD_S:
            places[first:after] = np.nan
    return Hippocampus(
        times=[unit["time"][0, 0].ravel().astype(np.float64) for _, unit in units],
        start_s=float(start),
        stop_s=float(stop),
        source=source,
        tetrodes=torch.tensor([number for number, _ in units]),
        frames_s=torch.from_numpy(seconds),
        places_px=torch.from_numpy(places),
    )


class MazeTrials(NamedTuple):
    """Trials of one session, each from 5 s before its start to 10 s after it, and what the rat did in them.

    A row of `behaviour` has the start and the end of a trial in ms, the rule (1 right, 2 light, 3 left, 4 dark), and 0
    or 1 for whether the choice was correct, whether it was left, and whether the light was left. `places` are x and y
    in the middle of every bin, in the tracker's units. `source` is what to cite.

    >>> pfc6("~/data/pfc6").trials.bin_ms  # doctest: +SKIP
    20.0
    """

    trials: Trials
    behaviour: Float64[Tensor, "trials 6"]
    places: Float64[Tensor, "trials time 2"]
    source: str


def pfc6(folder: str | Path) -> MazeTrials:
    """Rats in a maze, medial prefrontal cortex: session 200104 of CRCNS pfc-6 in bins of 20 ms, 750 a trial, as in the
    paper "One-hot Generalized Linear Model".

    The data cannot be passed on: a reader with an account at crcns.org unpacks them into `folder`, where a session is
    a folder of tables without a head. `200104/200104_SpikeData.dat` has a spike a line: its time in ms and the number
    of its neuron. `200104/200104_Behavior.dat` has a trial a line, as `MazeTrials` describes it, and
    `200104/200104_Pos.dat` a time in ms, x and y.
    Raises `ValueError` if the folder does not exist, `DataUnavailable` if it lacks the files, and `DataError` if one
    is not of this form.

    >>> maze = pfc6("~/data/pfc6")  # doctest: +SKIP
    >>> maze.behaviour[:, 3].mean()  # how often the rat was right  # doctest: +SKIP
    """
    paths = [_folder(folder) / SESSION / f"{SESSION}_{table}.dat" for table in ("SpikeData", "Behavior", "Pos")]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise DataUnavailable(
            f"{', '.join(missing)}: missing. Make an account at https://crcns.org, get pfc-6 from "
            f"https://crcns.org/data-sets/pfc/pfc-6 and unpack it there. To be cited: {CITATION}."
        )
    spikes, behaviour, seen = (_table(path, columns) for path, columns in zip(paths, (2, 6, 3), strict=True))
    if (spikes[:, 1] % 1).any():
        raise DataError(f"{paths[0]}: got a neuron whose number has a fraction")
    starts, ends, rule = behaviour.T[:3]
    if (ends <= starts).any() or not np.isin(rule, (1, 2, 3, 4)).all() or not np.isin(behaviour[:, 3:], (0, 1)).all():
        raise DataError(f"{paths[1]}: expected ends after starts, rules from 1 to 4, and 0 or 1 in the last columns")
    if (np.diff(seen[:, 0]) <= 0).any():
        raise DataError(f"{paths[2]}: expected times that increase")
    times = [spikes[spikes[:, 1] == neuron, 0] / 1000 for neuron in np.unique(spikes[:, 1])]
    counts = [bin_spikes(times, MAZE_BIN_MS, start - BEFORE_S, start + AFTER_S) for start in (starts / 1000).tolist()]
    middles = starts[:, None] - BEFORE_S * 1000 + MAZE_BIN_MS * (np.arange(len(counts[0])) + 0.5)
    places = np.stack([np.interp(middles, seen[:, 0], axis) for axis in seen.T[1:]], -1)
    trials = Trials.from_sequences(counts, MAZE_BIN_MS)
    return MazeTrials(trials, torch.from_numpy(behaviour), torch.from_numpy(places), CITATION)


def barrel(folder: str | Path) -> Trials:
    """Mice that recognise shapes with their whiskers, barrel cortex: the first 30 trials of a session in bins of 3 ms,
    6 s a trial, as in the paper "One-hot Generalized Linear Model".

    The data, of Rodgers (2022), Scientific Data 9:620, are in NWB, a file a session: a reader puts one into `folder`.
    Of several the first by name is read, from the tables `units` and `intervals/trials`. From which moment on the paper
    takes its 6 s, and of which sessions, is not known; here it is the start of a trial. Needs h5py. Raises `ValueError`
    if the folder does not exist, `DataUnavailable` if it has no such file, and `DataError` if it lacks the tables.

    >>> barrel("~/data/barrel").counts.shape  # doctest: +SKIP
    torch.Size([30, 2000, 23])
    """
    paths = sorted(_folder(folder).glob("*.nwb"))
    if not paths:
        raise DataUnavailable(
            f"{folder}: got no NWB file. Put a session there of Rodgers (2022), Scientific Data 9:620."
        )
    with extra("notebook"):
        import h5py

    try:
        with h5py.File(paths[0], "r") as file:
            tables = "units/spike_times", "units/spike_times_index", "intervals/trials/start_time"
            spikes, ends, starts = (file[table][()] for table in tables)
    except (KeyError, OSError) as error:
        raise DataError(f"{paths[0]}: not an NWB file with units and trials ({error})") from error
    times = np.split(spikes.astype(np.float64), ends.astype(int)[:-1])
    counts = [bin_spikes(times, BARREL_BIN_MS, start, start + BARREL_S) for start in starts[:BARREL_TRIALS].tolist()]
    return Trials.from_sequences(counts, BARREL_BIN_MS)


def _folder(folder: str | Path) -> Path:
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ValueError(f"folder: got {str(path)!r}, expected a folder that exists")
    return path


def _table(path: Path, columns: int) -> np.ndarray:
    try:
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            table = np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: not a table of numbers ({error})") from error
    if table.shape[1:] != (columns,) or not len(table) or not np.isfinite(table).all():
        raise DataError(f"{path}: got a table of shape {table.shape}, expected finite numbers in {columns} columns")
    return table


def bin_spikes(
    times: Sequence[np.ndarray], bin_ms: float, start_s: float, stop_s: float
) -> Integer[Tensor, "time neurons"]:
    """How many spikes of each neuron fall into each bin: bin `t` is from `start_s` + t w to `start_s` + (t + 1) w.

    `times` has the spike times of each neuron in seconds, in any order. A spike on an edge belongs to the bin that
    begins there. There are as many bins as fit whole before `stop_s`; spikes outside of them are left out. The counts
    are uint8 if all are below 256, else int32.
    Raises `ValueError` if there is no neuron or no whole bin, or a time is not finite. Warns if times are numbers of
    less than 64 bits, too coarse to tell on which side of an edge a spike is.

    >>> bin_spikes([np.array([0.01, 0.02, 0.21]), np.array([0.1])], bin_ms=100.0, start_s=0.0, stop_s=0.3).tolist()
    [[2, 0], [0, 1], [1, 0]]
    """
    if not (math.isfinite(bin_ms) and bin_ms > 0):
        raise ValueError(f"bin_ms: got {bin_ms!r}, expected a positive number of milliseconds")
    if not len(times):
        raise ValueError("times: got none, expected the spike times of at least one neuron")
    length = (stop_s - start_s) * 1000 / bin_ms
    if not (math.isfinite(length) and length + EDGE >= 1):
        raise ValueError(f"stop_s: got {stop_s!r}, expected at least a bin of {bin_ms} ms after {start_s} s")
    bins = int(length + EDGE)

    columns = []
    coarsest = 0.0  # bins between neighbouring numbers
    for neuron, given in enumerate(times):
        seconds = np.asarray(given, dtype=np.float64)
        if seconds.ndim != 1 or not np.isfinite(seconds).all():
            raise ValueError(f"times[{neuron}]: got a time that is not finite or no row, expected a row of seconds")
        places = np.floor((seconds - start_s) * 1000 / bin_ms + EDGE)
        if getattr(given, "dtype", None) in (np.float16, np.float32) and len(seconds):
            coarsest = max(coarsest, float(np.spacing(np.abs(given).max())) * 1000 / bin_ms)
        columns.append(np.bincount(places[(places >= 0) & (places < bins)].astype(np.int64), minlength=bins))
    if coarsest > EDGE:
        warnings.warn(
            f"times: neighbouring numbers of this precision are up to {coarsest:.2g} bins apart, so that spikes near "
            "an edge may be counted in the bin beside; expected times that were float64 from the start",
            stacklevel=2,
        )
    counts = np.stack(columns, axis=1)
    return torch.from_numpy(counts.astype(np.uint8 if counts.max() < 256 else np.int32))
