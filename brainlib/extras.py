"""Packages that not everybody needs: which of brainlib's extras brings one that is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around the imports of packages that the extra `name` brings.

    Raises `ModuleNotFoundError` with the package and the extra if one is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"{error.name} is not installed: in the book's folder, pip install '.[{name}]' brings it"
        raise ModuleNotFoundError(text, name=error.name) from None
