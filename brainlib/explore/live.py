"""A figure in a notebook with a kernel: plotly's own output, and ipywidgets that recompute it at any value."""

import asyncio
import math
import traceback
from collections.abc import Callable
from html import escape
from itertools import pairwise
from typing import Any

from brainlib.explore.controls import Control
from brainlib.explore.template import template

WAIT = 0.15  # seconds without a change before the figure is computed


def plotly_bundle(figure: Any) -> dict[str, Any]:
    """The MIME bundle of a plotly figure: plotly's own type, or HTML in Colab, which does not know that type."""
    import plotly.graph_objects
    import plotly.io

    dressed = plotly.graph_objects.Figure(figure).update_layout(template=template())
    renderer = "colab" if plotly.io.renderers.default == "colab" else "plotly_mimetype"
    return plotly.io.renderers[renderer].to_mimebundle(dressed.to_dict())


def caption_html(caption: str) -> str:
    """The caption under a live figure."""
    return f'<p style="max-width:48em"><em>{escape(caption)}</em></p>'


def view(draw: Callable[..., Any], controls: list[Control], caption: str) -> Any:
    """A box of widgets: one for each control, an output for the figure, the caption.

    A change redraws the output in place. `draw(**values)` returns a plotly figure; what it raises is shown instead.
    """
    import ipywidgets

    fields = {control.name: _field(control) for control in controls}
    drawing = ipywidgets.Output()

    def redraw() -> None:
        try:
            bundle = plotly_bundle(draw(**{name: field.value for name, field in fields.items()}))
            output = {"output_type": "display_data", "data": bundle, "metadata": {}}
        except Exception as error:
            lines = traceback.format_exception(error)
            output = {"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": lines}
        drawing.outputs = (output,)  # one assignment: cleared and filled at once, so nothing flickers

    redraw()
    changed = debounced(redraw)
    for field in fields.values():
        field.observe(changed, "value")
    return ipywidgets.VBox([*fields.values(), drawing, ipywidgets.HTML(caption_html(caption))])


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


def _field(control: Control) -> Any:
    """A slider over the range of an ordered grid, logarithmic where the grid has even ratios; else a list."""
    import ipywidgets

    words = {"description": control.label, "style": {"description_width": "initial"}}
    values = control.values
    if not control.ordered:
        return ipywidgets.Dropdown(options=values, value=control.start, **words)
    low, high = values[0], values[-1]
    if isinstance(low, int):
        step = math.gcd(*(value - low for value in values))
        return ipywidgets.IntSlider(value=control.start, min=low, max=high, step=step, **words)
    if low > 0 and _even([math.log(value) for value in values]) and not _even(values):
        log = {
            "value": control.start,
            "min": math.log10(low),
            "max": math.log10(high),
            "step": math.log10(high / low) / 200,
        }
        return ipywidgets.FloatLogSlider(**log, readout_format=".3g", **words)
    step = (high - low) / 200
    return ipywidgets.FloatSlider(value=control.start, min=low, max=high, step=step, readout_format=".4g", **words)


def _even(values: Any) -> bool:
    steps = [after - before for before, after in pairwise(values)]
    return max(steps) - min(steps) < 1e-6 * max(steps)
