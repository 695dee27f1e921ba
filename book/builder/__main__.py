"""`python -m book.builder`: the command behind `make book`."""

import argparse
import ast
import sys
import time
from pathlib import Path

from book.builder import execution, site, sources
from brainlib.ledger import PROFILES

ROOT = Path(__file__).parents[2]


def build(root: Path, given: dict[str, object], jobs: int | None = None, scheduler: str | None = None) -> None:
    """Executes every chapter below `root` with the `given` parameters and renders the site."""
    chapters = sources.chapters(root)
    results = execution.execute(execution.plan(root, chapters, given, jobs), scheduler)
    rendered = site.render(root, site.assemble(root, results, given["profile"]))
    print(f"{'rendered' if rendered else 'unchanged'}: {root / '_build' / 'html' / 'index.html'}")


def main(arguments: list[str] | None = None) -> int:
    """Reads the command line, builds, and gives the exit status; what is wrong with the book goes to standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m book.builder", description="Execute the chapters, render the site."
    )
    parser.add_argument("--profile", choices=PROFILES, default="ci", help="how large the experiments are (default: ci)")
    parser.add_argument("--jobs", type=int, help="chapters at a time (default: one for every two cores)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="hand the executions to this Dask scheduler")
    parser.add_argument("--only", type=Path, metavar="PATH", help="execute this one chapter and render nothing")
    parser.add_argument("--strip", type=Path, metavar="PATH", help="bring this chapter's source into the book's form")
    parser.add_argument("-p", dest="given", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        given = {"profile": options.profile} | dict(map(_parameter, options.given))
        if options.strip:
            sources.strip(ROOT, options.strip)
        elif options.only:
            sources.check(ROOT, options.only)
            jobs = execution.plan(ROOT, [options.only], given)
            print(execution.execute(jobs, options.scheduler)[options.only] / "notebook.ipynb")
        else:
            build(ROOT, given, options.jobs, options.scheduler)
            print(f"{time.monotonic() - start:.0f} s")
    except (sources.BuildError, ValueError) as error:
        print(f"book.builder: {error}", file=sys.stderr)
        return 1
    return 0


def _parameter(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise sources.BuildError(f"-p: got {text!r}, expected NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
