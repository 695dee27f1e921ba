"""Finds a data file: among those that come with brainlib, in a folder of the reader's, in the cache, at its source.

No door skips the hash.
"""

import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .archive import join_members
from .errors import DataError, DataUnavailable
from .package import download_archive
from .registry import REGISTRY, DataFile, Download, Made, Package

FILES = Path(__file__).with_name("files")  # what comes with brainlib
FOLDER_VARIABLE = "BRAINLIB_DATA"
TRIES = 2  # of a download
TIMEOUT = (3, 20)  # seconds to connect to an address, and between two pieces


@dataclass(frozen=True)
class Located:
    """A data file that is there and has the right content.

    `door` is "brainlib", "BRAINLIB_DATA", "cache" or "source". Printed, it tells the file, the door, the licence and
    the citation.
    """

    path: Path
    door: str
    entry: DataFile

    def __str__(self) -> str:
        file = self.entry
        return f"{file.name} ({file.size:,} bytes) by the door {self.door}. {file.citation}. Licence: {file.licence}."


def locate(name: str) -> Located:
    """The data file called `name`, with its content verified, and the door by which it came.

    The doors are tried in this order: the files that come with brainlib, the folder that the environment variable
    `BRAINLIB_DATA` names, the cache (`pooch.os_cache("brainlib")`), and the source, from which the file is put into
    the cache.
    Raises `DataError` if no such file is known or if one of that name that is at hand has another content, and
    `DataUnavailable` if no door leads to it.
    """
    if name not in REGISTRY:
        raise DataError(f"name: got {name!r}, expected one of {', '.join(sorted(REGISTRY))}")
    entry = REGISTRY[name]
    found = at_hand(entry.name, entry.sha256)
    if found is None:
        obtain = {Download: _download, Package: _unpack, Made: _not_installed}[type(entry.source)]
        found = obtain(entry)
    return Located(*found, entry)


def missing(names: Iterable[str]) -> dict[str, DataUnavailable]:
    """The files that no door leads to, with the reason. All are tried side by side, and kept in the cache if they come.

    Raises `DataError` as `locate` does.
    """
    names = list(dict.fromkeys(names))

    def attempt(name: str) -> DataUnavailable | None:
        try:
            locate(name)
        except DataUnavailable as error:
            return error

    with ThreadPoolExecutor(max(1, len(names))) as threads:
        return {name: error for name, error in zip(names, threads.map(attempt, names), strict=True) if error}


def cache_folder() -> Path:
    """The folder of the reader's machine in which obtained files are kept."""
    import pooch

    return Path(pooch.os_cache("brainlib"))


def at_hand(name: str, sha256: str) -> tuple[Path, str] | None:
    """The path and the door of a file that need not be fetched. Raises `DataError` if its content is another."""
    doors = [("brainlib", FILES), ("cache", cache_folder())]
    if named := os.environ.get(FOLDER_VARIABLE):
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise DataError(f"{FOLDER_VARIABLE}: got {named!r}, expected a folder that exists")
        doors.insert(1, (FOLDER_VARIABLE, folder))
    for door, folder in doors:
        path = folder / name
        if path.exists():
            with open(path, "rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
            if got != sha256:
                raise DataError(f"{_wrong_hash(path, got, sha256)} Remove it, or put the right file in its place.")
            return path, door
    return None


def archive_of(entry: DataFile, source: Package) -> tuple[Path, str]:
    """The path of a package's archive, and the door by which it came. Raises `DataUnavailable` if none leads to it."""
    if found := at_hand(source.archive, source.sha256):
        return found
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return download_archive(source, folder), "source"
    except OSError as error:
        raise _unavailable(entry, source.archive, source.sha256, error) from error


def _download(entry: DataFile) -> tuple[Path, str]:
    import pooch

    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
    for left in reversed(range(TRIES)):
        content = io.BytesIO()
        try:
            fetch(entry.source.url, content, None)
            break
        except Exception as error:  # what the layers of a connection and its proxies raise is documented nowhere
            if not left or getattr(error, "response", None) is None:  # nobody answered at any address
                raise _unavailable(entry, entry.name, entry.sha256, error) from error
    try:
        return _place(entry, content.getvalue(), entry.source.url), "source"
    except DataError as error:  # a page of a proxy, say
        raise _unavailable(entry, entry.name, entry.sha256, error) from error


def _unpack(entry: DataFile) -> tuple[Path, str]:
    """Join the members of a package's archive into one file of the cache; the door is the archive's."""
    archive, door = archive_of(entry, entry.source)
    return _place(entry, join_members(archive, entry.source.members, entry.size), archive), door


def _not_installed(entry: DataFile) -> tuple[Path, str]:
    raise DataError(f"{FILES / entry.name}: missing. It comes with brainlib: install brainlib again.")


def _place(entry: DataFile, content: bytes, origin: Path | str) -> Path:
    """Write a file of the cache whole or not at all, if it has the right content."""
    got = hashlib.sha256(content).hexdigest()
    if got != entry.sha256:
        raise DataError(_wrong_hash(f"{entry.name} out of {origin}", got, entry.sha256))
    path = cache_folder() / entry.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as work:
            part = Path(work) / path.name
            part.write_bytes(content)
            os.replace(part, path)
    except OSError as error:
        raise _unavailable(entry, entry.name, entry.sha256, error) from error
    return path


def _wrong_hash(file: Path | str, got: str, expected: str) -> str:
    return f"{file}: the content is not the expected one and is not used; sha256 is {got}, expected {expected}."


def _unavailable(entry: DataFile, file: str, sha256: str, reason: Exception) -> DataUnavailable:
    named = os.environ.get(FOLDER_VARIABLE) or "not set now"
    place = f"the folder that the environment variable {FOLDER_VARIABLE} names ({named}) or in {cache_folder()}"
    return DataUnavailable(
        f"{entry.name} is missing and cannot be fetched: {reason}\n"
        f"To place it by hand, save {entry.source} under the name {file} (sha256 {sha256}) in {place}.",
        file=entry.name,
        source=str(entry.source),
        place=place,
    )
