"""Sentences and their translations: the Bible in five languages, verse by verse, half of it at hand; what is held out,
and the tagged stream that a translating model reads.
"""

import bz2
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from brainlib.arguments import seeded, whole_number

from .doors import locate
from .tokens import encode

Pair = tuple[str, str]
TAG = 255  # the language of a byte that belongs to a tag
TRANSLATIONS = {
    "en": "k",  # King James Version
    "de": "e",  # Elberfelder, 1932
    "es": "v",  # Reina-Valera, 1909
    "fr": "l",  # Segond, 1910
    "it": "d",  # Diodati
}

SHIPPED = ("en", "es", "fr", "it")  # languages of the verses that come with brainlib
RUN = 500  # verses of which all or none is shipped: ten blocks of `hold_out`
LONGEST_RATIO = 2.0  # of the longest translation of a verse to the shortest, in characters

_OTHER_NUMBER = re.compile(r"\(\d+:\d+[a-z]?\)?")  # a verse's number in another numbering, as in "(7:26) "
_MARKS = re.compile(r"\(\*\)|[\[\]*]|-\s*$")  # missing verses, brackets of added words, dashes between sections


_Item = TypeVar("_Item")


class TaggedText(NamedTuple):
    """A stream of tagged sentences, byte by byte.

    `tokens` are the bytes, `language` is the place of each byte's language in the `languages` of the stream (255 in a
    tag), and `target` is true where a byte belongs to a translation, which can be read off what came before it.

    >>> stream = translation_stream([("Jesus wept.", "Y lloró Jesús.")], source="en")
    >>> bytes(stream.tokens[stream.target].tolist()).decode()
    'Y lloró Jesús.'
    """

    tokens: UInt8[Tensor, "bytes"]
    language: UInt8[Tensor, "bytes"]
    target: Bool[Tensor, "bytes"]


def verses(*languages: str, whole: bool = False) -> list[tuple[str, ...]]:
    """The verses in the given languages, such as "en" and "es", cleaned, in the order of the books.

    15,500 verses in "en", "es", "fr" and "it" come with brainlib: every other run of 500. With `whole` it is all
    30,879, in "de" as well, out of a file that `locate` obtains (73 MB, and 218 MB unpacked).

    A verse is left out if it is empty in one of the five translations, or if one is more than twice as long as another.
    So the entries are the same verses for every choice of languages: what `hold_out` keeps from one pair of languages
    it keeps from all, and what it keeps from the shipped verses it keeps from the whole Bible. Cleaning takes out the
    editors' marks (verse numbers of another numbering, dashes and stars between sections, the brackets around added
    words, whose words stay) and collapses white space.
    Raises `ValueError` if a language is not one of these or comes twice, and what `locate` raises.

    >>> len(verses("en")), verses("en", "fr")[0][1]
    (15500, 'Au commencement, Dieu créa les cieux et la terre.')
    """
    known = tuple(TRANSLATIONS) if whole else SHIPPED
    if not languages or len(set(languages)) < len(languages) or not set(languages) <= set(known):
        raise ValueError(f"languages: got {languages!r}, expected different ones of {', '.join(known)} (whole={whole})")
    texts = _whole() if whole else _shipped()
    return list(zip(*(texts[language] for language in languages), strict=True))


def _shipped() -> dict[str, list[str]]:
    lines = bz2.decompress(locate("verses.txt.bz2").path.read_bytes()).decode().split("\n")[:-1]
    each = len(lines) // len(SHIPPED)
    return {language: lines[place * each : (place + 1) * each] for place, language in enumerate(SHIPPED)}


def _whole() -> dict[str, list[str]]:
    """Every verse that is kept, in every language; the entries of the lists correspond."""
    path = locate("bible.db").path
    query = "SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?"
    texts = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        for language, code in TRANSLATIONS.items():
            texts[language] = {tuple(place): _clean(text) for *place, text in database.execute(query, (code,))}
    places = sorted(set.intersection(*(set(text) for text in texts.values())))  # book, chapter, verse
    lengths = {place: [len(text[place]) for text in texts.values()] for place in places}
    kept = [place for place in places if 0 < max(lengths[place]) <= LONGEST_RATIO * min(lengths[place])]
    return {language: [text[place] for place in kept] for language, text in texts.items()}


def _clean(text: str) -> str:
    text = text.replace("\u00ad", "¡")  # the Spanish text has a soft hyphen for it: one byte, two code pages
    return " ".join(_MARKS.sub("", _OTHER_NUMBER.sub("", text)).split())


def hold_out(pairs: list[_Item], every: int = 10, block: int = 50) -> tuple[list[_Item], list[_Item]]:
    """Cut a list into what is trained on and what is held out: the last of every `every` blocks of `block` neighbours.

    Neighbouring verses repeat each other's words, so they are held out together. The parts keep the order of the list;
    lists whose entries correspond are cut at the same places. Raises `ValueError` if a part would be empty.

    >>> hold_out(list("abcdefg"), every=3, block=2)
    (['a', 'b', 'c', 'd', 'g'], ['e', 'f'])
    """
    every, block = whole_number("every", every, least=2), whole_number("block", block, least=1)
    if len(pairs) <= (every - 1) * block:
        raise ValueError(f"pairs: got {len(pairs)}, expected more than {(every - 1) * block}, or none is held out")
    parts: tuple[list[_Item], list[_Item]] = ([], [])
    for place, pair in enumerate(pairs):
        parts[place // block % every == every - 1].append(pair)
    return parts


def translation_stream(
    pairs: Sequence[Pair], languages: tuple[str, str] = ("en", "es"), seed: int = 0, source: str | None = None
) -> TaggedText:
    """The stream `<F:en>source<T:es>target<F:es>source<T:en>target...`, raw UTF-8, of the Dragon Hatchling paper (B.1).

    Which side of a pair comes first is drawn with the seed, or is the one in the language `source` for all. Raises
    `ValueError` if there is no pair, a sentence contains a tag, or an argument is out of range.

    >>> bytes(translation_stream([("Jesus wept.", "Y lloró Jesús.")], source="en").tokens.tolist()).decode()
    '<F:en>Jesus wept.<T:es>Y lloró Jesús.'
    """
    if len(languages) != 2 or languages[0] == languages[1] or not all(map(str.isalpha, languages)):
        raise ValueError(f"languages: got {languages!r}, expected two codes such as ('en', 'es')")
    if source is not None and source not in languages:
        raise ValueError(f"source: got {source!r}, expected one of {languages}")
    if not pairs:
        raise ValueError("pairs: got none, expected at least one")
    firsts = torch.randint(2, (len(pairs),), generator=seeded(seed)).tolist()
    pieces: list[bytes] = []  # four a pair: tag, source, tag, target
    of_piece: list[int] = []  # its language
    for pair, first in zip(pairs, firsts, strict=True):
        if any(tag in sentence for sentence in pair for tag in ("<F:", "<T:")):
            raise ValueError(f"pairs: got a sentence with a tag in {pair!r}, expected plain text")
        first = first if source is None else languages.index(source)
        for kind, side in (("F", first), ("T", 1 - first)):
            pieces += [f"<{kind}:{languages[side]}>".encode(), pair[side].encode()]
            of_piece += [TAG, side]
    lengths = [len(piece) for piece in pieces]
    return TaggedText(
        tokens=encode(b"".join(pieces)),
        language=torch.from_numpy(np.repeat(np.array(of_piece, dtype=np.uint8), lengths)),
        target=torch.from_numpy(np.repeat(np.arange(len(pieces)) % 4 == 3, lengths)),
    )
