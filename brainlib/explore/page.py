"""The HTML of a figure in the rendered page: controls, a place for the plot, the caption, and the data as inline JSON.

`book/assets/brainlib.js` draws it. Where nothing is drawn (no JavaScript) the description stands in the plot's place.
"""

import base64
import json
from html import escape
from typing import TYPE_CHECKING, Any

from brainlib.explore.controls import Control
from brainlib.explore.factor import compact, factored
from brainlib.explore.numbers import plain
from brainlib.explore.template import WIDE, template

if TYPE_CHECKING:
    from brainlib.explore.figures import Explorer

LARGEST = 300_000  # bytes a figure may add to its page
LOADER = (
    'window.brainlibScript ??= document.head.appendChild(Object.assign(document.createElement("script"), '
    '{src: (document.documentElement.dataset.content_root ?? "") + "_assets/brainlib.js"}));'
)


def figure_html(explorer: "Explorer", figures: list) -> str:
    """A `<figure>` element with a plotly figure for each point of the controls' grid, the last control moving fastest;
    or with one figure and a `script`, the JavaScript function that computes its series anew, or a `program`, an asset
    and the bytes it is given, which takes its place.

    Raises `ValueError` with the size if the element is over 300 KB.
    """
    name, controls, script = explorer.name, explorer.controls, explorer.script
    states, frame, setting, runs = [state(figure) for figure in figures], figures[0].layout, "", ""
    data: dict[str, Any] = factored(states) if script is None else {"states": states, "pool": []}
    data |= {"values": [control.texts for control in controls], "template": template()}
    if script is not None:
        data |= {"names": [control.name for control in controls], "numbers": [control.values for control in controls]}
        setting = f'<script>(window.brainlibSimulations ??= {{}})["{name}"] = (\n{script.strip()}\n);</script>'
    if explorer.program is not None:
        file, given = explorer.program
        data["program"] = base64.b64encode(given).decode()
        runs = f' data-program="{file}"'
        setting = "<noscript><p>The page computes this figure; without JavaScript it stands still.</p></noscript>"
    content = compact(data).replace("<", "\\u003c")  # so that no text of a figure can end the script
    kind = "interactive figure" if controls or explorer.program else "figure"
    fields = "".join(_control(name, control) for control in controls)
    bar = f'<div class="brainlib-controls">{fields}</div>' if controls else ""
    html = (
        f'<figure class="brainlib" id="{name}"{runs}>'
        f'<div role="group" aria-label="{kind}" aria-describedby="{name}-alt">{bar}'
        f'<div class="brainlib-frame" style="max-width:{frame.width or WIDE["width"]:g}px">'
        f'<p class="brainlib-alt" id="{name}-alt">{escape(explorer.alt)}</p>'
        f'<div class="brainlib-plot" style="height:{frame.height or WIDE["height"]:g}px" aria-hidden="true"></div>'
        f"</div></div><figcaption>{escape(explorer.caption)}</figcaption>"
        f'<script type="application/json">{content}</script>{setting}'
        f"<script>{LOADER}</script></figure>"
    )
    size = len(html.encode())
    if size > LARGEST:
        raise ValueError(
            f"{name}: the figure needs {size / 1000:.0f} KB of its page (states: {len(states)}), expected at "
            f"most {LARGEST / 1000:.0f} KB: use fewer grid points, traces or samples"
        )
    return html


def state(figure: Any) -> dict:
    """A figure's traces and layout as plain data, without the template and the size, which the page knows."""
    parts = plain(json.loads(figure.to_json(validate=False, engine="json")))
    layout = {key: part for key, part in parts["layout"].items() if key not in ("template", "width", "height")}
    return {"data": parts["data"], "layout": layout}


def _control(figure: str, control: Control) -> str:
    identity, texts = f"{figure}-{control.name}", [escape(text) for text in control.texts]
    shown = texts[control.first]
    label = f'<label for="{identity}">{escape(control.label)}</label>'
    if control.ordered:
        field = (
            f'<input type="range" id="{identity}" min="0" max="{len(texts) - 1}" step="1" value="{control.first}" '
            f'aria-valuetext="{shown}" autocomplete="off"><output for="{identity}">{shown}</output>'
        )
    else:
        chosen = {control.first: " selected"}
        options = "".join(
            f'<option value="{index}"{chosen.get(index, "")}>{text}</option>' for index, text in enumerate(texts)
        )
        field = f'<select id="{identity}" autocomplete="off">{options}</select>'
    return f'<div class="brainlib-control">{label}{field}</div>'
