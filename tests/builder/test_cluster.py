"""A Dask cluster gives the same results, by a real scheduler and workers in processes of their own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from book.builder import build
from book.builder.cluster import Cluster
from book.builder.failures import BuildError

REPOSITORY = Path(__file__).parents[2]
GOES_ON = """\
import os, time
from pathlib import Path
first = not Path("trace.txt").exists()
with open("trace.txt", "a") as file:
    file.write("started ")
if first:
    Path("running.txt").write_text(f"{os.getppid()} {os.getpid()}")
    time.sleep(600)
"""


@pytest.fixture
def scheduler(tmp_path_factory):
    """The address of a scheduler, and a function that starts a worker with the repository's code or another's."""
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("dask")
    started = []

    def launch(*arguments: str, home: Path = REPOSITORY) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(home)},
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        return started[-1]

    def worker(home: Path = REPOSITORY) -> subprocess.Popen:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
        return launch("distributed.cli.dask_worker", address, *options, home=home)

    host, port = address.removeprefix("tcp://").split(":")
    launch("distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard")
    yield address, worker
    for process in started:
        process.kill()
        process.wait()


def execute(root: Path, address: str, *chapters: Path) -> dict[Path, Path]:
    with Cluster(address) as cluster:
        return build.chapters(root, list(chapters), build.Ways({"seed": 3}, cluster=cluster)).results


def test_a_worker_that_dies_in_mid_run_loses_nothing(root, write, scheduler):
    address, worker = scheduler
    workers = [worker(), worker()]
    chapter = write(GOES_ON, "print(seed)")
    failing = write("1 / 0", chapter=Path("chapters/part/02_bad.ipynb"))
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(root), *(str(process.pid) for process in workers)])
    with pytest.raises(BuildError, match=rf"^1 of 2 chapters failed:\n{failing}, cell 2: ZeroDivisionError[^\n]*$"):
        execute(root, address, chapter, failing)
    assert killer.wait(timeout=10) == 0 and sum(process.poll() is None for process in workers) == 1
    assert (root / "chapters/part/trace.txt").read_text() == "started started "
    result = execute(root, address, chapter)[chapter]
    assert nbformat.read(result / "notebook.ipynb", as_version=4).cells[-1].outputs[0].text == "3\n"
    assert (root / "chapters/part/trace.txt").read_text() == "started started "
    assert list((root / "_build/cache").iterdir()) == [result]


KILLER = """\
import os, signal, sys, time
from pathlib import Path
running = Path(sys.argv[1], "chapters/part/running.txt")
while not (running.exists() and running.read_text()):
    time.sleep(0.05)
executing, kernel = map(int, running.read_text().split())
parent = int(Path(f"/proc/{executing}/stat").read_text().rpartition(")")[2].split()[1])
assert str(parent) in sys.argv[2:]
os.kill(parent, signal.SIGKILL)
for _ in range(200):
    if not Path(f"/proc/{kernel}").exists():
        sys.exit(0)
    time.sleep(0.05)
sys.exit("the kernel of the killed worker still runs")
"""


def test_a_worker_with_other_code_refuses(root, write, scheduler, tmp_path):
    address, worker = scheduler
    home = tmp_path / "other"
    shutil.copytree(REPOSITORY / "book", home / "book", ignore=shutil.ignore_patterns("__pycache__"))
    with (home / "book/builder/worker.py").open("a") as file:
        file.write("# another revision\n")
    worker(home)
    chapter = write("1")
    with pytest.raises(
        BuildError, match=r"^1 of 1 chapters failed:\n.*refused: book/builder/worker\.py is another one"
    ):
        execute(root, address, chapter)


def test_no_scheduler_and_no_worker_are_one_line_within_seconds(root, write, scheduler):
    address, _ = scheduler
    start = time.monotonic()
    with pytest.raises(BuildError, match=r"^no Dask scheduler answers at tcp://127\.0\.0\.1:1 [^\n]*$"):
        Cluster("tcp://127.0.0.1:1")
    with pytest.raises(BuildError, match="has had no worker for 1 s"), Cluster(address, patience=1) as cluster:
        build.chapters(root, [write("1")], build.Ways(cluster=cluster))
    assert time.monotonic() - start < 60


def test_a_scheduler_without_dask_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BuildError, match="--scheduler needs dask"):
        Cluster("tcp://localhost:1")
