"""A recording in pieces, of which blocks of time are held out by turns."""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.experiments.recordings.behaviour import REST, label
from brainlib.brainstates.experiments.recordings.study import Setting
from brainlib.data import WAVES, Trials, hippocampus, pfc6, waves

LEAST_HZ = 0.05  # neurons that fire less are left out: their weights would have no bounds
ARRAYS = {"waves": WAVES[0], "knock-out": WAVES[1]}


class Sample(NamedTuple):
    """What is fitted.

    - `trials`: pieces of the recording in their order in time;
    - `positions_um`: of the neurons' electrodes, where they are known;
    - `words`: what was recorded, and its source with the licence;
    - `emission`: of the counts;
    - `behaviour`: in every bin, as `label` tells it, where a camera looked on.
    """

    trials: Trials
    positions_um: Float64[Tensor, "neurons 2"] | None
    words: str
    emission: Emission
    behaviour: Int64[Tensor, "pieces time"] | None = None

    def split(self, block: int, blocks: int) -> tuple[Int64[Tensor, " seen"], Int64[Tensor, " held_out"]]:
        """The places of the pieces outside and inside of a block of time, one of `blocks` of nearly equal size.

        Where an animal ran and then rested, a block is a stretch of time of either; outside, block follows block.
        Raises `ValueError` for other than 2 to as many blocks as pieces, and for no such block.
        """
        stretches = [torch.arange(len(self.trials))]
        if self.behaviour is not None:
            rests = (self.behaviour == REST).all(-1)
            stretches = [kind.nonzero()[:, 0] for kind in (~rests, rests)]
        pieces = min(map(len, stretches))
        if not 2 <= blocks <= pieces:
            raise ValueError(f"blocks: got {blocks}, expected 2 to the {pieces} pieces")
        if not 0 <= block < blocks:
            raise ValueError(f"block: got {block}, expected 0 to {blocks - 1}")
        cut = (stretch.tensor_split(blocks) for stretch in stretches)
        parts = [torch.cat(part) for part in zip(*cut, strict=True)]
        held_out = parts.pop(block)
        return torch.cat(parts), held_out


def read(setting: Setting) -> Sample:
    """The recording that a setting names, cut into pieces; pieces beyond `stop_s` are left out.

    Raises `ValueError` for another name, and what the loaders of `brainlib.data` raise.
    """
    if setting.recording in ARRAYS:
        recording = waves(ARRAYS[setting.recording])
        stop = min(setting.stop_s, recording.duration_s)
        whole = recording.trials(setting.bin_ms).cut(int(stop * 1000 / setting.bin_ms)).pick([0])
        often = (whole.counts.sum((0, 1)) >= LEAST_HZ * stop).nonzero()[:, 0]
        whole = Trials.from_sequences([whole.counts[0, :, often]], whole.bin_ms)
        words = f"{recording.animal}. {recording.source}"
        return Sample(_pieces(whole, setting), recording.positions_um[often], words, Emission())
    if setting.recording == "hippocampus":
        return _track_and_rest(setting)
    if setting.recording == "maze":
        recording = pfc6(setting.folder)
        return Sample(recording.trials, None, recording.source, Emission())
    known = ", ".join((*ARRAYS, "hippocampus", "maze"))
    raise ValueError(f"recording: got {setting.recording!r}, expected one of {known}")


def _track_and_rest(setting: Setting) -> Sample:
    """Pieces of the one and then of the other, without what is left over at the end of each."""
    recording = hippocampus()
    counts = recording.trials(setting.bin_ms).counts[0]
    counts = counts[:, counts.sum(0) >= LEAST_HZ * recording.duration_s]
    seconds = (torch.arange(len(counts), dtype=torch.float64) + 0.5) * setting.bin_ms / 1000
    done = label(recording, recording.start_s + seconds)
    bins = round(setting.piece_s * 1000 / setting.bin_ms)
    stretches = (kind.nonzero()[:, 0] for kind in (done != REST, done == REST))
    kept = torch.cat([stretch[: len(stretch) // bins * bins] for stretch in stretches])
    trials = Trials.from_sequences(list(counts[kept].split(bins)), setting.bin_ms)
    return Sample(trials, None, str(recording.source), Emission(), done[kept].view(-1, bins))


def _pieces(whole: Trials, setting: Setting) -> Trials:
    """Without a last piece that is shorter than half of the others."""
    bins = round(setting.piece_s * 1000 / whole.bin_ms)
    pieces = whole.cut(bins)
    return pieces.pick((pieces.lengths >= bins / 2).nonzero()[:, 0])
