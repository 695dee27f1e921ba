"""How a chapter fails: a few lines for the reader of a log, and a file with the whole trace."""

import errno
import re
import signal
from pathlib import Path

TRACES = Path("_build", "traces")
LINES, CHARACTERS = 5, 600


class BuildError(Exception):
    """What is wrong with the book, in a form meant for its authors."""


class ChapterFailed(Exception):
    """A chapter that could not be executed: `headline` names chapter, cell and error; `trace` is all that is known."""

    def __init__(self, headline: str, trace: str = ""):
        super().__init__(headline, trace)  # what pickle hands over from another machine
        self.headline, self.trace = headline, trace


def told(root: Path, chapter: Path, failure: ChapterFailed) -> str:
    """The failure in a few lines, after its trace was written to `_build/traces`."""
    headline = shortened(plain(failure.headline))
    if not failure.trace.strip():
        return headline
    path = root / TRACES / f"{'.'.join(chapter.with_suffix('').parts)}.txt"
    return f"{headline}\n  {_kept(path, failure)}"


def _kept(path: Path, failure: ChapterFailed) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(plain(f"{failure.headline}\n\n{failure.trace}\n"), encoding="utf-8")
    except OSError as error:  # a full disk is what this may be about
        return f"its trace could not be written: {reason(error)}"
    return f"the whole trace: {path}"


def reason(error: OSError) -> str:
    """A system error in words, with the file that it is about."""
    words = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return f"{words}: {error.filename}" if error.filename else words


def ending(code: int) -> str:
    """How a process ended, from its return code."""
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, as when memory runs out" if name == "SIGKILL" else name


def plain(text: str) -> str:
    """The text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def shortened(text: str) -> str:
    """The first lines of a text."""
    lines = text.strip().splitlines()
    short = "\n".join(lines[:LINES])[:CHARACTERS]
    return short if short == "\n".join(lines) else f"{short} ..."
