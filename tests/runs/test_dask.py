"""A study on a real scheduler with workers in processes and folders of their own."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from test_study import conditions, kill_when_written

from brainlib import runs

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def dask(tmp_path, monkeypatch):
    """The address of a scheduler, and a function that starts a worker in a new folder, with this code or another's."""
    pytest.importorskip("distributed")
    monkeypatch.setattr("brainlib.runs.cluster.PATIENCE", 60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, started = f"tcp://127.0.0.1:{port}", []

    def launch(code: Path, *arguments: str) -> subprocess.Popen:
        folder = tmp_path / f"process-{len(started)}"
        folder.mkdir()
        paths = {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{code}", "BRAINLIB_RUNS": str(folder / "runs")}
        command = [sys.executable, "-m", *arguments]
        started.append(subprocess.Popen(command, cwd=folder, env=os.environ | paths, stderr=subprocess.DEVNULL))
        return started[-1]

    def worker(code: Path = tmp_path / "code") -> subprocess.Popen:
        return launch(code, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    launch(tmp_path, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    for _ in range(600):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield address, worker
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_that_dies_loses_nothing_and_no_folder_is_shared(laboratory, trace, tmp_path, dask):
    address, worker = dask
    workers = [worker(), worker()]
    pid = Path(f"{trace}.pid")
    killer = threading.Thread(target=kill_when_written, args=(pid,), daemon=True)
    killer.start()
    given = conditions(laboratory, trace, waits=True)
    results = runs.study(laboratory.count, given, range(2), device="cpu", scheduler=address)
    killer.join(10)
    assert sum(process.poll() is None for process in workers) == 1
    assert [len(result["tensor"]) for name in ("small", "large") for result in results[name]] == [2, 2, 5, 5]
    assert len(trace.read_text().split()) == 5
    here = runs.study(laboratory.count, given, range(2), device="cpu", processes=1)
    assert len(trace.read_text().split()) == 5  # what came back is kept here
    np.testing.assert_array_equal(here["large"][1]["tensor"], results["large"][1]["tensor"])


def test_a_worker_with_other_code_is_refused(laboratory, trace, tmp_path, dask):
    address, worker = dask
    shutil.copytree(tmp_path / "code", tmp_path / "other")
    (tmp_path / "other" / "laboratory" / "rates.py").write_text("RATE = 3\n")
    worker(tmp_path / "other")
    with pytest.raises(RuntimeError, match=r"^a worker's code is .*, expected "):
        runs.study(laboratory.count, conditions(laboratory, trace), [0], device="cpu", scheduler=address)
    assert trace.read_text() == ""


def test_no_scheduler_and_no_worker_are_one_line(laboratory, trace, dask, monkeypatch):
    monkeypatch.setattr("brainlib.runs.cluster.PATIENCE", 1)
    given = conditions(laboratory, trace)
    with pytest.raises(RuntimeError, match=r"^no Dask scheduler answers at tcp://127\.0\.0\.1:1 [^\n]*$"):
        runs.study(laboratory.count, given, [0], device="cpu", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(RuntimeError, match="has had no worker for 1 s"):
        runs.study(laboratory.count, given, [0], device="cpu", scheduler=dask[0])
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install '\.\[cluster\]'"):
        runs.study(laboratory.count, given, [0], device="cpu", scheduler=dask[0])
