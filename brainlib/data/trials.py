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
    Made by `Trials.from_sequences`, by the loaders of recordings and by simulation; read by all of
    chapters/brainstates. Raises `ValueError` if the parts do not fit together.
    """

    counts: Integer[Tensor, "trials time neurons"]
    lengths: Int64[Tensor, " trials"]
    bin_ms: float

    def __post_init__(self) -> None:
        counts, lengths = self.counts, self.lengths
        if not (math.isfinite(self.bin_ms) and self.bin_ms > 0):
            raise ValueError(f"bin_ms: got {self.bin_ms!r}, expected a positive number of milliseconds")
        if counts.dim() != 3 or 0 in counts.shape or counts.dtype not in (torch.uint8, torch.int32):
            raise ValueError(
                f"counts: got {counts.dtype} of shape {tuple(counts.shape)}, "
                "expected uint8 or int32 of (trials, time, neurons), each at least 1"
            )
        if lengths.dtype != torch.int64 or lengths.shape != counts.shape[:1]:
            raise ValueError(
                f"lengths: got {lengths.dtype} of shape {tuple(lengths.shape)}, expected one int64 a trial"
            )
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
        for place, part in enumerate(parts):
            if part.shape[1] != parts[0].shape[1]:
                raise ValueError(
                    f"sequences[{place}]: got {part.shape[1]} neurons, expected {parts[0].shape[1]} as in the first"
                )
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

    def pick(self, indices: Sequence[int] | Int64[Tensor, " picked"]) -> "Trials":
        """The trials at the given places, in their order. Raises `ValueError` if there is none or no such place."""
        places = _tensor("indices", indices).to(self.lengths.device)
        if places.is_floating_point() or places.dtype == torch.bool or places.dim() != 1 or not len(places):
            raise ValueError(f"indices: got {indices!r}, expected at least one whole number")
        places = places.long()
        low, high = (int(bound) for bound in places.aminmax())
        if low < 0 or high >= len(self):
            raise ValueError(f"indices: got {low} to {high}, expected 0 to {len(self) - 1}")
        lengths = self.lengths[places]
        return Trials(_narrow(self.counts[places, : int(lengths.max())]), lengths, self.bin_ms)

    def cut(self, bins: int) -> "Trials":
        """Every trial cut into trials of `bins` bins, in order; the last piece of a trial may be shorter."""
        bins = whole_number("bins", bins, least=1)
        whole = [counts[:length] for counts, length in zip(self.counts, self.lengths.tolist(), strict=True)]
        return self._padded([piece for counts in whole for piece in counts.split(bins)], self.bin_ms)

    def split(self, share: float) -> tuple["Trials", "Trials"]:
        """The first `share` of the trials and the rest, as for training and for a test on what was not seen.

        The number of trials in the first part is rounded. Raises `ValueError` if a part would be empty.
        """
        first = round(share * len(self)) if 0 < share < 1 else 0
        if not 0 < first < len(self):
            raise ValueError(f"share: got {share!r}, which leaves a part of the {len(self)} trials empty")
        return self.pick(range(first)), self.pick(range(first, len(self)))

    @classmethod
    def _padded(cls, parts: list[Tensor], bin_ms: float) -> "Trials":
        lengths = torch.tensor([len(part) for part in parts])
        counts = _narrow(torch.nn.utils.rnn.pad_sequence(parts, batch_first=True))
        return cls(counts, lengths, bin_ms)


def _counts(place: int, sequence: Tensor | np.ndarray) -> Integer[Tensor, "time neurons"]:
    """The counts of one trial as int32 or uint8, once they are seen to be counts."""
    values = _tensor(f"sequences[{place}]", sequence)
    if values.dim() != 2 or 0 in values.shape:
        raise ValueError(
            f"sequences[{place}]: got shape {tuple(values.shape)}, expected (time, neurons), each at least 1"
        )
    if values.is_complex():
        raise ValueError(f"sequences[{place}]: got {values.dtype}, expected whole numbers")
    if values.dtype == torch.uint8:
        return values
    if values.is_floating_point():
        if not bool(values.isfinite().all()):
            raise ValueError(f"sequences[{place}]: got a count that is not finite, expected whole numbers")
        if not bool((values == values.round()).all()):
            raise ValueError(f"sequences[{place}]: got a count that is not whole, expected whole numbers")
    low, high = values.amin().item(), values.amax().item()
    if low < 0 or high > torch.iinfo(torch.int32).max:
        raise ValueError(f"sequences[{place}]: got counts from {low} to {high}, expected 0 to 2^31 - 1")
    return values.int()


def _tensor(name: str, values: Sequence[int] | Tensor | np.ndarray) -> Tensor:
    """The values as a tensor; a NumPy array is copied, of any byte order and strides, read-only or not."""
    if isinstance(values, np.ndarray):
        wide = values.dtype.kind == "u" and values.dtype.itemsize > 1  # torch cannot compare them
        values = values.astype(np.int64 if wide else values.dtype.newbyteorder("="), order="C")
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: got {type(values).__name__}, expected numbers ({error})") from error


def _narrow(counts: Integer[Tensor, "trials time neurons"]) -> Integer[Tensor, "trials time neurons"]:
    return counts.to(torch.uint8) if counts.dtype != torch.uint8 and int(counts.max()) < 256 else counts
