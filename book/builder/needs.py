"""The data that chapters need and that do not come with brainlib: asked for before anything runs."""

import os
import sys
from pathlib import Path

from book.builder import catalogue, recorded
from book.builder.failures import BuildError
from book.builder.job import Job

REQUIRE = "BRAINLIB_REQUIRE_DATA"


def lacking(root: Path, jobs: list[Job]) -> dict[Path, list[OSError]]:
    """For each chapter that is to be executed and whose data cannot be had, the `DataUnavailable` of its files.

    Tells standard error a line for each file. Raises `BuildError` if `BRAINLIB_REQUIRE_DATA` is set to 1.
    """
    entries = catalogue.read(root)
    needed = {
        job.chapter: entries[job.chapter].data.get(str(job.parameters.get("profile")), [])
        for job in jobs
        if job.chapter in entries and not job.result.is_dir()
    }
    names = sorted({name for files in needed.values() for name in files})
    if not names:
        return {}
    from brainlib import data

    missing = data.missing(names)
    lines = [f"not at hand: {name}. {_reason(error)}" for name, error in missing.items()]
    if lines and os.environ.get(REQUIRE) == "1":
        raise BuildError("\n".join([f"data are missing, and {REQUIRE} is set:", *lines]))
    for line in lines:
        print(line, file=sys.stderr, flush=True)
    return {
        chapter: [missing[name] for name in files if name in missing]
        for chapter, files in needed.items()
        if any(name in missing for name in files)
    }


def drawn(root: Path, missing: dict[Path, list[OSError]]) -> tuple[dict[Path, dict], list[str]]:
    """The recorded pages of chapters that lack data, and a line for each chapter that has none."""
    pages = {chapter: recorded.read(root, chapter) for chapter in missing}
    failures = [
        f"{chapter}: {_files(missing[chapter])} is missing, and no page of it was recorded"
        for chapter, page in pages.items()
        if page is None
    ]
    return {chapter: page for chapter, page in pages.items() if page is not None}, failures


def told(chapter: Path, page: dict, errors: list[OSError]) -> str:
    """What a reader can do about a chapter that was drawn from its record, in one line."""
    files = "; ".join(f"{error.file} from {error.source}" for error in errors)
    where = f"into {errors[0].place}"
    return f"{chapter}: drawn from its record ({recorded.when(page)}). To compute it, put {files} {where}"


def _reason(error: OSError) -> str:
    """What was tried, without the layers of a connection's error."""
    words = str(error).splitlines()[0].rpartition("cannot be fetched: ")[2].rpartition("Caused by ")[2]
    words = words.rpartition("): ")[2].rstrip("\")'")
    return f"{error.source}: {words[:200]}"


def _files(errors: list[OSError]) -> str:
    return ", ".join(error.file for error in errors)
