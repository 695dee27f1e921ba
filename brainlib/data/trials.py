"""Spike counts in trials of different lengths: what every model of spike trains in the book reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int64, Integer
from torch import Tensor

from brainlib.arguments import whole_number


@dataclass(frozen=True, eq=False)
class Trials:
    """How often each neuron fired in each bin of each trial.

    `counts[b, t, n]` is the number of spikes of neuron `n` in bin `t` of trial `b`, zero from bin `lengths[b]` on;
    uint8 if every count is below 256, else int32. A bin lasts `bin_ms` milliseconds.
    Made by `Trials.from_sequences`, by the loaders of recordings and by simulation. Raises `ValueError` if the parts do
    not fit together.

    >>> trials = Trials.from_sequences([np.ones((5, 2)), np.zeros((3, 2))], bin_ms=10.0)
    >>> trials.counts.shape, trials.lengths.tolist(), trials.cut(2).lengths.tolist()
    (torch.Size([2, 5, 2]), [5, 3], [2, 2, 1, 2, 1])
    """

    counts: Integer[Tensor, "trials time neurons"]
    lengths: Int64[Tensor, " trials"]
    bin_ms: float

    def __post_init__(self) -> None:
        counts, lengths = self.counts, self.lengths
        if not (math.isfinite(self.bin_ms) and self.bin_ms > 0):
            raise ValueError(f"bin_ms: got {self.bin_ms!r}, expected a positive number of milliseconds")
        if counts.dim() != 3 or 0 in counts.shape or counts.dtype not in (torch.uint8, torch.int32):
            got = f"{counts.dtype} of shape {tuple(counts.shape)}"
            raise ValueError(f"counts: got {got}, expected uint8 or int32 of (trials, time, neurons), each at least 1")
        if lengths.dtype != torch.int64 or lengths.shape != counts.shape[:1]:
            raise ValueError(f"lengths: got {lengths.dtype} of shape {tuple(lengths.shape)}, expected an int64 a trial")
        low, high = (int(bound) for bound in lengths.aminmax())
        if low < 1 or high != counts.shape[1]:
            raise ValueError(f"lengths: got {low} to {high}, expected 1 to the {counts.shape[1]} bins of the longest")
        if counts.dtype == torch.int32 and int(counts.min()) < 0:
            raise ValueError(f"counts: got {int(counts.min())}, expected none below zero")
        if low < high and bool(counts[~self.mask].any()):
            raise ValueError("counts: got spikes beyond the end of a trial, expected zeros")

    @classmethod
    def from_sequences(cls, sequences: Sequence[Tensor | np.ndarray], bin_ms: float) -> "Trials":
        """Trials from a list of counts, each shaped (time, neurons), of any lengths.

        Raises `ValueError` if there is no trial, a trial is empty or has another number of neurons than the first, or
        a count is not finite, not whole, negative or above 2^31 - 1.
        """
        if not len(sequences):
            raise ValueError("sequences: got none, expected at least one trial")
        parts = [_counts(place, sequence) for place, sequence in enumerate(sequences)]
        neurons = parts[0].shape[1]
        for place, part in enumerate(parts):
            if part.shape[1] != neurons:
                raise ValueError(f"sequences[{place}]: got {part.shape[1]} neurons, expected {neurons} as in the first")
        return cls._padded(parts, bin_ms)

    @property
    def neurons(self) -> int:
        """The number of neurons."""
        return self.counts.shape[2]

    @property
    def bins(self) -> int:
        """The number of bins of all trials together."""
        return int(self.lengths.sum())

    @property
    def spikes(self) -> int:
        """The number of spikes of all trials and neurons together."""
        return int(self.counts.sum())

    @property
    def mask(self) -> Bool[Tensor, "trials time"]:
        """True where a bin belongs to its trial, false where it is padding."""
        return torch.arange(self.counts.shape[1], device=self.lengths.device) < self.lengths[:, None]

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, indices: Sequence[int] | np.ndarray | Int64[Tensor, " picked"]) -> "Trials":
        """The trials at the given places, in their order. Raises `ValueError` if there is none or no such place."""
        given = np.asarray(indices)
        if given.dtype.kind not in "iu" or given.ndim != 1 or not given.size:
            raise ValueError(f"indices: got {indices!r}, expected at least one whole number")
        if given.min() < 0 or given.max() >= len(self):
            raise ValueError(f"indices: got {given.min()} to {given.max()}, expected 0 to {len(self) - 1}")
        places = torch.from_numpy(given.astype(np.int64))
        lengths = self.lengths[places]
        return Trials(_narrow(self.counts[places, : int(lengths.max())]), lengths, self.bin_ms)

    def cut(self, bins: int) -> "Trials":
        """Every trial cut into trials of `bins` bins, in order; the last piece of a trial may be shorter."""
        bins = whole_number("bins", bins, least=1)
        whole = [counts[:length] for counts, length in zip(self.counts, self.lengths.tolist(), strict=True)]
        return self._padded([piece for counts in whole for piece in counts.split(bins)], self.bin_ms)

    @classmethod
    def _padded(cls, parts: list[Tensor], bin_ms: float) -> "Trials":
        lengths = torch.tensor([len(part) for part in parts])
        return cls(_narrow(torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)), lengths, bin_ms)


def _counts(place: int, sequence: Tensor | np.ndarray) -> Integer[Tensor, "time neurons"]:
    """The counts of one trial as int32, once they are seen to be counts."""
    values = sequence.numpy(force=True) if isinstance(sequence, Tensor) else np.asarray(sequence)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"sequences[{place}]: got shape {values.shape}, expected (time, neurons), each at least 1")
    if values.dtype.kind not in "biuf":
        raise ValueError(f"sequences[{place}]: got {values.dtype}, expected whole numbers")
    low, high = values.min().item(), values.max().item()  # NaN if there is one
    fits = low >= 0 and high <= np.iinfo(np.int32).max
    if not fits or (values.dtype.kind == "f" and (values % 1).any()):
        got = f"counts from {low} to {high}" if math.isfinite(low + high) else "a count that is not finite"
        raise ValueError(f"sequences[{place}]: got {got}, expected whole numbers from 0 to 2^31 - 1")
    return torch.from_numpy(values.astype(np.int32))


def _narrow(counts: Integer[Tensor, "trials time neurons"]) -> Integer[Tensor, "trials time neurons"]:
    return counts.to(torch.uint8) if counts.dtype != torch.uint8 and int(counts.max()) < 256 else counts
