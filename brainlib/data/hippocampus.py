"""Hippocampus: neurons of an animal that runs on a linear track, and where a camera saw it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.extras import extra

from .doors import locate
from .errors import DataError, reading
from .recording import Recording

SPIKES, TRAJECTORY = (f"hippocampus_linear_track/{name}" for name in ("spikes.mat", "trajectory.videoPositionTracking"))
LARGEST = 1_000_000  # spikes of a unit
FRAME = np.dtype([("clock", "<u4"), ("x", "<u2"), ("y", "<u2"), ("x2", "<u2"), ("y2", "<u2")])
HEAD, END = b"<Start settings>\n", b"<End settings>\n"
FIELDS = b"Fields: <time uint32><xloc uint16><yloc uint16><xloc2 uint16><yloc2 uint16>\n"
SPEED_S = 0.5
HELD_S = 5.0  # at one place to the pixel, and the tracker sees no light: on the track the longest halt is 2.4 s


@dataclass(frozen=True, eq=False)
class Hippocampus(Recording):
    """Spike trains of tetrodes in the hippocampus, and the place of a light on the animal in every frame of a video.

    Unit `n` was sorted from tetrode `tetrodes[n]`, numbered from 1. In frame `f`, at `frames_s[f]` on the spikes'
    clock, the light was at `places_px[f]`, x and y in pixels of the camera; the files give no scale. Where the tracker
    holds a place for longer than 5 s, it does not see the light, and the place is NaN.
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
    light at the picture's edge, to the end. The files say nothing of that half: the book calls it rest. Chapter
    chapters/brainstates/03_recordings reads it. Needs scipy. Raises `DataError` if a file is damaged or contradicts
    itself, and what `locate` raises.
    """
    spikes, trajectory = locate(SPIKES), locate(TRAJECTORY)
    times, tetrodes, start, stop = _units(spikes.path)
    frames, places = _places(trajectory.path)
    return Hippocampus(times, start, stop, spikes, tetrodes, frames, places)


def _units(path: Path) -> tuple[list[np.ndarray], Int64[Tensor, " units"], float, float]:
    """Times and tetrode of every unit that fired, and when recording began and ended.

    Cells in cells: spikes{1}{1}{tetrode}{unit} is empty or has the unit's `time` and the recording's `timerange`.
    """
    with extra("notebook"):
        from scipy.io import loadmat

    times, tetrodes, ranges = [], [], set()
    with reading(path):
        for number, tetrode in enumerate(loadmat(path, variable_names=["spikes"])["spikes"][0, 0][0, 0].ravel(), 1):
            for unit in tetrode.ravel():
                if unit.size and len(seconds := _row(unit["time"][0, 0])):
                    times.append(seconds)
                    tetrodes.append(number)
                    ranges.add(tuple(_row(unit["timerange"][0, 0]).tolist()))
    if len(ranges) != 1:
        raise DataError(f"{path}: expected units of one time range, got {len(times)} units of {len(ranges)}")
    (start, stop), *_ = ranges
    for place, seconds in enumerate(times):
        if not ((start <= seconds) & (seconds <= stop)).all() or (np.diff(seconds) < 0).any():
            raise DataError(f"{path}: unit {place} has spikes that are out of order or outside of {start} to {stop} s")
    return times, torch.tensor(tetrodes), start, stop


def _row(numbers: np.ndarray) -> np.ndarray:
    if numbers.size > LARGEST or 1 not in numbers.shape or numbers.ndim != 2:
        raise ValueError(f"expected a row of numbers, got shape {numbers.shape}")
    return numbers.ravel().astype(np.float64)


def _places(path: Path) -> tuple[Float64[Tensor, " frames"], Float64[Tensor, "frames 2"]]:
    """Settings in words, then a record a frame: the clock, and x and y of two lights, of which the second is unused."""
    with reading(path):
        content = path.read_bytes()
        head, _, records = content.partition(END)
        (rate,) = [int(line[11:]) for line in head.splitlines() if line.startswith(b"clockrate: ")]
        if not head.startswith(HEAD) or FIELDS not in head or rate < 1:
            raise ValueError("the settings are of another form")
        frames = np.frombuffer(records, dtype=FRAME)
    seconds = frames["clock"] / float(rate)
    if not len(frames) or (np.diff(seconds) < 0).any():
        raise DataError(f"{path}: there is no frame, or frames are not in the order of time")
    places = np.stack([frames["x"], frames["y"]], 1).astype(np.float64)
    firsts = np.append(0, (np.diff(places, axis=0) != 0).any(-1).nonzero()[0] + 1)
    for first, after in zip(firsts, [*firsts[1:], len(places)], strict=True):
        if seconds[after - 1] - seconds[first] > HELD_S:
            places[first:after] = np.nan
    return torch.from_numpy(seconds), torch.from_numpy(places)
