"""What a figure leaves in the page, escaped, small and rounded; wrong arguments; and its widgets with a kernel."""

import asyncio
import base64
import json
import re
from collections.abc import Callable
from itertools import pairwise

import ipywidgets
import numpy
import plotly.graph_objects as go
import plotly.io
import pytest
from IPython.core.formatters import DisplayFormatter
from refusals import refused

from brainlib import explore
from brainlib.explore import live
from brainlib.explore.controls import read_grid
from brainlib.explore.factor import restored
from brainlib.explore.numbers import plain

TEXTS = {"name": "wave", "caption": "A <wave> & more.", "alt": 'A "wave".'}


def wave(frequency: float, phase: str = "none") -> go.Figure:
    """A sampled wave."""
    x = numpy.linspace(0, 1, 50)
    figure = go.Figure(go.Scatter(x=x, y=numpy.sin(x * frequency), name=f"</script>{phase}"))
    return figure.update_layout(yaxis_range=[-1, 1], width=560, height=380)


def data_of(html: str) -> dict:
    """The inline JSON."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL).group(1))


def states_of(html: str) -> list[dict]:
    """The states as the page's script rebuilds them: pointers to the pool followed."""
    data = data_of(html)
    return [restored(state, data["pool"]) for state in data["states"]]


def test_markup_in_texts_is_escaped() -> None:
    html = explore.show(wave(2.0), **TEXTS).html()
    assert "<figcaption>A &lt;wave&gt; &amp; more.</figcaption>" in html
    assert 'id="wave-alt">A &quot;wave&quot;.</p>' in html
    assert html.count("</script>") == 2  # the data's and the loader's own: none of a figure's text
    assert states_of(html)[0]["data"][0]["name"] == "</script>none"
    assert 'role="group" aria-label="figure" aria-describedby="wave-alt"' in html
    assert "max-width:560px" in html and "height:380px" in html


def test_repeated_parts_are_written_once() -> None:
    html = explore.explorer(wave, **TEXTS, frequency=[1.0, 2.0], phase=[f"phase {n}" for n in range(50)]).html()
    assert len(data_of(html)["pool"]) < 60  # the layout, three arrays, each phase's trace
    assert len(html) < 20_000  # 100 states of 100 numbers would take 70 KB


def test_a_simulation_brings_its_script_and_one_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINLIB_PAGE", "1")
    drawn: list[float] = []

    def draw(frequency: float) -> go.Figure:
        drawn.append(frequency)
        return wave(frequency).update_traces(meta="sine")

    grid = [k / 10 for k in range(1000)]
    made = explore.simulation(draw, "({frequency}) => ({sine: []})", **TEXTS, start={"frequency": 2.0}, frequency=grid)
    html = made.outputs()[0]["text/html"]
    data = data_of(html)
    assert drawn == [2.0] and len(data["states"]) == 1
    assert (data["names"], data["numbers"], data["states"][0]["data"][0]["meta"]) == (["frequency"], [grid], "sine")
    assert '(window.brainlibSimulations ??= {})["wave"] = (\n({frequency}) => ({sine: []})\n);' in html
    assert 'value="20" aria-valuetext="2"' in html


def test_a_program_is_named_and_given_its_bytes() -> None:
    html = explore.program(wave(1.0), "own.js", b"\x00<\xff", **TEXTS).html()
    assert '<figure class="brainlib" id="wave" data-program="own.js">' in html and "<noscript>" in html
    assert base64.b64decode(data_of(html)["program"]) == b"\x00<\xff" and len(data_of(html)["states"]) == 1


def test_numbers_are_rounded_to_what_is_seen() -> None:
    assert plain([0.123456, 12.3456, float("nan"), float("inf")]) == [0.1235, 12.35, None, None]
    assert plain([1000.0123, 1000.0346]) == [1000.0123, 1000.0346]
    assert plain([5.0, 123456]) == [5, 123456]
    assert plain({"dtype": "f4", "bdata": "zczMPQAAAEA="}) == [0.1, 2]
    figure = go.Figure(go.Heatmap(z=numpy.arange(6.0).reshape(2, 3), text=numpy.array(["a", None], dtype=object)))
    (trace,) = states_of(explore.show(figure, **TEXTS).html())[0]["data"]
    assert (trace["z"], trace["text"]) == ([[0, 1, 2], [3, 4, 5]], ["a", None])


def test_the_template_stands_for_the_figures_own() -> None:
    data = data_of(explore.show(wave(1.0).update_layout(template="plotly_dark"), **TEXTS).html())
    assert not {"template", "width"} & data["states"][0]["layout"].keys()
    assert data["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"


def test_a_large_figure_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    large = go.Figure(go.Heatmap(z=numpy.random.default_rng(0).random((300, 300))))
    refused(r"^wave: the figure needs 6\d\d KB .*, expected at most 300 KB", explore.show(large, **TEXTS).html)
    monkeypatch.setenv("BRAINLIB_PAGE", "1")  # for the page it fails in the call, where it stops the build
    refused("wave: the figure needs", explore.show, large, **TEXTS)


WORDS = {"name": "dots", "caption": "Dots.", "alt": "Dots."}


def dots(**_: object) -> go.Figure:
    """A figure of any parameters."""
    return go.Figure(go.Scatter(y=[1, 2]))


@pytest.mark.parametrize(
    "values",
    ["word", 3, {"a": 1}, [1], ["a", "a"], [1, "a"], [True, False], [1.0, float("nan")], [[1], [2]]],
    ids=repr,
)
def test_a_bad_grid_names_its_parameter(values: object) -> None:
    with pytest.raises(ValueError, match=r"^tau: got .*, expected"):
        explore.explorer(dots, **WORDS, tau=values)


@pytest.mark.parametrize(
    ("text", "value"), [*(("name", n) for n in ("", "Dots", "a--b", 'a"b')), ("caption", " "), ("alt", " ")]
)
def test_a_bad_text_is_named(text: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{text}: got .*, expected (lower-case words|a sentence)"):
        explore.show(dots(), **(WORDS | {text: value}))


def test_a_function_draws_a_figure_of_the_grid():
    refused("^grid: got no parameter, expected at least one", explore.explorer, dots, **WORDS)
    refused(r"^function: got one that .*\['tau'\]: .*byte", explore.explorer, lambda byte: dots(), **WORDS, tau=[1, 2])
    refused("^dots: got str, expected a plotly figure", explore.explorer, (lambda tau: "figure"), **WORDS, tau=[1, 2])
    refused("^dots: got a figure without traces", explore.explorer, (lambda tau: go.Figure()), **WORDS, tau=[1, 2])


@pytest.mark.parametrize("script", [" ", "() => '</script>'", "() => 1 // <!-- x", "() => ({})"])
def test_a_script_must_not_end_its_element_and_a_trace_names_its_series(script: str) -> None:
    with pytest.raises(
        ValueError, match=r"^(script: got one that is empty or holds|dots: got a figure whose traces have no meta)"
    ):
        explore.simulation(dots, script, **WORDS, tau=[1, 2])


@pytest.mark.parametrize("file", ["", "live", "../live.js", "li ve.js"])
def test_a_program_is_a_script_of_the_book(file: str) -> None:
    with pytest.raises(ValueError, match=r"^file: got .*, expected the name of a script"):
        explore.program(dots(), file, b"", **WORDS)


def test_grids_are_read_from_what_holds_them() -> None:
    whole, real, words = read_grid({"a": range(3), "b": numpy.linspace(0, 1, 3), "c_d": ("x", "y")})
    assert whole.values == (0, 1, 2) and whole.ordered
    assert real.values == (0.0, 0.5, 1.0) and real.ordered and real.texts == ["0", "0.5", "1"]
    assert words.values == ("x", "y") and not words.ordered and words.label == "c d"
    assert read_grid({"a": [1, 2.5]})[0].values == (1.0, 2.5)


def test_a_start_is_a_value_of_its_grid() -> None:
    first, chosen = read_grid({"a": range(5), "b": ("x", "y")}, {"b": "y"})
    assert (first.start, chosen.start) == (0, "y")
    refused(r"^start: got 'c', expected one of a, b", read_grid, {"a": range(5), "b": ("x", "y")}, {"c": 1})
    refused(r"^start: got a=7, expected a value of its grid", read_grid, {"a": range(5)}, {"a": 7})


CURVE = {"name": "curve", "caption": "A <curve>.", "alt": "A curve."}
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
    (scale, kind), output = parts(explore.explorer(curve, **CURVE, scale=[1.0, 2.0, 5.0], kind=["up", "down"]).widget())
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
    (field,), _ = parts(explore.explorer(draw, **CURVE, start={"scale": start}, scale=values).widget())
    assert field.value == start == drawn[-1] and field.description == "scale"
    assert set(values) <= set(reached(field))
    for value in (values[1], values[-1], values[0]):
        field.value = value
        assert drawn[-1] == value


@pytest.mark.parametrize("values", GRIDS[4:], ids=str)
def test_a_slider_stops_between_the_values_of_its_grid(values: list[float]) -> None:
    (field,), _ = parts(explore.explorer(curve, **CURVE, scale=values).widget())
    stops = reached(field)
    assert 100 < len(stops) <= 300 and stops == sorted(set(stops))
    places = [stops.index(value) for value in values]
    assert (places[0], places[-1]) == (0, len(stops) - 1)
    assert len({after - before for before, after in pairwise(places)}) == 1  # as even as on the page


def test_an_error_of_the_function_is_shown_and_left_again() -> None:
    (scale,), output = parts(explore.explorer(curve, **CURVE, scale=range(20)).widget())
    scale.value = 13
    assert output.outputs[0]["output_type"] == "error" and output.outputs[0]["evalue"] == "no such slope"
    scale.value = 14
    assert last(output) == 14


def test_fast_changes_are_computed_once(recorder) -> None:
    draw, drawn = recorder

    async def drag() -> None:
        (scale,), _ = parts(explore.explorer(draw, **CURVE, scale=range(10)).widget())
        drawn.clear()
        for value in (1, 2, 3, 4):
            scale.value = value
        assert drawn == []
        await asyncio.sleep(live.WAIT * 2)

    asyncio.run(drag())
    assert drawn == [4]


def test_a_kernel_gets_widgets_and_never_computes_the_grid(recorder) -> None:
    draw, drawn = recorder
    widgets, still, caption = explore.explorer(draw, **CURVE, scale=range(1000)).outputs()
    assert drawn == [0]
    assert WIDGET in widgets and "text/html" not in widgets
    assert still[PLOTLY]["data"][0]["y"] == [0, 1] and 'aria-label="A curve."' in still["text/html"]
    assert "A &lt;curve&gt;." in caption["text/html"] and "A &lt;curve&gt;." not in still["text/html"]


def test_colab_gets_html(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly.io.renderers, "default", "colab")
    assert "text/html" in live.plotly_bundle(curve(1.0))
    assert len(explore.explorer(curve, **CURVE, scale=[1.0, 2.0]).outputs()) == 2  # no still figure beside the live one


def test_the_page_gets_html_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINLIB_PAGE", "1")
    for shown in (
        explore.explorer(curve, **CURVE, scale=[1.0, 2.0]),
        explore.show(curve(1.0), **CURVE),
    ):
        assert [set(bundle) for bundle in shown.outputs()] == [{"text/html", "text/plain"}]
        assert shown.outputs()[0]["text/html"].startswith('<figure class="brainlib" id="curve">')


def test_a_cell_displays_all_outputs(capsys: pytest.CaptureFixture) -> None:
    formatter = DisplayFormatter()
    assert formatter.format(explore.show(curve(1.0), **CURVE)) == ({}, {})  # it has displayed itself
    assert "A <curve>." in capsys.readouterr().out
