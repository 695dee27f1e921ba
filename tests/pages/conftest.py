"""A browser for the page tests; where there is none, one loud line says so, or a failure where it is required."""

import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from page_browser import MISSING, REQUIRED, chromium, launched

BOOK = Path(__file__).parents[2] / "book"
PAGE = "part/page.html"
HTML = """<!DOCTYPE html>
<html lang="en" data-content_root="../"><head><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="../_assets/brainlib.css"></head>
<body><main><h1>A page</h1>{body}</main></body></html>
"""


@pytest.fixture(scope="session")
def executable() -> str:
    """The path of a Chromium."""
    found = chromium()
    if found is None:
        (pytest.fail if REQUIRED else pytest.skip)(MISSING)
    return found


@pytest.fixture(scope="module")  # no longer: while it lives, asyncio has a running loop
def browser(executable: str) -> Iterator:
    """A headless Chromium."""
    with launched(executable) as started:
        yield started


@pytest.fixture
def write_page(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a page with the given body into a small site of its own, with the book's assets, and gives the site."""
    assets = tmp_path / "_assets"
    shutil.copytree(BOOK / "assets", assets)
    (assets / "plotly.min.js").symlink_to(files("plotly").joinpath("package_data", "plotly.min.js"))

    def write(body: str) -> Path:
        (tmp_path / "part").mkdir()
        (tmp_path / PAGE).write_text(HTML.format(body=body), encoding="utf-8")
        return tmp_path

    return write
