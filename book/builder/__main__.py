"""`python -m book.builder`: the command behind `make book`."""

import argparse
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from book.builder import build, lock, measure, recorded, sources
from book.builder.failures import BuildError, reason
from book.builder.plan import parameter
from brainlib.ledger import PROFILES

ROOT = Path(__file__).parents[2]


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM came; the number of the signal is the argument."""


def main(arguments: list[str] | None = None) -> int:
    """Reads the command line, builds, and gives the exit status; what is wrong goes to standard error."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _main(options)
    except BuildError as error:
        print(f"book.builder: {error}", file=sys.stderr)
    except OSError as error:
        print(f"book.builder: {reason(error)}", file=sys.stderr)
    except ValueError as error:
        print(f"book.builder: {error}", file=sys.stderr)
    except Interrupted as error:
        print("book.builder: interrupted", file=sys.stderr)
        return 128 + error.args[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 1


def _main(options: argparse.Namespace) -> int:
    start = time.monotonic()
    if "seeds" in options:
        print(*measure.records(ROOT, options), sep="\n")
        return 0
    if options.strip is not None:
        sources.strip(ROOT, options.strip or sources.notebooks(ROOT))
        return 0
    if options.source:
        print(recorded.write(ROOT, sources.below(ROOT, options.record), options.source))
        return 0
    given = {"profile": options.profile} | dict(map(parameter, options.given))
    with ExitStack() as stack:
        held = stack.enter_context(lock.held(ROOT))
        if options.scheduler:
            os.environ["BRAINLIB_SCHEDULER"] = options.scheduler
        ways = build.Ways(given, options.jobs, options.cell_timeout, held)
        if chapter := sources.below(ROOT, options.only or options.record):
            executed = build.execute_one(ROOT, chapter, ways) / "notebook.ipynb"
            print(recorded.write(ROOT, chapter, executed) if options.record else executed)
        else:
            build.build(ROOT, ways)
            print(f"{time.monotonic() - start:.0f} s")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    if arguments[:1] == ["records"]:
        parser = argparse.ArgumentParser(prog="python -m book.builder records", description="Measure claims.")
        measure.options(parser)
        return parser.parse_args(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="python -m book.builder",
        description="Execute the chapters, render the site. `records` measures claims alone (records --help).",
    )
    parser.add_argument("--profile", choices=PROFILES, default="ci", help="how large the experiments are (default: ci)")
    parser.add_argument("-p", dest="given", action="append", default=[], metavar="NAME=VALUE", help="a parameter")
    parser.add_argument("--jobs", type=_whole, help="chapters at a time (default: one a core)")
    parser.add_argument(
        "--cell-timeout",
        type=_whole,
        metavar="SECONDS",
        help="how long one cell may take; 0 for no limit (default: half an hour at ci, hours above)",
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="studies run on the workers of this Dask scheduler")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--only", type=Path, metavar="PATH", help="execute this one chapter and render nothing")
    what.add_argument(
        "--strip", type=Path, nargs="*", metavar="PATH", help="remove outputs and metadata from these chapters, or all"
    )
    what.add_argument("--record", type=Path, metavar="PATH", help="execute this chapter and record its page")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="EXECUTED",
        help="with --record: take this executed notebook, with the ledger's records/ beside it",
    )
    options = parser.parse_args(arguments)
    if options.source and not options.record:
        parser.error("--from needs --record")
    return options


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _interrupt(number: int, frame) -> None:
    for known in (signal.SIGINT, signal.SIGTERM):
        signal.signal(known, signal.SIG_DFL)  # what follows is to clean up; who cannot wait for it says so again
    raise Interrupted(number)


if __name__ == "__main__":
    sys.exit(main())
