"""Planning: every chapter's parameters and the state of what it depends on, before anything runs."""

import ast
import json
import os
from pathlib import Path

from book.builder import fingerprint, sources
from book.builder.failures import BuildError
from book.builder.job import Job
from brainlib.ledger import PROFILES

CELL_TIMEOUT = {"ci": 1800, "laptop": 4 * 3600, "paper": 24 * 3600}
"""Seconds that one cell may take, by profile, if nothing else is asked for."""


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def at_once(chapters: int, jobs: int | None = None) -> int:
    """How many chapters are executed at a time: as many as asked for, else one a core.

    Half of a short chapter is compiling and drawing, on one thread; two threads beside other work wait for each other.
    """
    return max(1, min(jobs or cores(), chapters))


def plan(
    root: Path,
    chapters: list[Path],
    given: dict[str, object],
    jobs: int | None = None,
    cell_timeout: int | None = None,
) -> list[Job]:
    """A job for each chapter, with `given` over the chapter's own parameters.

    Raises `BuildError` if a chapter has no parameter of that name or if a value is of another kind than the default.
    """
    threads = max(1, cores() // at_once(len(chapters), jobs))
    known: dict[str, dict[str, str]] = {}
    planned = []
    for chapter in chapters:
        parameters = _parameters(root, chapter, given)
        device = str(parameters.get("device", "auto"))
        if device not in known:
            known[device] = fingerprint.facts(root, device)
        limit = CELL_TIMEOUT.get(str(parameters.get("profile")), 0) if cell_timeout is None else cell_timeout
        files = fingerprint.files(root, chapter)
        planned.append(Job(root, chapter, parameters, files, known[device], threads, limit))
    return planned


def _parameters(root: Path, chapter: Path, given: dict[str, object]) -> dict[str, object]:
    defaults = sources.parameters(root, chapter)
    for name, value in given.items():
        if name not in defaults:
            expected = f"expected one of {', '.join(defaults)}" if defaults else "it has none"
            raise BuildError(f"{chapter}: unknown parameter {name!r}, {expected}")
        if name == "profile" and value not in PROFILES:
            raise BuildError(f"profile: got {value!r}, expected one of {', '.join(PROFILES)}")
        kind = type(defaults[name])
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise BuildError(f"{chapter}: {name}: got {value!r}, expected {kind.__name__} as in {defaults[name]!r}")
    return defaults | given


def parameter(text: str) -> tuple[str, object]:
    """Name and value of `NAME=VALUE`; the value is a Python literal, or else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise BuildError(f"-p: got {text!r}, expected NAME=VALUE")
    try:
        literal = ast.literal_eval(value)
        json.dumps(literal)
    except (SyntaxError, ValueError):
        return name, value
    except (TypeError, RecursionError, MemoryError) as error:
        raise BuildError(f"-p: got {text!r}, expected a value of plain JSON ({error})") from None
    return name, literal
