"""Data of the book: found, verified, turned into tokens and batches or into counts of spikes.

`locate` finds a data file through three doors and checks it at each. Every text is a row of bytes, a byte is a token;
every recording becomes `Trials`. Files later parts need are one entry each in `registry.py`.
"""

from .batches import CoherentStreams, RandomCrops, windows
from .digits import Digits, digits
from .doors import Located, locate
from .errors import DataError, DataUnavailable
from .europarl import europarl
from .gratings import Gratings, gratings
from .parallel import TAG, Pair, TaggedText, hold_out, translation_stream
from .pfc6 import MazeTrials, pfc6
from .songbird import songbird
from .spikes import bin_spikes
from .texts import complete_shakespeare, first_folio, tiny_shakespeare
from .tokens import decode, encode, require_batch, split
from .trials import Trials
from .verses import verse_texts, verses
from .waves import WAVES, Recording, waves

__all__ = [
    "TAG",
    "WAVES",
    "CoherentStreams",
    "DataError",
    "DataUnavailable",
    "Digits",
    "Gratings",
    "Located",
    "MazeTrials",
    "Pair",
    "RandomCrops",
    "Recording",
    "TaggedText",
    "Trials",
    "bin_spikes",
    "complete_shakespeare",
    "decode",
    "digits",
    "encode",
    "europarl",
    "first_folio",
    "gratings",
    "hold_out",
    "locate",
    "pfc6",
    "require_batch",
    "songbird",
    "split",
    "tiny_shakespeare",
    "translation_stream",
    "verse_texts",
    "verses",
    "waves",
    "windows",
]
