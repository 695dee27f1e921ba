"""Every page of the built book, in a browser with the network shut off."""

from pathlib import Path

import pytest
from page_browser import REQUIRED, served
from page_checks import complaints_of


@pytest.fixture(scope="module")
def address(built_site: Path):
    """Where the built book is served."""
    with served(built_site) as where:
        yield where


def test_page(built_page: str | None, browser, address: str, built_site: Path) -> None:
    if built_page is None:
        (pytest.fail if REQUIRED else pytest.skip)(f"no pages in {built_site}: run `make book` first")
    assert complaints_of(browser, address, built_site, built_page) == []
