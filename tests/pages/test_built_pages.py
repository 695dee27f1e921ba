"""Every page of the built book, with the network shut off; and that the checks find each fault that they look for."""

import os
from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
import pytest
from page_browser import REQUIRED, served
from page_checks import DESK, PHONE, complaints, complaints_of, dead_controls, visit
from page_links import pages, read

from brainlib import explore

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


PAGE = "part/page.html"


def line(scale: int) -> go.Figure:
    """A line whose slope is `scale`."""
    return go.Figure(go.Scatter(y=[0.0, 1.0 * scale])).update_layout(yaxis_range=[0, 10])


def interactive(function: Callable[..., go.Figure]) -> str:
    """An explorer of `function` over `scale`, as HTML."""
    return explore.explorer(function, name="line", caption="A line.", alt="A line.", scale=[1, 2, 5]).html()


def simulated(script: str) -> str:
    """An explorer of a line over `slope` that the page computes by `script`, as HTML."""

    def draw(slope: int) -> go.Figure:
        return go.Figure(go.Scatter(y=[0.0, 1.0 * slope], meta="height")).update_layout(yaxis_range=[0, 10])

    return explore.simulation(
        draw, script, name="slope", caption="A line.", alt="A line.", slope=range(1, 9), start={"slope": 3}
    ).html()


GOOD = (
    interactive(line)
    + simulated("({slope}) => ({height: [0, slope]})")
    + '<p id="end"><a href="#end">End</a> <img src="../_assets/logo.svg" width="32" alt="Logo"></p>'
)


def test_a_good_page_has_no_complaints(browser, write_page: Callable[[str], Path]) -> None:
    site = write_page(GOOD)
    with served(site) as address:
        assert complaints_of(browser, address, site, PAGE) == []


FAULTS = {
    "outside request: https://example.com/x.js": '<script src="https://example.com/x.js"></script>',
    "script error: oh": '<script>throw new Error("oh")</script>',
    "console: careful": '<script>console.warn("careful")</script>',
    "status 404": '<link rel="stylesheet" href="missing.css">',
    "dead link: missing.html": '<a href="missing.html">elsewhere</a>',
    "dead link: #nowhere": '<a href="#nowhere">elsewhere</a>',
    "picture without text": '<img src="../_assets/logo.svg" width="32">',
    "live widget": '<script type="application/vnd.jupyter.widget-view+json">{}</script>',
    "color-contrast (light)": '<p style="color: #aaa; background: #fff">Faint.</p>',
    "color-contrast (dark)": '<p class="dim">Dim.</p><style>@media (prefers-color-scheme: dark) '
    "{ .dim { color: #444; background: #222 } }</style>",
    "label (light)": '<input type="range">',
    "too wide": '<div style="width: 500px">wide</div>',
}
FIGURE_FAULTS = {
    "dead control: line-scale moves but changes nothing": interactive(lambda scale: line(1)),
    "dead control: line-scale does not move": interactive(line).replace("<input", '<input onkeydown="return false"'),
    "differs from brainlib: slope height": simulated("({slope}) => ({height: [0, 1.01 * slope]})"),
    "blank figure: line": interactive(line).replace('"data":', '"nothing":'),
}


def test_every_fault_of_a_page_is_found(browser, write_page: Callable[[str], Path]) -> None:
    site = write_page("".join(FAULTS.values()))
    with served(site) as address:
        found = complaints_of(browser, address, site, PAGE)
    assert [fault for fault in FAULTS if not any(words.startswith(fault) for words in found)] == []


@pytest.mark.parametrize(("complaint", "body"), FIGURE_FAULTS.items(), ids=list(FIGURE_FAULTS))
def test_a_fault_of_a_figure_is_found(browser, write_page: Callable[[str], Path], complaint: str, body: str) -> None:
    site = write_page(body)
    with served(site) as address, visit(browser, address, PAGE, "light", DESK) as (tab, _):
        assert complaint in complaints(tab, "blank", "differing") + dead_controls(tab)


def test_titles_that_do_not_fit_are_found(browser, write_page: Callable[[str], Path]) -> None:
    def draw(scale: int) -> go.Figure:
        figure = line(scale).update_layout(xaxis_title="unbreakable" * 8)
        for text in ("this", "that"):
            figure.add_annotation(text=text, x=0.5, y=5, showarrow=False)
        return figure

    site = write_page(interactive(draw))
    with served(site) as address, visit(browser, address, PAGE, "light", PHONE) as (tab, _):
        assert complaints(tab, "crowded") == [f"cut off: {'unbreakable' * 8} (line)", "overlap: this and that (line)"]


def test_a_page_without_plotly_is_not_blank_to_its_reader(browser, write_page: Callable[[str], Path]) -> None:
    site = write_page(GOOD)
    (site / "_assets" / "plotly.min.js").unlink()
    with served(site) as address:
        found = complaints_of(browser, address, site, PAGE)
    assert "blank figure: line" in found and any("plotly.min.js did not load" in words for words in found)
