"""Cells whose output is wider than the text: they are tagged for the theme, which gives them the right margin too."""

import re
from typing import Any

import nbformat

from book.builder import stills
from brainlib.explore import WIDE

TAG = "full-width"
TEXT, FULL = 688, 936  # pixels of the text, and with the margin, in a window of 1,280
PANEL = 0.75  # a narrower panel has others beside it
CHARACTER, CELL = 7.5, 24  # pixels of a character of a table, and around its cell
LISTING = 88  # characters of a line of code that the text's width holds


def spread(notebook: nbformat.NotebookNode) -> None:
    """Tags the notebook's wide cells; figures with panels side by side are given all of the width."""
    for cell in notebook.cells:
        for data in (output["data"] for output in cell.get("outputs", []) if "data" in output):
            html = data.get("text/html", "")
            wider = stills.FIGURE.sub(lambda figure: _widened(figure.group()), html)
            if wider != html:
                data["text/html"] = wider
            if wider != html or _table(html) > TEXT or _listing(data.get("text/markdown", "")) > LISTING:
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), TAG]
                break


def _widened(figure: str) -> str:
    layout = stills.figure(figure)["layout"]
    if layout["width"] != WIDE["width"] or not _beside(layout):
        return figure
    return figure.replace(f"max-width:{WIDE['width']}px", f"max-width:{FULL}px", 1)


def _beside(layout: dict[str, Any]) -> bool:
    """Whether a figure has panels side by side."""
    domains = (axis["domain"] for name, axis in layout.items() if re.match(r"xaxis\d*$", name) and "domain" in axis)
    return any(high - low < PANEL for low, high in domains)


def _table(html: str) -> float:
    """About how many pixels a table needs."""
    if "<table" not in html or "claim" in html:
        return 0
    rows = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    ]
    columns = max(map(len, rows), default=0)
    longest = [max((len(row[at].strip()) for row in rows if at < len(row)), default=0) for at in range(columns)]
    return sum(CHARACTER * characters + CELL for characters in longest)


def _listing(markdown: str) -> int:
    """The longest line of code."""
    blocks = re.findall(r"```python\n(.*?)```", markdown, re.DOTALL)
    return max((len(line) for block in blocks for line in block.splitlines()), default=0)
