"""The registry is complete, and the texts it names are what the book says."""

import hashlib
import re
import subprocess
import sys

import pytest
import torch

from brainlib import data
from brainlib.data import registry, texts
from brainlib.data.registry import REGISTRY, Download


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=REGISTRY)
def test_every_entry_can_be_verified_and_cited(entry):
    hashes = [entry.sha256]
    if isinstance(entry.source, Download):
        assert entry.source.url.startswith("https://")
    else:
        hashes.append(entry.source.sha256)
        assert re.fullmatch(r"[\w-]+==[\w.]+", entry.source.requirement)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)
    assert entry.size > 0 and entry.licence and entry.citation


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (data.tiny_shakespeare, "tinyshakespeare.txt"),
        (data.complete_shakespeare, "complete_shakespeare.txt"),
        (data.first_folio, "first_folio.txt"),
    ],
)
def test_a_text_is_read_as_bytes(cache, register, read, name):
    assert name in registry.REGISTRY
    register(name, "Enter Æneas\n".encode())
    (cache / name).write_bytes("Enter Æneas\n".encode())
    tokens = read()
    assert tokens.dtype == torch.uint8
    assert data.decode(tokens) == "Enter Æneas\n"


def test_a_wrong_text_is_not_read(cache):
    (cache / "tinyshakespeare.txt").write_bytes(b"First Citizen:\n")
    with pytest.raises(data.DataError, match=hashlib.sha256(b"First Citizen:\n").hexdigest()):
        texts.tiny_shakespeare()


def test_downloading_tools_load_on_use():
    code = "import sys, brainlib.data; print({'pooch', 'requests', 'pandas', 'scipy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
