"""What a chapter's result depends on; and `records`, which measures claims without their chapters."""

import json
import sys
from pathlib import Path

import pytest

from book.builder import __main__ as command
from book.builder import fingerprint, plan
from brainlib import ledger


@pytest.fixture
def parts(root) -> Path:
    """The small book with a package of its own for the part, and another part."""
    for part in ("part", "other"):
        (root / "chapters" / part).mkdir(parents=True)
        (root / "brainlib" / part).mkdir()
    return root


def name(root: Path, chapter: Path, given=None, facts=fingerprint.facts) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "facts", facts)
        (job,) = plan.plan(root, [chapter], given or {})
    return job.name


def after(root: Path, chapter: Path, path: str) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("changed = 1\n")
    return name(root, chapter)


MATTERS = {
    "brainlib/deep/new.py": True,
    "brainlib/part/new.py": True,
    "brainlib/data/files/verses.bin": True,
    "chapters/part/claims.toml": True,
    "chapters/part/figures.py": True,
    "chapters/part/network.safetensors": True,
    "chapters/part/records/B1.json": True,
    "chapters/part/records/runs/curve-laptop-seed0.json": True,
    "README.md": False,
    "brainlib/__pycache__/x.pyc": False,
    "brainlib/other/new.py": False,
    "chapters/part/notes.txt": False,
    "chapters/part/records/pages/01_first.json": False,
    "chapters/other/claims.toml": False,
    "chapters/other/records/B1.json": False,
}


@pytest.mark.parametrize(("path", "matters"), MATTERS.items())
def test_what_a_result_depends_on(parts, write, path, matters):
    chapter = write()
    before = name(parts, chapter)
    assert (after(parts, chapter, path) != before) == matters


@pytest.mark.parametrize(
    "line",
    [
        "import brainlib.other",
        "from brainlib import ledger, other",
        "from brainlib import (\n    ledger,\n    other,\n)",
    ],
)
def test_another_part_counts_if_the_chapter_or_a_module_beside_it_imports_it(parts, write, line):
    chapter = write(line)
    before = name(parts, chapter)
    assert after(parts, chapter, "brainlib/other/new.py") != before
    chapter = write()
    (parts / "chapters/part/figures.py").write_text(line)
    before = name(parts, chapter)
    assert after(parts, chapter, "brainlib/other/newer.py") != before


def test_cells_parameters_versions_and_device_count(parts, write):
    chapter = write()
    facts = fingerprint.facts(parts, "cpu")
    assert facts["the device"] == "cpu" and facts["the version of torch"].startswith("2.")
    names = {
        name(parts, chapter),
        name(parts, chapter, {"seed": 1}),
        name(parts, chapter, facts=lambda *_: facts | {"the version of torch": "2.0"}),
        name(parts, chapter, facts=lambda *_: facts | {"the device": "a GPU"}),
        name(parts, write("2")),
    }
    assert len(names) == 5


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


def test_what_cannot_be_measured_is_named(part, capsys):
    def says(message, *asked):
        assert command.main(["records", "--profile", "ci", "--only", *asked]) == 1
        assert message in capsys.readouterr().err and not (part / "records").exists()

    says("--only: got 'B1', expected claims such as A1, A2, A3", "B1")
    says("--only: no function of sample_part/measures.py measures A3", "A3")
    says("device: got 'gpu'", "A1", "--device", "gpu")


def test_seeds_are_a_range(part, capsys):
    with pytest.raises(SystemExit):
        command.main(["records", "--profile", "ci", "--seeds", "0-5"])
    assert "'0-5' is not FIRST:END" in capsys.readouterr().err
