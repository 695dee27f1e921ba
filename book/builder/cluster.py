"""Executing chapters on a Dask cluster. Results travel as bytes, so that no folder needs to be shared."""

import contextlib
import io
import logging
import os
import shutil
import tempfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from book.builder import fingerprint
from book.builder.failures import BuildError, ChapterFailed, reason
from book.builder.job import Job
from book.builder.plan import cores
from book.builder.process import HOME, UNFINISHED, Runner
from book.builder.progress import Progress

PATIENCE = 60  # seconds without any worker
STOPPING = 10  # seconds for all of them to end what they run
_RUNNER = Runner()  # of a Dask worker's process


class Cluster:
    """The workers behind a Dask scheduler; raises `BuildError` if there is no scheduler or no worker within seconds."""

    def __init__(self, address: str, patience: float = PATIENCE):
        try:
            import distributed
        except ImportError:
            raise BuildError("--scheduler needs dask.distributed: pip install '.[cluster]'") from None
        self.address, self._patience = address, patience
        self._distributed = distributed
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it tells tracebacks where a line is enough
        try:
            self._client = distributed.Client(address, timeout=10)
        except (OSError, ValueError) as error:
            raise BuildError(f"no Dask scheduler answers at {address} ({error or type(error).__name__})") from None
        self._jobs: set[str] = set()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_) -> None:
        self._client.close(timeout=5)

    def facts(self, root: Path, device: str) -> dict[str, str]:
        """What `fingerprint.facts` says on the workers, which must be alike."""
        try:
            self._client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError:
            raise self._deserted() from None
        try:
            said = self._client.run(_facts, str(root), device)
        except Exception as error:
            words = f"{type(error).__name__}: {error}".splitlines()[0]
            raise BuildError(f"the workers of {self.address} cannot execute chapters: {words}") from None
        (first, facts), *others = said.items()
        for worker, other in others:
            if name := fingerprint.changed(facts, other):
                raise BuildError(
                    f"{name} is {facts.get(name)} on the worker {first}, but {other.get(name)} on {worker}"
                )
        return facts

    def each(self, jobs: list[Job], progress: Progress):
        """Gives each job with its seconds or its failure, in the order in which they end."""
        futures = {}
        for job in jobs:
            progress.say(f"{job.chapter}: handed to {self.address}")
            futures[self._client.submit(_execute, job.to_json(), key=job.name, pure=False)] = job
        self._jobs = {job.name for job in jobs}
        seen = time.monotonic()
        while futures:
            try:
                done = self._distributed.wait(list(futures), timeout=2, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            for future in done:
                job = futures.pop(future)
                yield job, self._outcome(job, future)
            if self._client.scheduler_info()["workers"]:
                seen = time.monotonic()
            elif futures and time.monotonic() - seen > self._patience:
                raise self._deserted()

    def stop(self) -> None:
        """Ends what still runs for this build."""
        if not self._jobs:
            return
        asked = threading.Thread(target=self._ask_to_stop, daemon=True)
        asked.start()
        asked.join(STOPPING)  # a scheduler that hangs never answers

    def _ask_to_stop(self) -> None:
        with contextlib.suppress(Exception):  # if the cluster is gone, so are they
            self._client.run(_stop, list(self._jobs), on_error="ignore")

    def _outcome(self, job: Job, future) -> float | ChapterFailed:
        try:
            seconds, content = future.result()
            _unpack(content, job.result)
        except ChapterFailed as error:
            return error
        except OSError as error:
            return ChapterFailed(f"{job.chapter}: {reason(error)}")
        except self._distributed.KilledWorker:
            return ChapterFailed(f"{job.chapter}: each worker of {self.address} that executed it died")
        except Exception as error:
            return ChapterFailed(f"{job.chapter}: {type(error).__name__}: {error}")
        return seconds

    def _deserted(self) -> BuildError:
        return BuildError(f"the Dask scheduler at {self.address} has had no worker for {self._patience:g} s")


def _home(root: str) -> Path:
    """The repository on this machine: where it lies for the caller, or else where this worker's own code lies."""
    return Path(root) if Path(root).is_dir() else HOME


def _facts(root: str, device: str) -> dict[str, str]:
    return fingerprint.facts(_home(root), device)


def _execute(text: str) -> tuple[float, bytes]:
    """On a worker: executes a chapter and gives the seconds and the result's folder as an archive."""
    from distributed import get_worker

    job = Job.from_json(text)
    threads = max(1, cores() // get_worker().state.nthreads)
    job = replace(job, root=_home(str(job.root)), threads=threads)
    if name := fingerprint.changed(job.facts, _facts(str(job.root), str(job.parameters.get("device", "auto")))):
        raise ChapterFailed(f"{job.chapter}: {name} is another one on the worker {get_worker().address}")
    if name := fingerprint.changed(job.files, fingerprint.files(job.root, job.chapter)):
        words = f"{name} is another one in its copy of the repository, {job.root}"
        raise ChapterFailed(f"{job.chapter}: the worker {get_worker().address} refused: {words}")
    packed = []
    seconds = _RUNNER.run(job, lambda folder: packed.append(_pack(folder)), lambda message: None)
    return seconds, packed[0]


def _stop(names: list[str]) -> None:
    _RUNNER.stop(set(names))


def _pack(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return content.getvalue()


def _unpack(content: bytes, result: Path) -> None:
    """Whole or not at all."""
    result.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=result.parent, prefix=UNFINISHED))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(work / "result")
        os.rename(work / "result", result)
    finally:
        shutil.rmtree(work, ignore_errors=True)
