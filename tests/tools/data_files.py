"""What a test does that needs a data file which does not come with brainlib: where it is missing, it is skipped."""

import os

import pytest

from brainlib.data import missing
from brainlib.data.doors import at_hand
from brainlib.data.registry import REGISTRY

REQUIRED = os.environ.get("BRAINLIB_REQUIRE_DATA") == "1"
NOT_AT_HAND = "data files are not at hand: "


def needs_data(*names: str) -> None:
    """Skip the calling test unless the files lie in a folder of this machine: a test never downloads.

    With BRAINLIB_REQUIRE_DATA=1 they are fetched, and a missing one fails the test.
    """
    if REQUIRED:
        for error in missing(names).values():
            pytest.fail(str(error))
    elif absent := [name for name in names if not at_hand(name, REGISTRY[name].sha256)]:
        pytest.skip(NOT_AT_HAND + ", ".join(absent))


def loud_line(skipped: list) -> str | None:
    """What the terminal says of all the tests that were skipped for want of files."""
    reasons = [report.longrepr[2].partition(NOT_AT_HAND)[2] for report in skipped if isinstance(report.longrepr, tuple)]
    names = sorted({name for reason in reasons for name in reason.split(", ") if name})
    if not names:
        return None
    return f"{sum(map(bool, reasons))} TESTS NOT RUN, as {NOT_AT_HAND}{', '.join(names)} (python -m brainlib.data)"
