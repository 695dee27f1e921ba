"""The ways in which data can fail a reader, and how whatever a file's own reader raises becomes one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataError(ValueError):
    """A data file, an archive or a name is not what it should be: a wrong hash, an unsafe member, an unknown file."""


class DataUnavailable(OSError):
    """A data file is neither at hand nor obtainable; the message says where it comes from and how to place it.

    Of a registered file, `file` is its name, `source` where it comes from and `place` where to put it, in words.
    """

    def __init__(self, message: str, file: str = "", source: str = "", place: str = ""):
        super().__init__(message)
        self.file, self.source, self.place = file, source, place


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error while a file is read into a `DataError` with the file's name."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a C library reads the file: what it raises on damaged bytes is documented nowhere
        raise DataError(f"{path}: damaged, or not of the expected form ({type(error).__name__}: {error})") from error
