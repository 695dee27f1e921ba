"""Chapters are executed once for each state of what they depend on, and one that raises always fails."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

from book.builder import execution
from book.builder.execution import fingerprint, plan
from book.builder.sources import BuildError

LEAVES_A_TRACE = """\
import brainlib
with open("trace.txt", "a") as file:
    file.write(f"{brainlib.VALUE}{seed} ")
"""


def execute(root: Path, *chapters: Path, given=None, jobs=None) -> dict[Path, Path]:
    return execution.execute(plan(root, list(chapters), given or {}, jobs))


def test_a_chapter_runs_where_it_stands_in_this_python_with_its_parameters(root, write, monkeypatch):
    monkeypatch.setenv("BRAINLIB_DATA", "data")
    names = ["BRAINLIB_RECORDS", "BRAINLIB_PAGE", "BRAINLIB_DATA"]
    chapter = write(
        "import json, os, sys",
        f"print(json.dumps([sys.executable, os.getcwd(), profile, seed, *(os.environ[name] for name in {names})]))",
    )
    result = execute(root, chapter, given={"seed": 7})[chapter]
    notebook = nbformat.read(result / "notebook.ipynb", as_version=4)
    python, folder, profile, seed, _, page, data = json.loads(notebook.cells[-1].outputs[0].text)
    assert (python, folder, profile, seed, page) == (sys.executable, str(root / "chapters/part"), "ci", 7, "1")
    assert data == str(Path.cwd() / "data")  # a relative folder stays the one that was meant


def test_a_result_is_kept_until_brainlib_changes(root, write):
    chapter = write(LEAVES_A_TRACE)
    first = execute(root, chapter)
    assert execute(root, chapter) == first
    assert (root / "chapters/part/trace.txt").read_text() == "10 "
    (root / "brainlib" / "__init__.py").write_text("VALUE = 2\n")
    assert execute(root, chapter) != first
    assert (root / "chapters/part/trace.txt").read_text() == "10 20 "


def test_a_chapter_that_raises_fails_cold_and_warm_and_spares_the_others(root, write):
    good = write("1 + 1", chapter=Path("chapters/part/02_good.ipynb"))
    chapter = write("'before'", "1 / 0")
    for _ in range(2):
        with pytest.raises(BuildError, match=rf"1 of 2 chapters failed(.|\n)*{chapter}, cell 3: ZeroDivisionError"):
            execute(root, chapter, good, jobs=2)
    assert [folder.name for folder in (root / execution.CACHE).iterdir()] == [fingerprint(root, good, DEFAULTS)]


def test_a_kernel_that_dies_fails_the_chapter(root, write):
    chapter = write("import os; os._exit(1)")
    with pytest.raises(BuildError, match=rf"{chapter}: .*[Kk]ernel died"):
        execute(root, chapter)


DEFAULTS = {"profile": "ci", "seed": 0, "device": "auto"}


@pytest.mark.parametrize(
    "path", ["brainlib/deep/new.py", "requirements.txt", "chapters/part/claims.toml", "chapters/part/records/B1.json"]
)
def test_what_a_result_depends_on(root, write, path):
    chapter = write()
    before = fingerprint(root, chapter, DEFAULTS)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("changed")
    assert fingerprint(root, chapter, DEFAULTS) != before


def test_what_a_result_does_not_depend_on(root, write):
    chapter = write()
    before = fingerprint(root, chapter, DEFAULTS)
    for path in ("README.md", "brainlib/__pycache__/x.pyc", "chapters/part/notes.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("changed")
    assert fingerprint(root, chapter, DEFAULTS) == before
    assert fingerprint(root, chapter, DEFAULTS | {"seed": 1}) != before
    write("2")
    assert fingerprint(root, chapter, DEFAULTS) != before


def test_an_unknown_parameter_is_refused_before_anything_runs(root, write):
    chapter = write(LEAVES_A_TRACE)
    with pytest.raises(
        BuildError, match=rf"{chapter}: unknown parameter 'sede', expected one of profile, seed, device"
    ):
        execute(root, chapter, given={"sede": 1})
    assert not (root / "chapters/part/trace.txt").exists()


def test_the_threads_are_shared_out(root, write, monkeypatch):
    monkeypatch.setattr(execution.os, "sched_getaffinity", lambda _: range(8), raising=False)
    chapters = [write(chapter=Path(f"chapters/part/0{number}.ipynb")) for number in range(6)]
    assert {job.threads for job in plan(root, chapters, {})} == {2}
    assert {job.threads for job in plan(root, chapters, {}, jobs=1)} == {8}
    assert {job.threads for job in plan(root, chapters[:1], {}, jobs=8)} == {8}


def test_a_scheduler_without_dask_is_a_clear_error(root, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BuildError, match="--scheduler needs dask"):
        execution.execute(plan(root, [write()], {}), scheduler="tcp://localhost:1")


def test_a_dask_cluster_gives_the_same_result(root, write):
    distributed = pytest.importorskip("distributed")
    chapter = write("print(seed)")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        result = execution.execute(plan(root, [chapter], {"seed": 3}), cluster.scheduler_address)[chapter]
    assert nbformat.read(result / "notebook.ipynb", as_version=4).cells[-1].outputs[0].text == "3\n"
