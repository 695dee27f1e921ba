"""What a chapter's result depends on, and what it does not."""

from pathlib import Path

import pytest

from book.builder import fingerprint, plan

DEFAULTS = {"profile": "ci", "seed": 0, "device": "auto"}


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
