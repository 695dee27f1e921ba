"""Wrong arguments are refused with a message that names them, before anything is drawn."""

import numpy
import plotly.graph_objects as go
import pytest
from refusals import refused

from brainlib import explore
from brainlib.explore.controls import read_grid

TEXTS = {"name": "dots", "caption": "Dots.", "alt": "Dots."}


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
        explore.explorer(dots, **TEXTS, tau=values)


@pytest.mark.parametrize(
    ("text", "value"), [*(("name", n) for n in ("", "Dots", "a--b", 'a"b')), ("caption", " "), ("alt", " ")]
)
def test_a_bad_text_is_named(text: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{text}: got .*, expected (lower-case words|a sentence)"):
        explore.show(dots(), **(TEXTS | {text: value}))


def test_a_function_draws_a_figure_of_the_grid():
    refused("^grid: got no parameter, expected at least one", explore.explorer, dots, **TEXTS)
    refused(r"^function: got one that .*\['tau'\]: .*byte", explore.explorer, lambda byte: dots(), **TEXTS, tau=[1, 2])
    refused("^dots: got str, expected a plotly figure", explore.explorer, (lambda tau: "figure"), **TEXTS, tau=[1, 2])
    refused("^dots: got a figure without traces", explore.explorer, (lambda tau: go.Figure()), **TEXTS, tau=[1, 2])


@pytest.mark.parametrize("script", [" ", "() => '</script>'", "() => 1 // <!-- x", "() => ({})"])
def test_a_script_must_not_end_its_element_and_a_trace_names_its_series(script: str) -> None:
    with pytest.raises(
        ValueError, match=r"^(script: got one that is empty or holds|dots: got a figure whose traces have no meta)"
    ):
        explore.simulation(dots, script, **TEXTS, tau=[1, 2])


@pytest.mark.parametrize("file", ["", "live", "../live.js", "li ve.js"])
def test_a_program_is_a_script_of_the_book(file: str) -> None:
    with pytest.raises(ValueError, match=r"^file: got .*, expected the name of a script"):
        explore.program(dots(), file, b"", **TEXTS)


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
