"""What the figures of this part share: colours, lines by condition, and the run that is shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from brainlib import explore, runs
from chapters.timescales.networks import CONDITIONS, MULTI, PROJECTED, SINGLE, STILL, WINDOW

FRESH_HEADS = f"{WINDOW}, fresh heads"
BLUE, ORANGE, GREEN, PURPLE, GREY = list(explore.COLOURS.values())[:5]
COLOURS = {SINGLE: ORANGE, MULTI: BLUE, PROJECTED: PURPLE, WINDOW: GREEN, FRESH_HEADS: PURPLE, STILL: GREY}
COLOURS |= {"untrained": GREY, "trained": BLUE, "tau 1": ORANGE, "tau 2": GREEN, "tau 3": PURPLE}
BY_CONDITION = {"color": "condition", "color_discrete_map": COLOURS}
EACH = BY_CONDITION | {"line_group": "seed"}  # a line for each network
BELOW = {"legend": {"y": 0, "yref": "container", "yanchor": "bottom"}}  # above stand the panels' titles

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """The run that figures show and captions speak of: what it measured, what it is called, and its profile."""

    content: Content
    told: str
    profile: str


def largest(name: str, profile: str, own: Content) -> Sample:
    """The recorded laptop run, where a smaller one asks; else this one, of which `own` is what will be kept."""
    for run in runs.kept(name):
        if run.profile == "laptop" and profile == "ci":
            return Sample(run.content, "the recorded laptop run", run.profile)
    return Sample(own, f"this {profile} run", profile)


def rounded(table: Any) -> Any:
    """A nested table with numbers of five places, small enough to be kept."""
    if isinstance(table, Mapping):
        return {key: rounded(inner) for key, inner in table.items()}
    if isinstance(table, list | tuple):
        return [rounded(inner) for inner in table]
    return round(table, 5) if isinstance(table, float) else table


def spread(values: Iterable[float], form: str = ".3g") -> str:
    """The mean and, of several values, the range, in words."""
    values = list(values)
    if not values:
        return "not run"
    mean, low, high = (f"{f(values):{form}}" for f in (fmean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def both(values: Callable[[str], Iterable[float]], form: str = ".3g", of: Iterable[str] = CONDITIONS) -> str:
    """What `values` gives for each condition, in words."""
    return ", ".join(f"{spread(values(condition), form)} ({condition})" for condition in of)


def averaged_lines(frame: pd.DataFrame, y: str, labels: Mapping[str, str], **options: Any) -> go.Figure:
    """`px.line` of the means of `y` over rows that are alike in all else, with bars to the extremes."""
    found = frame.groupby([name for name in frame if name != y], sort=False)[y].agg(["mean", "min", "max"])
    found = found.reset_index().sort_values(options["x"], kind="stable")
    found = found.assign(above=found["max"] - found["mean"], below=found["mean"] - found["min"])
    options |= BY_CONDITION | {"error_y": "above", "error_y_minus": "below", "markers": True}
    figure = px.line(found, y="mean", labels={"mean": labels.get(y, ""), **labels}, **options)
    return figure.update_traces(error_y={"thickness": 1, "width": 3})


def arranged(figure: go.Figure, x: Sequence[str] = (), y: Sequence[str] = (), **layout: Any) -> go.Figure:
    """Facets under their bare titles; where columns have titles of their own for an axis, also scales of their own, and
    titles of the y axes instead of the facets'."""
    panels = bool(figure.layout.annotations)
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=", 1)[-1], font_size=13, visible=not y))
    for titles, update in ((x, figure.update_xaxes), (y, figure.update_yaxes)):
        if titles:
            update(matches=None, showticklabels=True)
        for column, title in enumerate(titles, start=1):
            update(title=title, col=column)
    figure.update_layout(explore.WIDE | (BELOW if panels else {}), legend_title="", margin_t=40 if panels else 24)
    return figure.update_layout(layout)
