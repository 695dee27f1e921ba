"""`show`, `explorer`, `simulation` and `program`: the calls a chapter makes."""

import functools
import inspect
import itertools
import os
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from brainlib.explore import live, page
from brainlib.explore.controls import Control, read_grid
from brainlib.extras import extra

if TYPE_CHECKING:
    import plotly.graph_objects


@dataclass(eq=False, repr=False)
class Explorer:
    """A figure with its caption and description, as the last line of a cell. Made by the functions below."""

    function: Callable[..., Any]
    controls: list[Control]
    _: KW_ONLY
    name: str
    caption: str
    alt: str
    script: str | None = None
    program: tuple[str, bytes] | None = None

    def __post_init__(self) -> None:
        """Draws the first figure; for the page all, since an error raised while a cell displays stops no build."""
        self.name, self.caption, self.alt = _name(self.name), _text("caption", self.caption), _text("alt", self.alt)
        _accepts(self.function, self.controls)
        self._html = self.html() if for_page() else None
        if self._html is None:
            _ = self.first

    def figure(self, **values: Any) -> "plotly.graph_objects.Figure":
        """The plotly figure at these values."""
        with extra("notebook"):
            from plotly.basedatatypes import BaseFigure

        figure = self.function(**values)
        if not isinstance(figure, BaseFigure):
            raise ValueError(f"{self.name}: got {type(figure).__name__}, expected a plotly figure")
        if not figure.data:
            raise ValueError(f"{self.name}: got a figure without traces at {values}, expected at least one")
        return figure

    @functools.cached_property
    def first(self) -> "plotly.graph_objects.Figure":
        """The plotly figure that is shown first."""
        figure = self.figure(**{control.name: control.start for control in self.controls})
        if self.script is not None and not any(isinstance(trace.meta, str) for trace in figure.data):
            raise ValueError(f"{self.name}: got a figure whose traces have no meta, expected a series named in one")
        return figure

    def html(self) -> str:
        """The figure as a `<figure>` element of the page: with every point of the grid, or with what computes them."""
        if self.script is not None:
            figures = [self.first]
        else:
            names = [control.name for control in self.controls]
            points = itertools.product(*(control.values for control in self.controls))
            figures = [self.figure(**dict(zip(names, point, strict=True))) for point in points]
        return page.figure_html(self, figures)

    def widget(self) -> Any:
        """The figure as a box of ipywidgets, computed live."""
        return live.view(self.figure, self.controls, self.first)

    def outputs(self) -> list[dict[str, Any]]:
        """The MIME bundles of a cell's outputs, in order.

        An explorer's widgets are followed by the still figure, which is hidden as long as they live: it is what is left
        in a notebook that is opened without its kernel, or converted.
        """
        words = {"text/plain": f"{self.caption}\n[{self.alt}]"}
        if self._html is not None:
            return [{"text/html": self._html} | words]
        caption = {"text/html": live.caption_html(self.caption), "text/plain": self.caption}
        still = live.still_bundle(self.first, self.alt) | words
        if not self.controls:
            return [still, caption]
        caption["text/html"] += f"<style>{live.HIDING}</style>"
        return [self.widget()._repr_mimebundle_() | words, *([still] if live.has_own_outputs() else []), caption]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for bundle in self.outputs():
            display(bundle, raw=True)


def show(figure: "plotly.graph_objects.Figure", *, name: str, caption: str, alt: str) -> Explorer:
    """A figure with its caption, in a live notebook and in the page.

    `name` is its address in the page (lower case, hyphens), `caption` the finding it shows, `alt` the description for
    who cannot see it. The figure's `width` is the most it takes, its `height` is kept (see `WIDE`).
    Raises `ValueError` for an empty text, an invalid name, a figure without traces, or over 300 KB for the page.
    """
    return Explorer(lambda: figure, [], name=name, caption=caption, alt=alt)


def explorer(
    function: Callable[..., Any],
    *,
    name: str,
    caption: str,
    alt: str,
    start: dict[str, Any] | None = None,
    script: str | None = None,
    **grid: Any,
) -> Explorer:
    """A figure that a reader moves through: live at any value with a kernel, over the grid in the page.

    `function(**parameters)` returns a plotly figure; `grid` gives for each parameter the values that the page can show.
    Increasing numbers become a slider, whose live form reaches every value between (integers in the grid's common
    step); strings, and numbers in another order, become a list to pick from. `start` names values to show first; else
    each parameter begins at the first of its grid. Fix the axes' ranges in `function` so that states can be compared.
    `script` is that of a `simulation`. Raises `ValueError` that names the parameter for a bad grid, and as `show` does.
    """
    return Explorer(function, read_grid(grid, start), name=name, caption=caption, alt=alt, script=script)


def simulation(function: Callable[..., Any], script: str, **how: Any) -> Explorer:
    """A figure that the page computes itself, so that its controls may have as fine a grid as they like.

    As `explorer`, with the same computation a second time: `script` is a JavaScript function of one object, the
    parameters by their names, that returns series (arrays) by theirs. A trace of the figure whose `meta` is the name of
    a series takes it as its `y`; all else stays as `function` drew it at the start. With a kernel `function` alone is
    used. The tests of the pages compare both. Raises `ValueError` as `explorer` does, for a script that would end its
    element, and for a figure in which no trace names a series.
    """
    if not script.strip() or "</" in script or "<!--" in script:
        raise ValueError("script: got one that is empty or holds '</' or '<!--', expected a JavaScript function")
    return explorer(function, script=script, **how)


def program(
    figure: "plotly.graph_objects.Figure", file: str, data: bytes, *, name: str, caption: str, alt: str
) -> Explorer:
    """A figure in whose place the page runs a program of its own, with whatever controls it makes.

    `file` is a script among the book's assets, loaded by this page only. It puts a function `(figure, data)` into
    `window.brainlibPrograms[file]`, which is given the `<figure>` element and `data` as an ArrayBuffer, and returns
    what draws all anew when the theme or the width changes. Until it runs, without JavaScript, and with a kernel,
    `figure` is shown. Raises `ValueError` as `show` does, and for a file that is not a script's name.
    """
    if not re.fullmatch(r"\w+\.js", file):
        raise ValueError(f"file: got {file!r}, expected the name of a script, such as 'live_network.js'")
    return Explorer(lambda: figure, [], name=name, caption=caption, alt=alt, program=(file, data))


def for_page() -> bool:
    """Whether the notebook is executed for the rendered page."""
    return os.environ.get("BRAINLIB_PAGE") == "1"


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"name: got {name!r}, expected lower-case words joined by hyphens, such as 'bdh-loss'")
    return name


def _text(argument: str, text: str) -> str:
    if not text.strip():
        raise ValueError(f"{argument}: got {text!r}, expected a sentence")
    return text.strip()


def _accepts(function: Callable[..., Any], controls: list[Control]) -> None:
    names = [control.name for control in controls]
    try:
        inspect.signature(function).bind(**dict.fromkeys(names))
    except TypeError as error:
        raise ValueError(f"function: got one that cannot be called with {names}: {error}") from error
