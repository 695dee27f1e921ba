"""A chapter whose data cannot be had is drawn from its recorded page, which says so."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from refusals import refused

from book.builder import __main__ as command
from book.builder import build, needs, recorded, scoreboard
from book.builder.failures import BuildError
from brainlib import data

FIGURE = "<figure><figcaption>What it shows.</figcaption></figure>"
SHOWS = f"""\
from IPython.display import HTML
HTML({FIGURE!r})
"""
PAGE = Path("chapters/part/records/pages/01_first.json")


@pytest.fixture
def chapter(root, with_brainlib, claims, write) -> Path:
    """A chapter with a figure and a claim, which needs files at ci and none at laptop."""
    claims("A1")
    table = '["chapters/part/01_first"]\ndata = {ci = ["waves.h5", "other.h5"], laptop = []}\n'
    (root / "chapters/chapters.toml").write_text(table)
    return write(
        SHOWS,
        "from brainlib import ledger\nledger.record('A1', [1.5], [seed], profile, device)",
        "import sys\nprint(profile); print('progress', file=sys.stderr)",
    )


@pytest.fixture
def nothing_can_be_had(monkeypatch):
    def missing(names):
        return {n: data.DataUnavailable("far away", n, f"https://far.example/{n}", "the folder") for n in names}

    monkeypatch.delenv("BRAINLIB_REQUIRE_DATA", raising=False)
    monkeypatch.setattr(data, "missing", missing)


@pytest.fixture
def record(root, chapter, monkeypatch):
    """Records the chapter's page at the laptop profile, by the command."""
    monkeypatch.setattr(command, "ROOT", root)
    return lambda: command.main(["--record", str(chapter), "--profile", "laptop"])


def test_a_chapter_is_recorded_and_drawn_and_says_so(root, chapter, record, nothing_can_be_had, capfd):
    assert record() == 0
    text = (root / PAGE).read_text()
    page = json.loads(text)
    assert page["parameters"] == {"profile": "laptop", "seed": 0, "device": "auto"}
    assert [len(cell["outputs"]) for cell in page["cells"]] == [0, 1, 1, 1] and "progress" not in text
    assert str(root) not in text and record() == 0 and (root / PAGE).read_text() == text

    capfd.readouterr()
    done = build.chapters(root, [chapter], build.Ways({"profile": "ci"}))
    said = capfd.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in said] == [
        f"{name}. https://far.example/{name}" for name in ("other.h5", "waves.h5")
    ]
    assert done.results == {} and list(done.recorded) == [chapter]
    line = needs.told(chapter, done.recorded[chapter], done.missing[chapter])
    assert line.startswith(f"{chapter}: drawn from its record (recorded at the laptop profile on 2")
    assert "put waves.h5 from https://far.example/waves.h5; other.h5 from" in line and "\n" not in line

    notebook = recorded.draw(root, chapter, page)
    assert notebook.cells[0].source.startswith(
        "# First chapter\n\n:::{admonition} Recorded, not computed by this build"
    )
    assert 'profile = "laptop"' in notebook.cells[1].source
    (figure,) = notebook.cells[2].outputs
    assert "Not computed by this build: recorded at the laptop profile on 2" in figure["data"]["text/html"]
    assert notebook.cells[4].outputs[0].text == "laptop\n"
    (row,) = scoreboard.gather(root, done.results, done.recorded)
    assert row.outcome == "not run" and "not run" in scoreboard.render([row], "ci")


@pytest.mark.parametrize(
    ("required", "message"),
    [
        ("0", r"^1 of 2 chapters failed:\n.*01_first\.ipynb: waves\.h5, other\.h5 is missing, and no page of it"),
        ("1", r"^data are missing, and BRAINLIB_REQUIRE_DATA is set:\nnot at hand"),
    ],
)
def test_missing_data_without_a_recorded_page_fail_before_anything_runs(
    root, chapter, write, nothing_can_be_had, monkeypatch, required, message
):
    monkeypatch.setenv("BRAINLIB_REQUIRE_DATA", required)
    other = write("1", chapter=Path("chapters/part/02_other.ipynb"))
    with pytest.raises(BuildError, match=message):
        build.chapters(root, [chapter, other], build.Ways())
    assert not (root / "_build/cache").exists()


def test_a_recorded_page_of_other_code_is_an_error_that_names_the_command(root, chapter, write, record):
    assert record() == 0
    write(SHOWS, "'edited'")
    again = rf"record it again: python -m book\.builder --profile laptop --record {chapter}"
    refused(again, recorded.read, root, chapter, error=BuildError)


def executed(root: Path, chapter: Path, **outputs) -> Path:
    """A notebook as papermill leaves it, in a folder of its own."""
    notebook = nbformat.read(root / chapter, as_version=4)
    injected = new_code_cell('# Parameters\nprofile = "laptop"\n', metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(2, injected)
    notebook.cells[-1].outputs = [new_output("stream", name="stdout", **outputs)]
    path = root / "elsewhere" / "executed.ipynb"
    (path.parent / "records").mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


def test_a_notebook_that_papermill_executed_elsewhere_is_recorded(root, chapter):
    path = executed(root, chapter, text="42\n")
    refused("no records of the ledger", recorded.write, root, chapter, path, error=BuildError)
    (path.parent / "records" / "A1.json").write_text('{"provenance": {"time": "2026-01-02"}}')
    recorded.write(root, chapter, path)
    page = recorded.read(root, chapter)
    assert page["parameters"] == {"profile": "laptop", "seed": 0, "device": "auto"}
    assert page["provenance"] == {"time": "2026-01-02"} and page["cells"][-1]["outputs"][0]["text"] == "42\n"


@pytest.mark.parametrize("text", ["/home/me/data/waves.h5\n", "in /mnt/x.py\n", "/Users/you/x\n"])
def test_no_path_of_a_machine_is_recorded(root, chapter, text):
    path = executed(root, chapter, text=text)
    (path.parent / "records" / "A1.json").write_text('{"provenance": {"time": "2026-01-02"}}')
    with pytest.raises(BuildError, match=r"code cell 3: an output holds '/\w+.*', a path of the machine"):
        recorded.write(root, chapter, path)


def test_another_notebook_is_not_recorded(root, chapter, write):
    path = executed(root, chapter, text="42\n")
    write(SHOWS)
    refused("its code cells are not those of", recorded.write, root, chapter, path, error=BuildError)


def test_a_wrong_catalogue_is_named(root, chapter):
    def wrong(message, table):
        (root / "chapters/chapters.toml").write_text(table)
        refused(message, build.chapters, root, [chapter], build.Ways(), error=BuildError)

    wrong("there is no chapters/part/09_none.ipynb", '["chapters/part/09_none"]')
    wrong("has the key 'secs', expected seconds or data", '["chapters/part/01_first"]\nsecs = {}')
    wrong(r"got \{'huge': 1}, expected ci, laptop, paper", '["chapters/part/01_first"]\nseconds = {huge = 1}')
    wrong("chapters.toml: ", "[")
