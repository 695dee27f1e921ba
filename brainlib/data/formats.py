"""Files of scientific formats: whatever their readers say of a damaged file becomes one error that names the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn any error while a file is read into a `DataError` with the file's name."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # a C library reads the file: what it raises on damaged bytes is documented nowhere
        raise DataError(f"{path}: damaged, or not of the expected form ({type(error).__name__}: {error})") from error
