"""Executing chapters with papermill: in parallel, each in a kernel of this very Python, each result cached.

A result is cached under a hash of all that it depends on. Jupyter Book's own cache cannot see brainlib and would keep
stale numbers.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from book.builder.sources import BuildError, parameters, source_of

CACHE = Path("_build", "cache")


CHECKPOINTS = Path("_build", "checkpoints")


@dataclass(frozen=True)
class Job:
    """One chapter to execute: its path below `root`, all of its parameters, and the threads that its kernel may use."""

    root: Path
    chapter: Path
    parameters: dict[str, object]
    threads: int = 1
    position: int = 0

    @property
    def result(self) -> Path:
        """The folder of the cached result, with `notebook.ipynb` and the ledger's `records/*.json`."""
        return self.root / CACHE / fingerprint(self.root, self.chapter, self.parameters)

    @property
    def checkpoints(self) -> Path:
        """Where an interrupted execution goes on from; named like the result, so that changed code starts anew."""
        return self.root / CHECKPOINTS / fingerprint(self.root, self.chapter, self.parameters)


def fingerprint(root: Path, chapter: Path, parameters: dict[str, object]) -> str:
    """A hash of notebook, parameters, brainlib, the claims and records beside the chapter, the pins and the Python."""
    beside = (root / chapter).parent
    files = [
        Path(__file__),
        root / chapter,
        root / "requirements.txt",
        *(path for path in (root / "brainlib").rglob("*") if "__pycache__" not in path.parts),
        *beside.glob("claims.toml"),
        *beside.glob("records/*"),
    ]
    digest = hashlib.sha256(json.dumps([str(chapter), sorted(parameters.items()), sys.version]).encode())
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{os.path.relpath(path, root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:24]


def plan(root: Path, chapters: list[Path], given: dict[str, object], jobs: int | None = None) -> list[Job]:
    """A job for each chapter, with `given` over the chapter's own parameters.

    Raises `BuildError` if a chapter has no parameter of that name, which papermill would only log.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parallel = max(1, min(jobs or cores // 2, len(chapters)))
    planned = []
    for number, chapter in enumerate(chapters):
        known = parameters(root, chapter)
        if unknown := sorted(set(given) - set(known)):
            expected = f"expected one of {', '.join(known)}" if known else "it has none"
            raise BuildError(f"{chapter}: unknown parameter {unknown[0]!r}, {expected}")
        planned.append(Job(root, chapter, known | given, max(1, cores // parallel), number % parallel))
    return planned


def execute(jobs: list[Job], scheduler: str | None = None) -> dict[Path, Path]:
    """Executes what is not cached and gives the result's folder for each chapter.

    `scheduler` is the address of a Dask scheduler whose workers see the same files. Every chapter is tried; then
    `BuildError` lists each one that raised, with its cell and error.
    """
    results = {job.chapter: job.result for job in jobs}
    waiting = [job for job in jobs if not results[job.chapter].is_dir()]
    failures = []
    if waiting:
        parallel = 1 + max(job.position for job in waiting)
        with _workers(parallel, scheduler) as workers:
            running = {workers.submit(run, job): job for job in waiting}
            for future in as_completed(running):
                try:
                    tqdm.write(f"{running[future].chapter}: executed in {future.result():.0f} s", file=sys.stderr)
                except BuildError as error:
                    failures.append(str(error).splitlines()[0])
                    tqdm.write(str(error), file=sys.stderr)
    if failures:
        raise BuildError(f"{len(failures)} of {len(jobs)} chapters failed:\n" + "\n".join(sorted(failures)))
    return results


def run(job: Job) -> float:
    """Executes one chapter in the folder it stands in and puts the result into the cache; gives the seconds it took."""
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    start = time.monotonic()
    result = job.result
    result.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=result.parent, prefix=".running-") as folder:
        unfinished = Path(folder, "result")
        unfinished.mkdir()
        try:
            execute_notebook(
                job.root / job.chapter,
                unfinished / "notebook.ipynb",
                parameters=job.parameters,
                cwd=(job.root / job.chapter).parent,
                kernel_name="python3",
                kernel_manager_class=_kernel_of_this_python(job, unfinished / "records", Path(folder, "ipython")),
                progress_bar={"desc": str(job.chapter), "position": job.position, "leave": False, "disable": None},
            )
        except PapermillExecutionError as error:
            cell = source_of(job.root, job.chapter).index(error.source)
            trace = "\n".join(error.traceback)
            raise BuildError(f"{job.chapter}, cell {cell}: {error.ename}: {error.evalue}\n{trace}") from None
        except DeadKernelError as error:
            raise BuildError(f"{job.chapter}: {error}") from None
        if not result.is_dir():
            unfinished.rename(result)
    shutil.rmtree(job.checkpoints, ignore_errors=True)
    return time.monotonic() - start


def _kernel_of_this_python(job: Job, records: Path, ipython: Path) -> type:
    """A kernel manager that starts the running interpreter, whatever kernels are installed on this machine."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(job.root), os.environ.get("PYTHONPATH")])),
        "IPYTHONDIR": str(ipython),
        "OMP_NUM_THREADS": str(job.threads),
        "BRAINLIB_RECORDS": str(records),
        "BRAINLIB_CHECKPOINTS": str(job.checkpoints),
        "BRAINLIB_PAGE": "1",
    }
    if data := os.environ.get("BRAINLIB_DATA"):
        environment["BRAINLIB_DATA"] = os.path.abspath(data)

    class Kernel(AsyncKernelManager):
        kernel_spec = KernelSpec(**get_kernel_dict(), env=environment)
        transport_encryption = "auto"

    return Kernel


@contextmanager
def _workers(parallel: int, scheduler: str | None) -> Iterator[Executor]:
    if scheduler is None:
        context = get_context("spawn")
        lock = context.RLock()
        with ProcessPoolExecutor(parallel, context, initializer=tqdm.set_lock, initargs=(lock,)) as workers:
            yield workers
        return
    try:
        from distributed import Client
    except ImportError:
        raise BuildError("--scheduler needs dask.distributed: pip install 'brainlib[cluster]'") from None
    with Client(scheduler) as client, client.get_executor(pure=False) as workers:
        yield workers
