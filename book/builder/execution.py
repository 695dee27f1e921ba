"""Executing chapters, several at a time: each in a worker of its own, each result cached."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from book.builder import cache, catalogue
from book.builder.failures import BuildError, ChapterFailed, told
from book.builder.job import Job
from book.builder.process import Runner
from book.builder.progress import Progress


def execute(jobs: list[Job], at_once: int = 1, lock: int | None = None) -> tuple[dict[Path, Path], list[str]]:
    """Executes what is not cached; gives the result's folder of each chapter, and a line for each one that failed.

    Every chapter is tried. `lock` is the descriptor of the folder's lock, which the workers hold as well. An
    interrupt ends all workers and kernels.
    """
    waiting = [job for job in jobs if not job.result.is_dir()]
    failures: list[str] = []
    if waiting:
        expected = _expected(waiting[0].root, waiting)
        waiting.sort(key=lambda job: -expected.get(job.chapter, 0))  # the longest first, or it ends long after the rest
        progress = Progress(expected)
        runner = Local(at_once, lock)
        try:
            for job, outcome in runner.each(waiting, progress):
                if isinstance(outcome, ChapterFailed):
                    failures.append(outcome.headline.splitlines()[0])
                    progress.ended(job.chapter, told(job.root, job.chapter, outcome))
                else:
                    progress.ended(job.chapter, f"{job.chapter}: executed in {outcome:.0f} s")
        finally:
            runner.stop()
    cache.prune(jobs)
    return {job.chapter: job.result for job in jobs if job.result.is_dir()}, sorted(failures)


def demand(failures: list[str], chapters: int) -> None:
    """Raises `BuildError` if any chapter failed."""
    if failures:
        raise BuildError(f"{len(failures)} of {chapters} chapters failed:\n" + "\n".join(failures))


class Local:
    """Executes chapters on this machine, `at_once` at a time."""

    def __init__(self, at_once: int, lock: int | None):
        self._runner = Runner(() if lock is None else (lock,))
        self._threads = ThreadPoolExecutor(at_once)

    def each(self, jobs: list[Job], progress: Progress):
        """Gives each job with its seconds or its failure, in the order in which they end."""

        def run(job: Job) -> float:
            progress.started(job.chapter)
            return self._runner.run(
                job,
                lambda folder: folder.rename(job.result),
                lambda message: "cell" in message and progress.cell(job.chapter, message["cell"], message["of"]),
            )

        running = {self._threads.submit(run, job): job for job in jobs}
        for future in as_completed(running):
            try:
                yield running[future], future.result()
            except ChapterFailed as error:
                yield running[future], error

    def stop(self) -> None:
        """Ends the workers that still run; waits until they are gone and their folders are removed."""
        self._runner.stop()
        self._threads.shutdown(cancel_futures=True)


def _expected(root: Path, jobs: list[Job]) -> dict[Path, float]:
    entries = catalogue.read(root)
    known = {}
    for job in jobs:
        entry = entries.get(job.chapter, catalogue.Entry())
        seconds = cache.seconds(job) or entry.seconds.get(str(job.parameters.get("profile")))
        known |= {job.chapter: seconds} if seconds else {}
    return known
