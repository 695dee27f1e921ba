"""Data of the book: found, verified, turned into tokens and batches or into counts of spikes.

`locate` finds a data file and checks it, by whatever door it came. Every text is a row of bytes, a byte is a token;
every recording becomes `Trials`. Files later parts need are one entry each in `files/registry.toml`.
"""

from .batches import CoherentStreams, RandomCrops, windows
from .digits import Digits, digits
from .doors import DataError, DataUnavailable, Located, locate, missing
from .recordings import WAVES, Hippocampus, MazeTrials, Waves, barrel, bin_spikes, hippocampus, pfc6, waves
from .tokens import decode, encode, require_batch, shakespeare, split, tiny_shakespeare
from .trials import Trials
from .verses import TAG, Pair, TaggedText, hold_out, translation_stream, verses

__all__ = [
    "TAG",
    "WAVES",
    "CoherentStreams",
    "DataError",
    "DataUnavailable",
    "Digits",
    "Hippocampus",
    "Located",
    "MazeTrials",
    "Pair",
    "RandomCrops",
    "TaggedText",
    "Trials",
    "Waves",
    "barrel",
    "bin_spikes",
    "decode",
    "digits",
    "encode",
    "hippocampus",
    "hold_out",
    "locate",
    "missing",
    "pfc6",
    "require_batch",
    "shakespeare",
    "split",
    "tiny_shakespeare",
    "translation_stream",
    "verses",
    "waves",
    "windows",
]
