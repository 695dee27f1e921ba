"""A figure in a notebook with a kernel: widgets that recompute it, and the choice between them and the page's HTML."""

import asyncio

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


def parts(box: ipywidgets.VBox) -> tuple[list, ipywidgets.Output]:
    """The fields and the output of a live explorer."""
    *fields, output, _caption = box.children
    return fields, output


def last(output: ipywidgets.Output) -> float:
    """The last value that the output's figure shows."""
    return output.outputs[0]["data"][PLOTLY]["data"][0]["y"][-1]


def test_a_change_redraws_the_one_output() -> None:
    (scale, kind), output = parts(explore.explorer(curve, **TEXTS, scale=[1.0, 2.0, 4.0], kind=["up", "down"]).widget())
    assert isinstance(kind, ipywidgets.Dropdown) and last(output) == 1
    scale.value = 3.0  # between the points of the grid
    assert last(output) == pytest.approx(3.0, rel=0.02) and len(output.outputs) == 1
    kind.value = "down"
    assert last(output) == pytest.approx(-3.0, rel=0.02)


@pytest.mark.parametrize(
    ("values", "kind", "low", "high", "step"),
    [
        (range(0, 40, 5), ipywidgets.IntSlider, 0, 35, 5),
        ([64, 128, 512], ipywidgets.IntSlider, 64, 512, 64),
        ([0.0, 0.5, 1.0], ipywidgets.FloatSlider, 0, 1, 0.005),
        ([0.5, 0.9, 1.0], ipywidgets.FloatSlider, 0.5, 1, 0.0025),
        ([1.0, 10.0, 100.0], ipywidgets.FloatLogSlider, 0, 2, 0.01),
    ],
)
def test_a_slider_covers_the_range_of_its_grid(values, kind: type, low: float, high: float, step: float) -> None:
    (slider,), _ = parts(explore.explorer(curve, **TEXTS, scale=values).widget())
    assert type(slider) is kind and slider.description == "scale"
    assert (slider.min, slider.max, slider.step) == pytest.approx((low, high, step))
    assert slider.value == values[0]


def test_a_live_simulation_is_computed_in_python() -> None:
    def named(scale: float) -> go.Figure:
        return curve(scale).update_traces(meta="line")

    (scale,), output = parts(explore.simulation(named, "() => ({line: []})", **TEXTS, scale=[1.0, 2.0]).widget())
    scale.value = 1.5
    assert last(output) == 1.5


def test_a_live_explorer_begins_at_its_start() -> None:
    start = {"scale": 2.0, "kind": "down"}
    made = explore.explorer(curve, **TEXTS, start=start, scale=[1.0, 2.0, 4.0], kind=["up", "down"])
    (scale, kind), output = parts(made.widget())
    assert (scale.value, kind.value) == (pytest.approx(2.0), "down") and last(output) == pytest.approx(-2.0)


def test_an_error_of_the_function_is_shown_and_left_again() -> None:
    (scale,), output = parts(explore.explorer(curve, **TEXTS, scale=range(20)).widget())
    scale.value = 13
    assert output.outputs[0]["output_type"] == "error" and output.outputs[0]["evalue"] == "no such slope"
    scale.value = 14
    assert last(output) == 14


def test_fast_changes_are_computed_once() -> None:
    drawn: list[float] = []

    def draw(scale: float) -> go.Figure:
        drawn.append(scale)
        return curve(scale)

    async def drag() -> None:
        (scale,), _ = parts(explore.explorer(draw, **TEXTS, scale=range(10)).widget())
        drawn.clear()
        for value in (1, 2, 3, 4):
            scale.value = value
        assert drawn == []
        await asyncio.sleep(live.WAIT * 2)

    asyncio.run(drag())
    assert drawn == [4]


def test_a_kernel_gets_widgets_and_never_computes_the_grid() -> None:
    drawn: list[float] = []

    def draw(scale: float) -> go.Figure:
        drawn.append(scale)
        return curve(scale)

    bundle = explore.explorer(draw, **TEXTS, scale=range(1000))._repr_mimebundle_()
    assert WIDGET in bundle and set(drawn) == {0}
    assert bundle["text/html"].count("A &lt;curve&gt;.") == 1 and "<script" not in bundle["text/html"]


def test_a_static_figure_is_plotlys_own_output_and_a_caption() -> None:
    shown = explore.show(curve(2.0), **TEXTS)
    figure, caption = shown.outputs()
    assert figure[PLOTLY]["layout"]["template"]["layout"]["colorway"] == list(explore.COLOURS.values())
    assert "A &lt;curve&gt;." in caption["text/html"] and "text/html" not in figure


def test_colab_gets_html(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly.io.renderers, "default", "colab")
    assert "text/html" in live.plotly_bundle(curve(1.0))


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


def test_the_template_is_registered_and_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly.io.templates, "default", plotly.io.templates.default)
    explore.use_template()
    assert go.Figure().layout.template.layout.font.family == plotly.io.templates["brainlib"].layout.font.family
    assert plotly.io.templates.default == "brainlib"
