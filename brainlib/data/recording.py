"""Spike trains of neurons that were recorded together: what every recording that is not cut into trials has."""

from dataclasses import dataclass

import numpy as np

from .doors import Located
from .spikes import bin_spikes
from .trials import Trials


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
