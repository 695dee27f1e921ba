"""Every page of the built book, in a browser with the network shut off."""

import os
from pathlib import Path

import pytest
from page_browser import REQUIRED, served
from page_checks import complaints_of
from page_links import pages, read

SITE = Path(os.environ.get("BRAINLIB_SITE", Path(__file__).parents[2] / "_build" / "html"))
PAGES = [name for name in pages(SITE) if not read(SITE / name).redirects]


@pytest.fixture(scope="module")
def address():
    """Where the built book is served."""
    with served(SITE) as where:
        yield where


@pytest.mark.parametrize("page", PAGES or [None], ids=PAGES or ["no book"])
def test_page(page: str | None, browser, address: str) -> None:
    if page is None:
        (pytest.fail if REQUIRED else pytest.skip)(f"no pages in {SITE}: run `make book` first")
    assert complaints_of(browser, address, SITE, page) == []
