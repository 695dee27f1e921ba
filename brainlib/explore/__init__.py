"""Figures of the book: one call shows a figure in a live notebook and in the rendered page.

`show` takes a plotly figure, `explorer` a function that draws one and a grid of its parameters. With a kernel an
explorer recomputes at any value within the grid's range; in the page it moves over the grid, computed beforehand.
Where the environment variable `BRAINLIB_PAGE` is 1 (the builder sets it) a cell's output is the page's HTML, else it is
the live view. `simulation` is an explorer that the page computes itself, by the same model written in JavaScript; the
page runs a script of its own in place of a figure of `program`.
"""

from brainlib.explore.figures import Explorer, explorer, program, show, simulation
from brainlib.explore.template import COLOURS, DIVERGING, WIDE, use_template

__all__ = [
    "COLOURS",
    "DIVERGING",
    "WIDE",
    "Explorer",
    "explorer",
    "program",
    "show",
    "simulation",
    "use_template",
]
