"""What a reader can do with a figure in a page: move it by keyboard, switch the theme, resize, do without scripts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import plotly.graph_objects as go
import pytest
from page_browser import served
from page_checks import DESK, PHONE, complaints, visit
from playwright.sync_api import Page
from plotly.subplots import make_subplots

from brainlib import explore

PAGE = "part/page.html"
PLOT = 'document.querySelector("figure.brainlib .brainlib-plot")'


def figure(tau: float, shape: str) -> go.Figure:
    """A decay with typed arrays; the second shape has another number of traces."""
    time = numpy.arange(5)
    traces = [go.Scatter(x=time, y=numpy.exp(-time / tau).astype("float32"))]
    if shape == "a & <b>":
        traces.append(go.Bar(x=time, y=time * tau))
    return go.Figure(traces).update_layout(title="</script><b>tau", width=560, height=380)


@pytest.fixture
def tab(browser, write_page: Callable[[str], Path]) -> Iterator[Page]:
    """A page with an explorer."""
    made = explore.explorer(
        figure, name="decay", caption="A <decay>.", alt="A curve.", tau=[1.0, 2.0, 8.0], shape=["line", "a & <b>"]
    )
    site = write_page(made.html())
    with served(site) as address, visit(browser, address, PAGE, "light", DESK) as (tab, noise):
        yield tab
        assert noise == []


def drawn(tab: Page) -> list[list[float]]:
    """The y values of the traces as plotly has them."""
    return tab.evaluate(f"{PLOT}.data.map((trace) => Array.from(trace.y))")


def test_keys_move_through_the_whole_grid(tab: Page) -> None:
    for index, tau in enumerate([1.0, 2.0, 8.0]):
        for shape in ("line", "a & <b>"):
            tab.select_option("#decay-shape", label=shape)
            tab.focus("#decay-tau")
            tab.keyboard.press("Home")
            for _ in range(index):
                tab.keyboard.press("ArrowRight")
            tab.wait_for_function(f"{PLOT}.data.length === {2 if shape == 'a & <b>' else 1}")
            expected = numpy.exp(-numpy.arange(5) / tau)
            tab.wait_for_function(f"Math.abs({PLOT}.data[0].y[1] - {expected[1]}) < 1e-3")
            assert numpy.allclose(drawn(tab)[0], expected, atol=1e-3)
            assert tab.inner_text("output") == tab.get_attribute("#decay-tau", "aria-valuetext") == f"{tau:g}"


def test_a_simulation_is_computed_by_the_page(browser, write_page) -> None:
    def draw(rate: float, kind: str) -> go.Figure:
        y = numpy.exp(-rate * numpy.arange(6)) if kind == "decay" else numpy.full(6, None)
        return go.Figure([go.Scatter(y=y, meta="curve", name="computed"), go.Scatter(y=[0.0, 1.0], name="kept")])

    script = """// a comment
        function ({ rate, kind }) {
          const curve = Array.from({ length: 6 }, (_, k) => (kind === "decay" ? Math.exp(-rate * k) : null));
          return { curve };
        }"""
    rates = [k / 100 for k in range(201)]
    made = explore.simulation(
        draw, script, name="decay", caption="A decay.", alt="A curve.", start={"rate": 0.5}, rate=rates,
        kind=["decay", "nothing"],
    )  # fmt: skip
    site = write_page(made.html())
    with served(site) as address, visit(browser, address, PAGE, "light", DESK) as (tab, noise):
        assert complaints(tab, "differing") == [] and noise == []
        for presses, rate in ((53, 0.53), (90, 0.9)):
            tab.focus("#decay-rate")
            tab.keyboard.press("Home")
            for _ in range(presses):
                tab.keyboard.press("ArrowRight")
            tab.wait_for_function(f"Math.abs({PLOT}.data[0].y[1] - {numpy.exp(-rate)}) < 1e-12")
            computed, kept = drawn(tab)
            assert numpy.allclose(computed, numpy.exp(-rate * numpy.arange(6)), atol=1e-12) and kept == [0, 1]
            assert tab.inner_text("output") == f"{rate:g}"
        tab.select_option("#decay-kind", label="nothing")
        tab.wait_for_function(f"{PLOT}.data[0].y[0] === null")


def test_the_theme_switches_the_ink_and_keeps_the_state(tab: Page) -> None:
    tab.focus("#decay-tau")
    tab.keyboard.press("End")
    ink = f"getComputedStyle({PLOT}.querySelector('.xtick text')).fill"
    light = tab.evaluate(ink)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.wait_for_function(f"{ink} !== '{light}'")
    assert tab.evaluate(ink) == tab.evaluate("getComputedStyle(document.querySelector('figure.brainlib')).color")
    assert numpy.allclose(drawn(tab)[0], numpy.exp(-numpy.arange(5) / 8), atol=1e-3)


def test_the_figure_follows_its_column_up_to_its_own_width(tab: Page) -> None:
    width = f"{PLOT}.querySelector('svg.main-svg').getBoundingClientRect().width"
    assert tab.evaluate(width) == 560
    tab.evaluate("document.querySelector('main').style.width = '300px'")
    tab.wait_for_function(f"{width} === 300")


def test_plotly_loads_once_for_many_figures_and_not_at_all_without(browser, write_page) -> None:
    shown = [
        explore.show(figure(2.0, "line"), name=f"decay-{n}", caption="A decay.", alt="A curve.").html()
        for n in range(3)
    ]
    site = write_page("".join(shown))
    (site / "bare.html").write_text("<!DOCTYPE html><title>Bare</title><p>Words.</p>")
    loaded = "performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('plotly.min.js')).length"
    with served(site) as address:
        with visit(browser, address, PAGE, "light", DESK) as (tab, _):
            assert tab.evaluate("document.querySelectorAll('figure.drawn').length") == 3
            assert tab.evaluate(loaded) == 1
        with visit(browser, address, "bare.html", "light", DESK) as (tab, _):
            assert tab.evaluate(loaded) == 0


def test_without_javascript_the_description_stands_in_the_plots_place(browser, write_page) -> None:
    made = explore.explorer(
        figure, name="decay", caption="A decay.", alt="A curve.", tau=[1.0, 2.0], shape=["line", "b"]
    )
    site = write_page(made.html())
    context = browser.new_context(java_script_enabled=False)
    with served(site) as address:
        tab = context.new_page()
        tab.goto(f"{address}/{PAGE}")
        assert tab.locator("#decay-alt").bounding_box()["height"] > 100
        assert tab.locator("#decay-alt").inner_text() == "A curve." and tab.locator("figcaption").is_visible()
        assert not tab.locator("#decay-tau").is_visible()
    context.close()


def test_panels_stand_one_below_the_other_on_a_phone(browser, write_page) -> None:
    titles = ["of each unit alone", "of pairs of units", "of the network as a whole"]
    figure = make_subplots(1, 3, subplot_titles=titles, shared_yaxes=True)
    for column in (1, 2, 3):
        long = f"number {column} of the names that are too long to stand in one line of a phone"
        figure.add_scatter(y=[1.0, 2.0], name=long, row=1, col=column)
    figure.update_xaxes(title="time since the cue (seconds)").update_layout(explore.WIDE)
    site = write_page(explore.show(figure, name="panels", caption="Three.", alt="Three lines.").html())
    across = f"['', 2, 3].map((k) => {PLOT}.layout[`xaxis${{k}}`].domain)"
    with served(site) as address, visit(browser, address, PAGE, "light", DESK) as (tab, noise):
        beside, height = tab.evaluate(across), tab.evaluate(f"{PLOT}.offsetHeight")
        assert beside[0][1] < beside[1][0] and height == explore.WIDE["height"]
        tab.set_viewport_size(PHONE)
        tab.wait_for_function(f"{PLOT}.offsetHeight > {2 * height}")
        tab.wait_for_function(f"{PLOT}.layout.xaxis.domain[1] === 1")
        assert tab.evaluate(across) == [[0, 1]] * 3 and complaints(tab, "crowded") == []
        tab.set_viewport_size(DESK)
        tab.wait_for_function(f"{PLOT}.offsetHeight === {height}")
        tab.wait_for_function(f"{PLOT}.layout.xaxis.domain[1] < 1")
        assert tab.evaluate(across) == beside and noise == []
