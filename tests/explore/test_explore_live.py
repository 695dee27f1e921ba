"""A figure in a notebook with a kernel: widgets that recompute it, and the choice between them and the page's HTML."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import ipywidgets
import plotly.graph_objects as go
import plotly.io
import pytest
from IPython.core.formatters import DisplayFormatter

from brainlib import explore
from brainlib.explore import live

TEXTS = {"name": "curve", "caption": "A <curve>.", "alt": "A curve."}
PLOTLY, WIDGET = "application/vnd.plotly.v1+json", "application/vnd.jupyter.widget-view+json"


def curve(scale: float, kind: str = "up") -> go.Figure:
    """A line of slope `scale`; 13 is no slope."""
    if scale == 13:
        raise ArithmeticError("no such slope")
    return go.Figure(go.Scatter(y=[0, scale if kind == "up" else -scale]))


@pytest.fixture
def recorder() -> tuple[Callable, list]:
    """A function that draws a line, whatever its `scale`, and the scales that it was called with."""
    drawn: list = []

    def draw(scale) -> go.Figure:
        drawn.append(scale)
        return curve(1.0)

    return draw, drawn


def parts(box: ipywidgets.VBox) -> tuple[list, ipywidgets.Output]:
    """The fields and the output of a live explorer."""
    *fields, output = box.children
    return fields, output


def last(output: ipywidgets.Output) -> float:
    """The last value that the output's figure shows."""
    return output.outputs[0]["data"][PLOTLY]["data"][0]["y"][-1]


def reached(field: ipywidgets.Widget) -> list:
    """The values that a control can take."""
    if isinstance(field, ipywidgets.IntSlider):
        return list(range(field.min, field.max + 1, field.step))
    return list(field.options) if isinstance(field, ipywidgets.Dropdown) else [value for _, value in field.options]


def test_a_change_redraws_the_one_output() -> None:
    (scale, kind), output = parts(explore.explorer(curve, **TEXTS, scale=[1.0, 2.0, 5.0], kind=["up", "down"]).widget())
    assert isinstance(kind, ipywidgets.Dropdown) and last(output) == 1
    scale.value = 3.5  # between the points of the grid
    assert last(output) == 3.5 and len(output.outputs) == 1
    kind.value = "down"
    assert last(output) == -3.5


GRIDS = [
    range(0, 40, 5),
    [64, 128, 512],
    [7, 512, 33],
    ["up", "down"],
    [w / 10 for w in range(-9, 10)],
    [0.003, 0.03, 0.3],
    [1000.0125, 1000.0375, 1000.1],
    [-1e-9, 3e-8, 1e6],
]


@pytest.mark.parametrize("values", GRIDS, ids=str)
def test_a_control_reaches_every_value_of_its_grid_and_draws_that_very_value(values, recorder) -> None:
    draw, drawn = recorder
    start = values[len(values) // 2]
    (field,), _ = parts(explore.explorer(draw, **TEXTS, start={"scale": start}, scale=values).widget())
    assert field.value == start == drawn[-1] and field.description == "scale"
    assert set(values) <= set(reached(field))
    for value in (values[1], values[-1], values[0]):
        field.value = value
        assert drawn[-1] == value


@pytest.mark.parametrize("values", GRIDS[4:], ids=str)
def test_a_slider_stops_between_the_values_of_its_grid(values: list[float]) -> None:
    (field,), _ = parts(explore.explorer(curve, **TEXTS, scale=values).widget())
    stops = reached(field)
    assert 100 < len(stops) <= 300 and stops == sorted(set(stops))
    places = [stops.index(value) for value in values]
    assert (places[0], places[-1]) == (0, len(stops) - 1)
    assert len({after - before for before, after in pairwise(places)}) == 1  # as even as on the page


def test_an_error_of_the_function_is_shown_and_left_again() -> None:
    (scale,), output = parts(explore.explorer(curve, **TEXTS, scale=range(20)).widget())
    scale.value = 13
    assert output.outputs[0]["output_type"] == "error" and output.outputs[0]["evalue"] == "no such slope"
    scale.value = 14
    assert last(output) == 14


def test_fast_changes_are_computed_once(recorder) -> None:
    draw, drawn = recorder

    async def drag() -> None:
        (scale,), _ = parts(explore.explorer(draw, **TEXTS, scale=range(10)).widget())
        drawn.clear()
        for value in (1, 2, 3, 4):
            scale.value = value
        assert drawn == []
        await asyncio.sleep(live.WAIT * 2)

    asyncio.run(drag())
    assert drawn == [4]


def test_a_kernel_gets_widgets_and_never_computes_the_grid(recorder) -> None:
    draw, drawn = recorder
    widgets, still, caption = explore.explorer(draw, **TEXTS, scale=range(1000)).outputs()
    assert drawn == [0]
    assert WIDGET in widgets and "text/html" not in widgets
    assert still[PLOTLY]["data"][0]["y"] == [0, 1] and 'aria-label="A curve."' in still["text/html"]
    assert "A &lt;curve&gt;." in caption["text/html"] and "A &lt;curve&gt;." not in still["text/html"]


def test_colab_gets_html(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly.io.renderers, "default", "colab")
    assert "text/html" in live.plotly_bundle(curve(1.0))
    assert len(explore.explorer(curve, **TEXTS, scale=[1.0, 2.0]).outputs()) == 2  # no still figure beside the live one


def test_the_page_gets_html_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINLIB_PAGE", "1")
    for shown in (
        explore.explorer(curve, **TEXTS, scale=[1.0, 2.0]),
        explore.show(curve(1.0), **TEXTS),
    ):
        assert [set(bundle) for bundle in shown.outputs()] == [{"text/html", "text/plain"}]
        assert shown.outputs()[0]["text/html"].startswith('<figure class="brainlib" id="curve">')


def test_a_cell_displays_all_outputs(capsys: pytest.CaptureFixture) -> None:
    formatter = DisplayFormatter()
    assert formatter.format(explore.show(curve(1.0), **TEXTS)) == ({}, {})  # it has displayed itself
    assert "A <curve>." in capsys.readouterr().out
