"""The Bible in five languages, verse by verse: real sentences with their translations, half of them at hand."""

import bz2
import re
import sqlite3
from contextlib import closing

from .doors import locate
from .parallel import Pair, comparable

TRANSLATIONS = {
    "en": "k",  # King James Version
    "de": "e",  # Elberfelder, 1932
    "es": "v",  # Reina-Valera, 1909
    "fr": "l",  # Segond, 1910
    "it": "d",  # Diodati
}

SHIPPED = ("en", "es", "fr", "it")  # languages of the verses that come with brainlib
RUN = 500  # verses of which all or none is shipped: ten blocks of `hold_out`

_OTHER_NUMBER = re.compile(r"\(\d+:\d+[a-z]?\)?")  # a verse's number in another numbering, as in "(7:26) "
_MARKS = re.compile(r"\(\*\)|[\[\]*]|-\s*$")  # missing verses, brackets of added words, dashes between sections


def verses(first: str, second: str, whole: bool = False) -> list[Pair]:
    """Verses in the languages `first` and `second`, such as "en" and "es": `verse_texts` of two.

    The translation experiments of the Dragon Hatchling read them where the paper reads Europarl.
    """
    return verse_texts(first, second, whole=whole)


def verse_texts(*languages: str, whole: bool = False) -> list[tuple[str, ...]]:
    """The verses in the given languages, cleaned, in the order of the books.

    15,500 verses in "en", "es", "fr" and "it" come with brainlib: every other run of 500. With `whole` it is all
    30,879, in "de" as well, out of a file that `locate` obtains (73 MB, and 218 MB unpacked).

    A verse is left out if it is empty in one of the five translations, or if one is more than twice as long as another.
    So the entries are the same verses for every choice of languages: what `hold_out` keeps from one pair of languages
    it keeps from all, and what it keeps from the shipped verses it keeps from the whole Bible. Cleaning takes out the
    editors' marks (verse numbers of another numbering, dashes and stars between sections, the brackets around added
    words, whose words stay) and collapses white space.
    Raises `ValueError` if a language is not one of these or comes twice, and what `locate` raises.
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
    kept = [place for place in places if comparable(*(text[place] for text in texts.values()))]
    return {language: [text[place] for place in kept] for language, text in texts.items()}


def _clean(text: str) -> str:
    text = text.replace("\u00ad", "¡")  # the Spanish text has a soft hyphen for it: one byte, two code pages
    return " ".join(_MARKS.sub("", _OTHER_NUMBER.sub("", text)).split())
