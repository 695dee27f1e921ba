"""A figure in a notebook with a kernel: plotly's own output, and ipywidgets that recompute it at any value."""

import asyncio
import math
import traceback
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from brainlib.explore.controls import Control
from brainlib.explore.template import template
from brainlib.extras import extra

WAIT = 0.15  # seconds without a change before the figure is computed
POSITIONS = 100  # a slider has at least
LIVE = "brainlib-live"  # the class of a box of widgets
HIDING = (  # while a box lives, the still figure after it is hidden; once the kernel is gone, what is left of the box
    f".jp-OutputArea-child:has(.{LIVE}) + .jp-OutputArea-child,"
    ".jp-OutputArea:has(.brainlib-caption) .jp-OutputArea-child:has(> .jupyter-widgets):not(:has(.widget-vbox))"
    "{display:none}"
)


def plotly_bundle(figure: Any) -> dict[str, Any]:
    """The MIME bundle of a plotly figure: plotly's own type, or HTML in Colab, which does not know that type."""
    with extra("notebook"):
        import plotly.io

    renderer = "colab" if plotly.io.renderers.default == "colab" else "plotly_mimetype"
    return plotly.io.renderers[renderer].to_mimebundle(_dressed(figure).to_dict())


def still_bundle(figure: Any, alt: str) -> dict[str, Any]:
    """As `plotly_bundle`, and for who knows HTML only, as nbconvert, a `<figure>` drawn by plotly.js from its CDN."""
    import plotly.io

    plot = plotly.io.to_html(_dressed(figure), include_plotlyjs="cdn", full_html=False)
    return {"text/html": f'<figure style="margin:0" aria-label="{escape(alt)}">{plot}</figure>'} | plotly_bundle(figure)


def has_own_outputs() -> bool:
    """Whether this notebook's front end lays outputs out as Jupyter does; Colab and VS Code do otherwise."""
    import plotly.io

    return plotly.io.renderers.default not in ("colab", "vscode")


def caption_html(caption: str) -> str:
    """The caption under a live figure."""
    return f'<p class="brainlib-caption" style="max-width:48em"><em>{escape(caption)}</em></p>'


def view(draw: Callable[..., Any], controls: list[Control], first: Any) -> Any:
    """A box of widgets: one for each control, and an output for the figure, `first` at first.

    A change redraws the output in place. `draw(**values)` returns a plotly figure; what it raises is shown instead.
    """
    with extra("notebook"):
        import ipywidgets

    fields = {control.name: _field(control) for control in controls}
    drawing = ipywidgets.Output()

    def show(figure: Any) -> None:  # one assignment: cleared and filled at once, so nothing flickers
        drawing.outputs = ({"output_type": "display_data", "data": plotly_bundle(figure), "metadata": {}},)

    def redraw() -> None:
        try:
            show(draw(**{name: field.value for name, field in fields.items()}))
        except Exception as error:
            lines = traceback.format_exception(error)
            output = {"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": lines}
            drawing.outputs = (output,)

    show(first)
    changed = debounced(redraw)
    for field in fields.values():
        field.observe(changed, "value")
    return ipywidgets.VBox([*fields.values(), drawing]).add_class(LIVE)


def debounced(action: Callable[[], None]) -> Callable[[Any], None]:
    """A callback that runs `action` once its calls have paused; without a running event loop it runs it at once."""
    waiting: asyncio.TimerHandle | None = None

    def later(_change: Any) -> None:
        nonlocal waiting
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return action()
        if waiting is not None:
            waiting.cancel()
        waiting = loop.call_later(WAIT, action)

    return later


def _dressed(figure: Any) -> Any:
    import plotly.graph_objects

    return plotly.graph_objects.Figure(figure).update_layout(template=template())


def _field(control: Control) -> Any:
    """A slider over the range of an ordered grid, else a list."""
    import ipywidgets

    words = {"description": control.label, "style": {"description_width": "initial"}}
    values: Any = control.values
    if not control.ordered:
        return ipywidgets.Dropdown(options=values, value=control.start, **words)
    if isinstance(values[0], int):
        step = math.gcd(*(value - values[0] for value in values))
        return ipywidgets.IntSlider(value=control.start, min=values[0], max=values[-1], step=step, **words)
    options = [(f"{value:.6g}", value) for value in positions(values)]
    return ipywidgets.SelectionSlider(options=options, value=control.start, **words)


def positions(values: tuple[float, ...]) -> list[float]:
    """Every value of an increasing grid, and between neighbours as many more, in even steps, as give a slider 100
    positions. A FloatSlider's own would miss the grid's.
    """
    between = next(n for n in (1, 2, 5, 10, 20, 50, 100) if n * (len(values) - 1) >= POSITIONS or n == 100)
    places = np.arange(between * (len(values) - 1) + 1) / between
    return np.interp(places, range(len(values)), values).tolist()
