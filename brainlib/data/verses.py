"""The Bible in five languages, verse by verse: real sentences with their translations, small enough for a laptop."""

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

_OTHER_NUMBER = re.compile(r"\(\d+:\d+[a-z]?\)?")  # a verse's number in another numbering, as in "(7:26) "
_MARKS = re.compile(r"\(\*\)|[\[\]*]|-\s*$")  # missing verses, brackets of added words, dashes between sections


def verses(first: str, second: str) -> list[Pair]:
    """Verses in the languages `first` and `second`, such as "en" and "es": `verse_texts` of two.

    The translation experiments of the Dragon Hatchling read them where the paper reads Europarl.
    """
    return verse_texts(first, second)


def verse_texts(*languages: str) -> list[tuple[str, ...]]:
    """The verses in the given languages ("en", "de", "es", "fr", "it"), cleaned, in the order of the books.

    A verse is left out if it is empty in one of the five translations, or if one is more than twice as long as another.
    So the entries are the same verses for every choice of languages: what `hold_out` keeps from one pair of languages
    it keeps from all. Cleaning takes out the editors' marks (verse numbers of another numbering, dashes and stars
    between sections, the brackets around added words, whose words stay) and collapses white space.
    Raises `ValueError` if a language is not one of the five or comes twice, and what `locate` raises.
    """
    if not languages or len(set(languages)) < len(languages) or not set(languages) <= TRANSLATIONS.keys():
        raise ValueError(f"languages: got {languages!r}, expected different ones of {', '.join(TRANSLATIONS)}")
    texts = _texts()
    kept = [verse for verse in zip(*texts.values(), strict=True) if comparable(*verse)]
    columns = [list(texts).index(language) for language in languages]
    return [tuple(verse[column] for column in columns) for verse in kept]


def _texts() -> dict[str, list[str]]:
    """Every verse in every language; the entries of the lists correspond."""
    path = locate("bible.db").path
    query = "SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?"
    texts = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        for language, code in TRANSLATIONS.items():
            texts[language] = {tuple(place): _clean(text) for *place, text in database.execute(query, (code,))}
    places = sorted(set.intersection(*(set(text) for text in texts.values())))  # book, chapter, verse
    return {language: [text[place] for place in places] for language, text in texts.items()}


def _clean(text: str) -> str:
    text = text.replace("\u00ad", "¡")  # the Spanish text has a soft hyphen for it: one byte, two code pages
    return " ".join(_MARKS.sub("", _OTHER_NUMBER.sub("", text)).split())
