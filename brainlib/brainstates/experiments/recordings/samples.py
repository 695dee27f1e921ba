"""A recording in pieces, of which blocks that follow one another in time are held out by turns."""

from typing import NamedTuple

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.experiments.recordings.study import Setting
from brainlib.data import WAVES, Trials, gratings, pfc6, songbird, waves

LEAST_HZ = 0.05  # neurons of an array that fire less are left out: their weights would have no bounds
ARRAYS = {"waves": WAVES[0], "knock-out": WAVES[1]}


class Sample(NamedTuple):
    """What is fitted.

    - `trials`: pieces of the recording in their order in time;
    - `positions_um`: of the neurons' electrodes, where they are known;
    - `words`: what was recorded, and its source with the licence;
    - `emission`: Poisson, or Bernoulli where a bin holds an event or none.
    """

    trials: Trials
    positions_um: Float64[Tensor, "neurons 2"] | None
    words: str
    emission: Emission

    def split(self, block: int, blocks: int) -> tuple[Int64[Tensor, " seen"], Int64[Tensor, " held_out"]]:
        """The places of the pieces outside and inside of a block of time, one of `blocks` of nearly equal size.

        Raises `ValueError` for other than 2 to as many blocks as pieces, and for no such block.
        """
        pieces = len(self.trials)
        if not 2 <= blocks <= pieces:
            raise ValueError(f"blocks: got {blocks}, expected 2 to the {pieces} pieces")
        if not 0 <= block < blocks:
            raise ValueError(f"block: got {block}, expected 0 to {blocks - 1}")
        parts = list(torch.arange(pieces).tensor_split(blocks))
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
    if setting.recording == "gratings":
        recording = gratings()
        shown = min(len(recording.trials), int(setting.stop_s / setting.piece_s))
        return Sample(recording.trials.pick(range(shown)), None, str(recording.source), Emission())
    if setting.recording == "song":
        whole = songbird()
        words = "zebra finch, deconvolved calcium imaging: an event is no single spike"
        return Sample(_pieces(whole, setting), None, words, Emission("bernoulli"))
    if setting.recording == "maze":
        recording = pfc6(setting.folder)
        return Sample(recording.trials, None, recording.source, Emission())
    known = ", ".join((*ARRAYS, "gratings", "song", "maze"))
    raise ValueError(f"recording: got {setting.recording!r}, expected one of {known}")


def _pieces(whole: Trials, setting: Setting) -> Trials:
    """Without a last piece that is shorter than half of the others."""
    bins = round(setting.piece_s * 1000 / whole.bin_ms)
    pieces = whole.cut(bins)
    return pieces.pick((pieces.lengths >= bins / 2).nonzero()[:, 0])
