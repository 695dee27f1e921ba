"""Data of the book: found, verified, turned into tokens and cut into batches.

`locate` finds a data file through three doors and checks it at each. Every text is a row of bytes, a byte is a token.
Files later parts need are one entry each in `registry.py`.
"""

from .batches import CoherentStreams, RandomCrops, windows
from .doors import Located, locate
from .errors import DataError, DataUnavailable
from .europarl import europarl
from .parallel import TAG, Pair, TaggedText, hold_out, translation_stream
from .texts import complete_shakespeare, first_folio, tiny_shakespeare
from .tokens import decode, encode, require_batch, split
from .verses import verse_texts, verses

__all__ = [
    "TAG",
    "CoherentStreams",
    "DataError",
    "DataUnavailable",
    "Located",
    "Pair",
    "RandomCrops",
    "TaggedText",
    "complete_shakespeare",
    "decode",
    "encode",
    "europarl",
    "first_folio",
    "hold_out",
    "locate",
    "require_batch",
    "split",
    "tiny_shakespeare",
    "translation_stream",
    "verse_texts",
    "verses",
    "windows",
]
