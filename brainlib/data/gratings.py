"""Gratings: neurons of the primary visual cortex of macaques that are shown moving or still gratings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from .doors import Located, locate
from .errors import DataError
from .formats import load_matlab, reading
from .trials import Trials

MOVING, STILL = 27, 17  # recordings
BIN_MS = 10.0
BINS = 90


@dataclass(frozen=True, eq=False)
class Gratings:
    """A recording of trials of 90 bins of 10 ms, each with a grating that appears 200 ms after the trial's start.

    Trial `b` showed grating `conditions[b]`; grating `c` had the angle `angles_deg[c]`, the direction in which it moved
    or the orientation in which it stood still, and the contrast `contrasts_percent[c]`. The trials take turns among
    the gratings, so that a first share of them has all. `source`, printed, tells the licence and the citation.
    """

    trials: Trials
    conditions: Int64[Tensor, " trials"]
    angles_deg: Float64[Tensor, " gratings"]
    contrasts_percent: Float64[Tensor, " gratings"]
    source: Located


def gratings(index: int = 6, moving: bool = True) -> Gratings:
    """Recording `index` of the 27 with moving gratings or the 17 with still ones; the first index is 0.

    Index 6 of the moving ones has 22 neurons, 2,064 trials and 254,813 spikes. Chapter
    chapters/brainstates/03_recordings reads it. Needs scipy.
    Raises `ValueError` for another index, `DataError` if the file is damaged, and what `locate` raises.
    """
    known = MOVING if moving else STILL
    if not isinstance(index, int) or not 0 <= index < known:
        raise ValueError(f"index: got {index!r}, expected a whole number from 0 to {known - 1}")
    located = locate(f"data_v1_binned_{'moving' if moving else 'static'}.mat")
    recordings = load_matlab(located.path, "data")
    with reading(located.path):
        return _arrange(located.path, recordings[index], "direction" if moving else "orientation", located)


def _arrange(path: Path, recording: dict, angle: str, source: Located) -> Gratings:
    spikes, shown = recording["spikes"], recording["conditions"]  # [neurons, gratings, time, repeats]
    if spikes.ndim != 4 or spikes.shape[1:3] != (len(shown), BINS) or spikes.dtype != np.uint8:
        raise DataError(f"{path}: got {spikes.dtype} of shape {spikes.shape}, expected counts of {len(shown)} gratings")
    neurons, kinds, bins, repeats = spikes.shape
    counts = spikes.transpose(3, 1, 2, 0).reshape(repeats * kinds, bins, neurons)
    return Gratings(
        trials=Trials.from_sequences(list(counts), BIN_MS),
        conditions=torch.arange(kinds).repeat(repeats),
        angles_deg=torch.tensor([float(grating[angle]) for grating in shown], dtype=torch.float64),
        contrasts_percent=torch.tensor([float(grating["contrast"]) for grating in shown], dtype=torch.float64),
        source=source,
    )
