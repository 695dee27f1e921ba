"""A picture of each figure, made when the book is built: it shows until a reader touches the figure, in print, and
where there is no JavaScript.

kaleido draws it with the page's plotly.js. Ink and grid become the stylesheet's colours, so that one picture serves
the light and the dark theme. Without kaleido the descriptions stand in the pictures' place.
"""

import hashlib
import importlib.resources
import importlib.util
import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brainlib.explore.factor import restored

FIGURE = re.compile(r'<figure class="brainlib".*?</figure>', re.DOTALL)
DATA = re.compile(r'<script type="application/json">(.*?)</script>', re.DOTALL)
SIZE = re.compile(r'max-width:([\d.]+)px.*?class="brainlib-plot" style="height:([\d.]+)px"', re.DOTALL)
PLOT = re.compile(r'(<div class="brainlib-plot"[^>]*>)(</div>)')
START = re.compile(r'<input type="range"[^>]*? value="(\d+)"|<select.*?</select>', re.DOTALL)
INK, GRID = "rgb(1, 2, 3)", "rgb(4, 5, 6)"
NUMBER = re.compile(r"-?\d+\.\d{3,}")
TRIES, PATIENCE = 3, 60.0  # seconds for a picture: kaleido hangs at times, and then another one goes on


def drawn(pages: Iterable[str], folder: Path) -> dict[str, str]:
    """The pictures, as SVG, of all figures in these pieces of HTML, by the figure's HTML; `folder` keeps them."""
    figures = {html: figure(html) for page in pages for html in FIGURE.findall(page)}
    places = {html: folder / f"{_digest(figure)}.svg" for html, figure in figures.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(TRIES if importlib.util.find_spec("kaleido") else 0):
        if not (missing := [html for html, place in places.items() if not place.is_file()]):
            break
        with suppress(OSError), _painter() as paint:  # a system that kaleido does not run on
            for html in missing:
                places[html].write_text(_themed(paint(figures[html])), encoding="utf-8")
    return {html: place.read_text(encoding="utf-8") for html, place in places.items() if place.is_file()}


def inserted(page: str, pictures: dict[str, str]) -> str:
    """A piece of HTML with the pictures in its figures."""

    def with_picture(found: re.Match) -> str:
        html = found.group()
        if html not in pictures:
            return html
        still = PLOT.sub(lambda plot: plot.group(1) + pictures[html] + plot.group(2), html, count=1)
        return still.replace('<figure class="brainlib"', '<figure class="brainlib" data-still', 1)

    return FIGURE.sub(with_picture, page)


def figure(html: str) -> dict[str, Any]:
    """The figure as it is shown first, in plotly's terms."""
    data = json.loads(DATA.search(html).group(1))
    place = 0
    if "names" not in data:  # a simulation has one state
        for values, control in zip(data["values"], START.finditer(html), strict=True):
            place = place * len(values) + _start(control)
    state = restored(data["states"][place], data["pool"])
    template = data["template"]
    layout, axis = template["layout"], {"gridcolor": GRID, "linecolor": INK, "tickcolor": INK, "zerolinecolor": GRID}
    layout = layout | {"font": layout["font"] | {"color": INK}}
    layout |= {name: layout[name] | axis for name in ("xaxis", "yaxis")}
    width, height = map(float, SIZE.search(html).groups())
    traces = [trace | {"type": trace.get("type", "scatter").removesuffix("gl")} for trace in state["data"]]
    return {
        "data": traces,
        "layout": state["layout"] | {"template": template | {"layout": layout}, "width": width, "height": height},
    }


def _start(control: re.Match) -> int:
    if control.group(1) is not None:
        return int(control.group(1))
    options = re.findall(r"<option[^>]*>", control.group())
    return next((place for place, option in enumerate(options) if " selected" in option), 0)


@contextmanager
def _painter() -> Iterator:
    """A function that draws a figure; one process draws all."""
    executable = importlib.resources.files("kaleido") / "executable" / "kaleido"
    plotly = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    command = [str(executable), "plotly", f"--plotlyjs={plotly}", "--disable-gpu", "--no-sandbox"]
    command += ["--allow-file-access-from-files", "--disable-breakpad", "--disable-dev-shm-usage"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        _answer(process)

        def paint(figure: dict[str, Any]) -> str:
            size = {name: figure["layout"][name] for name in ("width", "height")}
            process.stdin.write(json.dumps({"format": "svg", "scale": 1, "data": figure} | size) + "\n")
            process.stdin.flush()
            return _answer(process)["result"]

        try:
            yield paint
        finally:
            process.stdin.close()


def _answer(process: subprocess.Popen) -> dict[str, Any]:
    alarm = threading.Timer(PATIENCE, process.kill)
    alarm.start()
    try:
        line = process.stdout.readline()
    finally:
        alarm.cancel()
    if not line:
        raise OSError("kaleido ended without an answer")
    answer = json.loads(line)
    if answer["code"]:
        raise OSError(f"kaleido: {answer['message']}")
    return answer


def _themed(svg: str) -> str:
    """The picture in the stylesheet's colours, with numbers that a screen can show, as wide as its place."""
    svg = svg.replace(INK, "var(--brainlib-ink)").replace(GRID, "var(--brainlib-grid)")
    svg = NUMBER.sub(lambda number: f"{float(number.group()):.2f}".rstrip("0").rstrip("."), svg)
    return re.sub(r' style=""', "", svg, count=1)


def _digest(figure: dict[str, Any]) -> str:
    text = json.dumps(figure, sort_keys=True) + Path(__file__).read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:24]
