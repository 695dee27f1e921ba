"""Spike trains of neurons that were recorded together, and their counts in bins."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from .doors import Located
from .trials import Trials

EDGE = 1e-6  # bins: a spike this near before an edge is on it, for times such as .57 s are not exact


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
        """The whole recording as one trial of counts, for `Trials.cut` and `Trials.split`."""
        return Trials.from_sequences([bin_spikes(self.times, bin_ms, self.start_s, self.stop_s)], bin_ms)


def bin_spikes(
    times: Sequence[np.ndarray], bin_ms: float, start_s: float, stop_s: float
) -> Integer[Tensor, "time neurons"]:
    """How many spikes of each neuron fall into each bin: bin `t` is from `start_s` + t w to `start_s` + (t + 1) w.

    `times` has the spike times of each neuron in seconds, in any order. A spike on an edge belongs to the bin that
    begins there. There are as many bins as fit whole before `stop_s`; spikes outside of them are left out. The counts
    are uint8 if all are below 256, else int32. The loaders of recordings use it.
    Raises `ValueError` if there is no neuron or no whole bin, or a time is not finite. Warns if times are numbers of
    less than 64 bits, too coarse to tell on which side of an edge a spike is.
    """
    if not (math.isfinite(bin_ms) and bin_ms > 0):
        raise ValueError(f"bin_ms: got {bin_ms!r}, expected a positive number of milliseconds")
    if not len(times):
        raise ValueError("times: got none, expected the spike times of at least one neuron")
    bins = (stop_s - start_s) * 1000 / bin_ms
    if not (math.isfinite(bins) and bins + EDGE >= 1):
        raise ValueError(f"stop_s: got {stop_s!r}, expected at least a bin of {bin_ms} ms after {start_s} s")
    size = int(bins + EDGE), len(times)

    places = []  # of every spike in the flat counts, [time, neurons]
    coarsest = 0.0  # bins between neighbouring numbers
    for neuron, given in enumerate(times):
        seconds = np.asarray(given, dtype=np.float64)
        if seconds.ndim != 1 or not np.isfinite(seconds).all():
            raise ValueError(f"times[{neuron}]: got a time that is not finite or no row, expected a row of seconds")
        bins = np.floor((seconds - start_s) * 1000 / bin_ms + EDGE)
        if getattr(given, "dtype", None) in (np.float16, np.float32) and len(seconds):
            coarsest = max(coarsest, float(np.spacing(np.abs(given).max())) * 1000 / bin_ms)
        places.append(bins[(bins >= 0) & (bins < size[0])].astype(np.int64) * size[1] + neuron)
    if coarsest > EDGE:
        warnings.warn(
            f"times: neighbouring numbers of this precision are up to {coarsest:.2g} bins apart, so that spikes near "
            "an edge may be counted in the bin beside; expected times that were float64 from the start",
            stacklevel=2,
        )
    taken, counts = np.unique(np.concatenate(places), return_counts=True)
    binned = np.zeros(size, dtype=np.uint8 if counts.max(initial=0) < 256 else np.int32)
    binned.reshape(-1)[taken] = counts
    return torch.from_numpy(binned)
