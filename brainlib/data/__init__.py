"""Data of the book: found, verified, turned into tokens and cut into batches.

`locate` finds a data file through three doors and checks it at each. Every text is a row of bytes, a byte is a token.
Files later parts need are one entry each in `registry.py`.
"""

from .batches import CoherentStreams, RandomCrops, windows
from .doors import Located, locate
from .errors import DataError, DataUnavailable
from .texts import complete_shakespeare, first_folio, tiny_shakespeare
from .tokens import decode, encode, split

__all__ = [
    "CoherentStreams",
    "DataError",
    "DataUnavailable",
    "Located",
    "RandomCrops",
    "complete_shakespeare",
    "decode",
    "encode",
    "first_folio",
    "locate",
    "split",
    "tiny_shakespeare",
    "windows",
]
