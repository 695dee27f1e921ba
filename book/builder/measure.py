"""`python -m book.builder records`: measures claims without executing their chapters, and writes their records."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from book.builder.failures import BuildError
from brainlib import ledger, runs


def options(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--profile", choices=ledger.PROFILES, required=True, help="how large the experiments are")
    parser.add_argument("--only", nargs="+", metavar="CLAIM", help="these claims (default: all)")
    parser.add_argument("--seeds", type=seeds, default=range(1), metavar="FIRST:END", help="such as 0:5 (default: 0:1)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="studies run on the workers of this Dask scheduler")


def seeds(text: str) -> range:
    """The seeds of "0:5", or the one of "3"."""
    first, colon, end = text.partition(":")
    if not (first.isdecimal() and (end.isdecimal() if colon else True)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:END")
    return range(int(first), int(end) if colon else int(first) + 1)


def records(root: Path, given: argparse.Namespace) -> list[Path]:
    """Measures what is asked for, seed by seed, and gives the files that it wrote: `records/` beside `claims.toml`.

    Experiments that several claims or seeds share run once (see `brainlib.runs.study`); what was interrupted goes on.
    Raises `BuildError` for a claim that is unknown or that no function measures.
    """
    runs.check(given.profile, given.seeds[0] if given.seeds else 0, given.device)
    if given.scheduler:
        os.environ["BRAINLIB_SCHEDULER"] = given.scheduler
    os.environ.setdefault("BRAINLIB_RUNS", str(root / "_build" / "runs"))
    written: list[Path] = []
    for part, functions in _functions(root, given.only).items():
        for function, claims in functions.items():
            for seed in given.seeds:
                print(f"{part.name}: {', '.join(claims)}, seed {seed}", file=sys.stderr, flush=True)
                values = function(given.profile, seed, given.device)
                for claim in claims:
                    if claim in values:  # small profiles leave some out
                        written += _record(part, claim, values[claim], seed, given)
    return written


def _functions(root: Path, only: list[str] | None) -> dict[Path, dict[Callable, list[str]]]:
    """By part and function, the claims that are asked for."""
    known = {path.parent: ledger.read_claims(path) for path in sorted(root.glob("chapters/*/claims.toml"))}
    every = [claim for claims in known.values() for claim in claims]
    for claim in only or []:
        if claim not in every:
            raise BuildError(f"--only: got {claim!r}, expected claims such as {', '.join(every[:3])}")
    found: dict[Path, dict[Callable, list[str]]] = {}
    sys.path.insert(0, str(root))
    for part, claims in known.items():
        asked = [claim for claim in claims if only is None or claim in only]
        if asked and (part / "measures.py").is_file():
            importlib.import_module(f"chapters.{part.name}.measures")
        for claim in asked:
            if claim in ledger.MEASURES:
                found.setdefault(part, {}).setdefault(ledger.MEASURES[claim], []).append(claim)
            elif only is not None:
                raise BuildError(f"--only: no function of {part.name}/measures.py measures {claim}")
    return found


def _record(part: Path, claim: str, value, seed: int, given: argparse.Namespace) -> list[Path]:
    found = value if isinstance(value, ledger.Measured) else ledger.Measured(value)
    number = np.size(found.effect)
    seeds = [seed] if number == 1 else range(seed * number, (seed + 1) * number)
    verdict = ledger.record(claim, found, seeds, given.profile, given.device, claims=part / "claims.toml")
    return [ledger.write(part / "records", verdict.record, overwrite=True)]
