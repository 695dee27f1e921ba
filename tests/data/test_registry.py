"""The registry is complete, and the texts it names are what the book says."""

import hashlib
import re
import subprocess
import sys

import pytest

from brainlib import data
from brainlib.data.registry import REGISTRY, Download, Made


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=REGISTRY)
def test_every_entry_can_be_verified_and_cited(entry):
    hashes = [entry.sha256]
    if isinstance(entry.source, Download):
        assert entry.source.url.startswith("https://")
    else:
        package = entry.source.package if isinstance(entry.source, Made) else entry.source
        hashes.append(package.sha256)
        assert re.fullmatch(r"[\w-]+==[\w.]+", package.requirement)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)
    assert entry.size > 0 and entry.licence and entry.citation


def test_a_wrong_text_is_not_read(cache):
    (cache / "tinyshakespeare.txt").write_bytes(b"First Citizen:\n")
    with pytest.raises(data.DataError, match=hashlib.sha256(b"First Citizen:\n").hexdigest()):
        data.tiny_shakespeare()


def test_downloading_tools_load_on_use():
    code = "import sys, brainlib.data; print({'pooch', 'requests', 'pandas', 'scipy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
