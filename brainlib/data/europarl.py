"""Sentence-aligned plain files from a reader's own folder, such as Europarl, the corpus of the Dragon Hatchling."""

from pathlib import Path

from .errors import DataError, DataUnavailable
from .parallel import Pair, comparable


def europarl(folder: str | Path, first: str, second: str) -> list[Pair]:
    """The sentences of two aligned files in `folder`, line `i` of one being the translation of line `i` of the other.

    The files are named as those of Europarl v7 are, `europarl-v7.es-en.es` and `europarl-v7.es-en.en` (UTF-8), with the
    two languages in either order and any name before them. White space is collapsed. A pair is left out if a side is
    empty or holds a "<", which begins the markup of the corpus and the tags of the stream, or if one side is more than
    twice as long as the other: the rule for verses.
    Raises `ValueError` if the folder does not exist, `DataUnavailable` if it lacks the files, and `DataError` if there
    is more than one choice of them, they have different numbers of lines, or one is no UTF-8.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"folder: got {str(folder)!r}, expected a folder that exists")
    stem = _stem(folder, first, second)
    sides = [_lines(folder / f"{stem}.{language}") for language in (first, second)]
    if len(sides[0]) != len(sides[1]):
        raise DataError(f"{folder / stem}: {len(sides[0]):,} lines in {first} and {len(sides[1]):,} in {second}")
    return [pair for pair in zip(*sides, strict=True) if comparable(*pair) and not any("<" in side for side in pair)]


def _stem(folder: Path, first: str, second: str) -> str:
    """The name that the two files have in common."""
    stems = [
        path.stem
        for order in (f"{first}-{second}", f"{second}-{first}")
        for path in folder.glob(f"*.{order}.{first}")
        if path.with_suffix(f".{second}").is_file()
    ]
    if not stems:
        raise DataUnavailable(
            f"{folder}: no aligned files in {first} and {second}. Unpack the parallel corpus "
            f"from https://www.statmt.org/europarl/ there: europarl-v7.{first}-{second}.{first} and .{second}, "
            f"or europarl-v7.{second}-{first}.{second} and .{first}."
        )
    if len(stems) > 1:
        raise DataError(f"{folder}: expected one corpus in {first} and {second}, got {', '.join(sorted(stems))}")
    return stems[0]


def _lines(path: Path) -> list[str]:
    """The lines, white space collapsed; only a line feed ends one, though the corpus has other line separators."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            return [" ".join(line.split()) for line in file]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error})") from error
