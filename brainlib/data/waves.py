"""Retinal waves: two recordings of the developing mouse retina, from the collection of Eglen and others (2014)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from brainlib.extras import extra

from .doors import Located, locate
from .errors import DataError, reading
from .recording import Recording

WAVES = ("Blankenship2011_WT_01", "Sun2008_X026P11R-MEME1")
LARGEST = 10_000_000  # numbers in a part of a file, far above what a recording holds


@dataclass(frozen=True, eq=False)
class Waves(Recording):
    """Spike trains of a multi-electrode array.

    `positions_um[n]` is where the electrode of neuron `n` lies, in micrometres; neurons of one electrode share a place.
    `animal` tells species, age and genotype.
    """

    positions_um: Float64[Tensor, "neurons 2"]
    animal: str


def waves(name: str = WAVES[0]) -> Waves:
    """A recording of retinal waves by its name, one of `WAVES`.

    "Blankenship2011_WT_01" has 55 neurons of a wild-type mouse over 52 minutes, in which waves and silence alternate;
    "Sun2008_X026P11R-MEME1" has 108 neurons of a mouse without the beta-2 subunit of the acetylcholine receptor, over
    13 minutes. Chapter chapters/brainstates/03_recordings reads both. Needs h5py.
    Raises `ValueError` for another name, `DataError` if the file is damaged or contradicts itself, and what `locate`
    raises.
    """
    if name not in WAVES:
        raise ValueError(f"name: got {name!r}, expected one of {', '.join(WAVES)}")
    located = locate(f"{name}.h5")
    return _read(located.path, located)


def _read(path: Path, source: Located) -> Waves:
    with extra("notebook"):
        import h5py

    with reading(path), h5py.File(path, "r") as file:
        times = _numbers(file, "spikes")
        counts = _numbers(file, "sCount")
        positions = _numbers(file, "epos")  # [2, neurons]
        (duration,) = _numbers(file, "summary/duration")
        animal = (
            f"{_word(file, 'meta/species')}, {_numbers(file, 'meta/age')[0]:.0f} days, {_word(file, 'meta/genotype')}"
        )
    _check(path, times, counts, positions, duration)
    return Waves(
        times=np.split(times, np.cumsum(counts).astype(int)[:-1]),
        start_s=0.0,
        stop_s=float(duration),
        source=source,
        positions_um=torch.from_numpy(positions.T.copy()),
        animal=animal,
    )


def _numbers(file, name: str) -> np.ndarray:
    part = file[name]
    if part.size > LARGEST:
        raise ValueError(f"{name} has {part.size:,} numbers")
    return part.astype(np.float64)[()]


def _word(file, name: str) -> str:
    return file[name][0].decode()


def _check(path: Path, times: np.ndarray, counts: np.ndarray, positions: np.ndarray, duration: float) -> None:
    """Raise `DataError` unless the parts of a file fit together."""
    neurons = counts.size
    if times.ndim != 1 or counts.ndim != 1 or not neurons or (counts < 0).any() or (counts != np.round(counts)).any():
        raise DataError(f"{path}: sCount is not one count of spikes a neuron")
    if counts.sum() != times.size:
        raise DataError(f"{path}: sCount tells of {counts.sum():,.0f} spikes, but there are {times.size:,}")
    if positions.shape != (2, neurons) or not np.isfinite(positions).all():
        raise DataError(f"{path}: epos has shape {positions.shape}, expected two coordinates of {neurons} neurons")
    if not (np.isfinite(duration) and duration > 0 and ((times >= 0) & (times <= duration)).all()):
        raise DataError(f"{path}: there are spikes before the start or after the end, at {duration} s")
    firsts = np.cumsum(counts).astype(int)[:-1]  # where a neuron's spikes begin, time may step back
    backward = np.flatnonzero(np.diff(times) < 0) + 1
    if not np.isin(backward, firsts).all():
        raise DataError(f"{path}: the spikes of a neuron are not in the order of time")
