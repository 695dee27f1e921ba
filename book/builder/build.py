"""The whole book: plan, see what data are missing, execute, put the pages together, render."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from book.builder import cache, execution, needs, plan, site, sources
from book.builder.failures import BuildError
from book.builder.job import Job


@dataclass(frozen=True)
class Ways:
    """How to build: the parameters that were `given`, chapters at a time, seconds for a cell, the lock."""

    given: dict[str, object] = field(default_factory=lambda: {"profile": "ci"})
    jobs: int | None = None
    cell_timeout: int | None = None
    lock: int | None = None

    def plan(self, root: Path, chapters: list[Path]) -> list[Job]:
        return plan.plan(root, chapters, self.given, self.jobs, self.cell_timeout)

    def execute(self, jobs: list[Job]) -> tuple[dict[Path, Path], list[str]]:
        return execution.execute(jobs, plan.at_once(len(jobs), self.jobs), self.lock)


@dataclass(frozen=True)
class Chapters:
    """What became of the chapters: the folder of each result, and the recorded page of each that lacks data."""

    results: dict[Path, Path]
    recorded: dict[Path, dict]
    missing: dict[Path, list[OSError]]


def chapters(root: Path, names: list[Path], ways: Ways) -> Chapters:
    """Executes these chapters, or takes their recorded pages where their data cannot be had.

    Raises `BuildError` before anything runs if there are neither data nor a recorded page for one of them, and after
    all were tried if any failed.
    """
    cache.sweep(root)
    jobs = ways.plan(root, names)
    missing = needs.lacking(root, jobs)
    recorded, without = needs.drawn(root, missing)
    execution.demand(without, len(jobs))  # now, not after hours
    results, failures = ways.execute([job for job in jobs if job.chapter not in missing])
    execution.demand(failures, len(jobs))
    return Chapters(results, recorded, missing)


def build(root: Path, ways: Ways) -> None:
    """Executes every chapter below `root` and renders the site."""
    done = chapters(root, sources.chapters(root), ways)
    rendered = site.render(root, site.assemble(root, done.results, done.recorded, str(ways.given["profile"])))
    print(f"{'rendered' if rendered else 'unchanged'}: {root / '_build' / 'html' / 'index.html'}")
    for chapter, page in done.recorded.items():
        print(needs.told(chapter, page, done.missing[chapter]), file=sys.stderr)


def execute_one(root: Path, chapter: Path, ways: Ways) -> Path:
    """Executes one chapter and gives the folder of its result."""
    cache.sweep(root)
    jobs = ways.plan(root, [chapter])
    for errors in needs.lacking(root, jobs).values():
        raise BuildError(f"{chapter} cannot be executed: {errors[0]}")
    results, failures = ways.execute(jobs)
    execution.demand(failures, 1)
    return results[chapter]
