"""The folder of results: what is left over from builds that were killed goes, and of old results all but the newest."""

import json
import os
import shutil
from pathlib import Path

from book.builder.job import CACHE, Job
from book.builder.process import UNFINISHED

NEWEST = 3


def sweep(root: Path) -> None:
    """Removes the unfinished results of builds that are dead. To be called by the one build that holds the lock."""
    for path in (root / CACHE).glob(f"{UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)


def prune(jobs: list[Job]) -> None:
    """Keeps, of each chapter with the same parameters, this result and the newest others."""
    for job in jobs:
        if job.result.is_dir():
            os.utime(job.result)
        for old in _alike(job.result)[NEWEST:]:
            shutil.rmtree(old, ignore_errors=True)


def seconds(job: Job) -> float | None:
    """How long this chapter took here with these parameters the last time."""
    for folder in _alike(job.result):
        try:
            return float(json.loads((folder / "job.json").read_text(encoding="utf-8"))["seconds"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _alike(folder: Path) -> list[Path]:
    """The folders of the same chapter with the same parameters, the newest first."""
    group = folder.name.rpartition("-")[0]
    return sorted(folder.parent.glob(f"{group}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
