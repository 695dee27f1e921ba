"""Worker processes: one a chapter, so that one that dies takes no other with it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from book.builder.failures import ChapterFailed, ending, reason
from book.builder.job import Job
from book.builder.kernel import end_group

HOME = Path(__file__).parents[2]  # where `book` is found
UNFINISHED = ".running-"
PATIENCE = 5.0  # seconds that a worker has to end


class Runner:
    """Starts the workers of a build, follows them and ends them; `keep` are file descriptors that they inherit."""

    def __init__(self, keep: tuple[int, ...] = ()):
        self._keep = keep
        self._running: dict[subprocess.Popen, str] = {}
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, job: Job, place: Callable[[Path], None], on_message: Callable[[dict], None]) -> float:
        """Executes a job in a process of its own and gives the seconds it took.

        The whole result's folder is handed to `place`; `on_message` is told the cell that runs. Raises `ChapterFailed`.
        """
        folder = None
        try:
            (job.result.parent).mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=job.result.parent, prefix=UNFINISHED))
            done = self._follow(job, folder, on_message)
            place(folder / "result")
        except OSError as error:
            raise ChapterFailed(f"{job.chapter}: {reason(error)}") from error
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        return done

    def stop(self, names: set[str] | None = None) -> None:
        """Ends the workers of the jobs of these names, or all for good, with their kernels; within seconds."""
        with self._lock:
            self._stopped = self._stopped or names is None
            running = [process for process, name in self._running.items() if names is None or name in names]
        for process in running:
            process.stdin.close()
        for process in running:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def _follow(self, job: Job, folder: Path, on_message: Callable[[dict], None]) -> float:
        process = self._start(job, folder)
        try:
            message, kernel = {}, None
            for line in process.stdout:
                message = json.loads(line)
                kernel = message.get("kernel", kernel)
                on_message(message)
            code = process.wait()
        finally:
            with self._lock:
                del self._running[process]
            process.stdout.close()
            process.stdin.close()
        if "seconds" in message:
            return message["seconds"]
        said = (folder / "stderr").read_text(encoding="utf-8", errors="replace")
        if "headline" in message:
            raise ChapterFailed(message["headline"], f"{message['trace']}\n{said}")
        if kernel is not None:
            end_group(kernel)
        raise ChapterFailed(f"{job.chapter}: its worker died ({ending(code)})", said)

    def _start(self, job: Job, folder: Path) -> subprocess.Popen:
        path = os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))
        with self._lock, (folder / "stderr").open("wb") as errors:
            if self._stopped:
                raise ChapterFailed(f"{job.chapter}: interrupted")
            process = subprocess.Popen(
                [sys.executable, "-m", "book.builder.worker", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | {"PYTHONPATH": path},
                pass_fds=self._keep,
                start_new_session=True,  # a terminal's Ctrl-C is for the builder, which ends the workers
            )
            self._running[process] = job.name
        try:
            process.stdin.write(f"{job.to_json()}\n".encode())
            process.stdin.flush()
        except BrokenPipeError:  # it is dead already, which is told when its output ends
            pass
        return process
