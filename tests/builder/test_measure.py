"""`records` measures claims by the functions beside them, without their chapters."""

import json
import sys

import pytest

from book.builder import __main__ as command
from brainlib import ledger

MEASURES = """
import numpy as np
from brainlib import ledger

@ledger.measures("A1", "A2")
def numbers(profile, seed, device):
    return {"A1": 2 * seed, "A2": np.array([2 * seed, 2 * seed + 1])}
"""


@pytest.fixture
def part(root, claims, monkeypatch):
    """A part with claims and the function that measures two of them."""
    folder = claims("A1", "A2", "A3", part="sample_part")
    (folder / "measures.py").write_text(MEASURES)
    monkeypatch.setattr(command, "ROOT", root)
    for claim in list(ledger.MEASURES):
        monkeypatch.delitem(ledger.MEASURES, claim)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("BRAINLIB_RUNS", str(root / "runs"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "chapters"]:
        monkeypatch.delitem(sys.modules, name)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "chapters"]:
        del sys.modules[name]


def test_claims_are_measured_seed_by_seed_and_measured_again(part, capsys):
    asked = ["records", "--profile", "laptop", "--only", "A1", "A2", "--device", "cpu"]
    for _ in range(2):
        assert command.main([*asked, "--seeds", "3:5"]) == 0
    written = {path.name: json.loads(path.read_text()) for path in (part / "records").iterdir()}
    assert {name: record["values"] for name, record in written.items()} == {
        "A1-laptop-seed3.json": [6],
        "A1-laptop-seed4.json": [8],
        "A2-laptop-seed6+7.json": [6, 7],
        "A2-laptop-seed8+9.json": [8, 9],
    }
    assert capsys.readouterr().out.count("A1-laptop-seed3.json") == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--only", "B1"], "--only: got 'B1', expected claims such as A1, A2, A3"),
        (["--only", "A3"], "--only: no function of sample_part/measures.py measures A3"),
        (["--only", "A1", "--device", "gpu"], "device: got 'gpu'"),
    ],
)
def test_what_cannot_be_measured_is_named(part, capsys, asked, message):
    assert command.main(["records", "--profile", "ci", *asked]) == 1
    assert message in capsys.readouterr().err and not (part / "records").exists()


def test_seeds_are_a_range(part, capsys):
    with pytest.raises(SystemExit):
        command.main(["records", "--profile", "ci", "--seeds", "0-5"])
    assert "'0-5' is not FIRST:END" in capsys.readouterr().err
