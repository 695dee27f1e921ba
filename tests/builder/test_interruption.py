"""Signals, and two builds at once: nothing goes on behind the builder's back, nothing half is kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from book.builder.job import CACHE

REPOSITORY = Path(__file__).parents[2]
CHAPTER = "chapters/part/01_first.ipynb"
BUILD = f"""\
import sys
from pathlib import Path
from book.builder import __main__ as command
command.ROOT = Path(sys.argv[1])
sys.exit(command.main(["--only", "{CHAPTER}"]))
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
