"""Chapters are executed once for each state of what they depend on; what raises fails, and signals leave nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from refusals import refused

from book.builder import build, cache, plan
from book.builder.failures import BuildError
from book.builder.job import CACHE

LEAVES_A_TRACE = """\
import brainlib
with open("trace.txt", "a") as file:
    file.write(f"{brainlib.VALUE}{seed} ")
"""


def execute(root: Path, *chapters: Path, jobs=None, cell_timeout=None, **given) -> dict[Path, Path]:
    return build.chapters(root, list(chapters), build.Ways(given, jobs, cell_timeout)).results


def results(root: Path) -> list[str]:
    return sorted(path.name for path in (root / CACHE).iterdir())


def test_a_chapter_runs_where_it_stands_in_this_python_with_its_parameters(root, write, monkeypatch):
    monkeypatch.setenv("BRAINLIB_DATA", "data")
    names = ["BRAINLIB_RECORDS", "BRAINLIB_PAGE", "BRAINLIB_DATA"]
    chapter = write(
        "import json, os, sys",
        f"print(json.dumps([sys.executable, os.getcwd(), profile, seed, *(os.environ[name] for name in {names})]))",
    )
    result = execute(root, chapter, seed=7)[chapter]
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


def test_of_old_results_the_newest_stay(root, write):
    chapter = write()
    (job,) = plan.plan(root, [chapter], {})
    group = job.name.rpartition("-")[0]
    old = [root / CACHE / f"{group}-{number}" for number in range(4)]
    other = root / CACHE / f"{group[:-8]}00000000-0"  # other parameters
    for path in (*old, other, job.result):
        path.mkdir(parents=True)
    for number, path in enumerate((job.result, *old)):
        os.utime(path, (number, number))
    cache.prune([job])
    assert {path.name for path in (root / CACHE).iterdir()} == {job.name, f"{group}-2", f"{group}-3", other.name}


def test_a_chapter_that_raises_fails_cold_and_warm_and_spares_the_others(root, write, capfd):
    good = write("1 + 1", chapter=Path("chapters/part/02_good.ipynb"))
    chapter = write("'before'", "def deep():\n    1 / 0\ndeep()")
    for _ in range(2):
        with pytest.raises(BuildError, match=rf"1 of 2 chapters failed(.|\n)*{chapter}, cell 3: ZeroDivisionError"):
            execute(root, chapter, good, jobs=2)
        trace = root / "_build/traces/chapters.part.01_first.txt"
        said = capfd.readouterr().err
        assert said.count("\n") <= 8 and f"the whole trace: {trace}" in said and "\x1b" not in said
        assert f"{chapter}: started" in said
        assert "in deep" in trace.read_text() and "\x1b" not in trace.read_text()
    assert len(results(root)) == 1


EARLY_ENDS = {
    "died": ("import os; os._exit(1)", r", cell 2: the kernel died \(exit status 1\)"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r", cell 2: the kernel died \(SIGKILL.*"),
    "exits": ("import sys; sys.exit()", ", cell 2: SystemExit: "),
    "quits": ("exit()", r", cell 2: the cell ended the kernel with exit\(\) or quit\(\)"),
    "endless": ("while True: pass", r", cell 2: the cell ran longer than 2 s, the limit for each \(--cell-timeout\)"),
    "full": ("raise OSError(28, 'No space left')", r", cell 2: OSError: \[Errno 28\] No space left"),
    "workerless": ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", r": its worker died \(SIGKILL.*"),
}


def test_whatever_ends_a_chapter_early_is_told_in_a_line_and_spares_the_others(root, write):
    good = write("1 + 1", chapter=Path("chapters/part/good.ipynb"))
    bad = [write(code, "2", chapter=Path(f"chapters/part/{name}.ipynb")) for name, (code, _) in EARLY_ENDS.items()]
    with pytest.raises(BuildError) as caught:
        execute(root, *bad, good, jobs=2, cell_timeout=2)
    head, *lines = str(caught.value).splitlines()
    assert head == "7 of 8 chapters failed:"
    for line, name in zip(lines, sorted(EARLY_ENDS), strict=True):
        assert re.fullmatch(rf"chapters/part/{name}\.ipynb{EARLY_ENDS[name][1]}", line)
    assert [name.startswith("part.good") for name in results(root)] == [True]


def test_a_kernel_that_does_not_answer_is_started_once_more(root, write):
    dies_at_first = (
        "import pathlib, sys\nmark = pathlib.Path(__file__).with_suffix('.mark')\n"
        "begun = mark.exists()\nmark.touch()\nif not begun:\n    sys.exit(1)\n"
        "sys.path = [one for one in sys.path if one != str(mark.parent)]\n"
        "from ipykernel.kernelapp import launch_new_instance\nlaunch_new_instance()\n"
    )
    (root / "ipykernel_launcher.py").write_text(dies_at_first)
    chapter = write("1 + 1")
    execute(root, chapter)
    (root / "ipykernel_launcher.py").write_text("raise SystemExit(1)")
    refused(f"{chapter}: the kernel did not start", execute, root, write("1 + 2"), error=BuildError)


def test_an_exception_is_a_failure_whatever_the_cell_is_tagged(root, write):
    chapter = write("1 / 0")
    notebook = nbformat.read(root / chapter, as_version=4)
    notebook.cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, root / chapter)
    refused(rf"{chapter}, cell 2: ZeroDivisionError", execute, root, chapter, error=BuildError)


EDITS = "from pathlib import Path; path = Path('../../brainlib/__init__.py'); text = path.read_text()"


@pytest.mark.parametrize(
    "edit", ["path.write_text('VALUE = 3')", "path.write_text('VALUE = 3'); path.write_text(text)"]
)
def test_code_that_is_edited_while_a_chapter_runs_leaves_no_result(root, write, edit):
    chapter = write(EDITS, edit)
    with pytest.raises(
        BuildError, match=r"brainlib/__init__\.py changed while the chapter ran; the result is not kept"
    ):
        execute(root, chapter)
    assert results(root) == []


def test_code_that_is_edited_between_two_chapters_stops_the_second(root, write):
    first = write(EDITS, "path.write_text('VALUE = 3')")
    second = write("2", chapter=Path("chapters/part/02_good.ipynb"))
    with pytest.raises(BuildError, match=rf"{second}: brainlib/__init__\.py has changed since the build was planned"):
        execute(root, first, second, jobs=1)
    assert results(root) == []


def test_a_wrong_parameter_is_refused_before_anything_runs(root, write):
    chapter = write(LEAVES_A_TRACE)
    unknown = r"01_first\.ipynb: unknown parameter 'sede', expected one of profile, seed, device"
    refused(unknown, execute, root, chapter, sede=1, error=BuildError)
    refused("profile: got 'lptop'", execute, root, chapter, profile="lptop", error=BuildError)
    refused("seed: got 'one', expected int as in 0", execute, root, chapter, seed="one", error=BuildError)
    assert not (root / "chapters/part/trace.txt").exists()


REPOSITORY = Path(__file__).parents[2]
FIRST = "chapters/part/01_first.ipynb"
BUILD = f"""\
import sys
from pathlib import Path
from book.builder import __main__ as command
command.ROOT = Path(sys.argv[1])
sys.exit(command.main(["--only", "{FIRST}"]))
"""
GOES_ON = """\
import os, time
from pathlib import Path
checkpoint = Path(os.environ["BRAINLIB_RUNS"], "step")
with open("trace.txt", "a") as file:
    file.write("resumed " if checkpoint.exists() else "started ")
if not checkpoint.exists():
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_text("1")
    Path("running.txt").write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(600)
"""
WAITS = """\
import time
from pathlib import Path
with open("trace.txt", "a") as file:
    file.write("started ")
while not Path("go.txt").exists():
    time.sleep(0.05)
"""


@pytest.fixture
def start(root):
    """Starts `python -m book.builder --only` in the small book; what still runs at the end of the test is killed."""
    started = []

    def start() -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", BUILD, str(root)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return value


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize(
    ("number", "group"),
    [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGKILL, False)],
)
def test_a_signal_ends_worker_and_kernel_and_the_next_build_goes_on(root, write, start, number, group):
    write(GOES_ON)
    builder = start()
    pids = [int(word) for word in wait_for(lambda: read(root / "chapters/part/running.txt")).split()]
    assert len(pids) == 2 and all(map(alive, pids))
    (os.killpg if group else os.kill)(builder.pid, number)
    _, said = builder.communicate(timeout=20)
    wait_for(lambda: not any(map(alive, pids)), seconds=10)
    unfinished = list((root / CACHE).iterdir())
    if number == signal.SIGKILL:
        assert builder.returncode == -number and len(unfinished) == 1
    else:
        assert builder.returncode == 128 + number and unfinished == []
        assert said.splitlines()[-1] == "book.builder: interrupted" and "Traceback" not in said
    again = start()
    result, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert (root / "chapters/part/trace.txt").read_text() == "started resumed "
    assert list((root / CACHE).iterdir()) == [Path(result.strip()).parent]


def test_a_second_build_waits_and_says_for_whom(root, write, start):
    write(WAITS)
    first = start()
    wait_for(lambda: read(root / "chapters/part/trace.txt"))
    second = start()
    line = second.stderr.readline()
    assert f"waiting for another build of this folder: process {first.pid} (" in line and ", since " in line
    (root / "chapters/part/go.txt").touch()
    results = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0] and results[0] == results[1]
    assert (root / "chapters/part/trace.txt").read_text() == "started "
