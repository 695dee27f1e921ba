"""A cache that is empty, nothing shipped, no folder of the reader's, and one try a download."""

import hashlib

import pytest

from brainlib.data import doors
from brainlib.data.registry import REGISTRY, DataFile


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(doors, "cache_folder", lambda: folder)
    monkeypatch.setattr(doors, "RETRIES", 0)
    monkeypatch.setattr(doors, "FILES", tmp_path / "files")
    monkeypatch.delenv("BRAINLIB_DATA", raising=False)
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")
    return folder


@pytest.fixture
def register(monkeypatch):
    """Adds a data file with the given content and source to the registry, for one test; `folder` gets the file."""

    def add(name, content, source="https://127.0.0.1:9/nobody-listens", folder=None):
        sha256 = hashlib.sha256(content).hexdigest()
        entry = DataFile(name, len(content), sha256, "none needed", "A Test (2025)", source)
        monkeypatch.setitem(REGISTRY, name, entry)
        if folder is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        return entry

    return add
