"""What the figures of this part share: colours, this run beside recorded ones, lines with the spread of networks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from brainlib import explore, runs
from chapters.timescales.networks import MULTI, SINGLE

COLOURS = {SINGLE: explore.COLOURS["vermillion"], MULTI: explore.COLOURS["blue"]}
GREY = explore.COLOURS["grey"]
BELOW = {"legend": {"y": 0, "yref": "container", "yanchor": "bottom"}}  # above stand the panels' titles

Content = Mapping[str, Any]


class Samples:
    """What this run measured (`own`, as it will be kept) and what recorded runs of other profiles did, by what captions
    call them. Captions are about the last, `told`, which is drawn solid."""

    def __init__(self, name: str, profile: str, own: Content, recorded: Sequence[str] = ("laptop", "paper")) -> None:
        self.contents: dict[str, list[Content]] = {f"this {profile} run": [own]}
        self.profile = profile  # of `told`
        for run in runs.kept(name):
            if run.profile in recorded and run.profile != profile:
                self.contents.setdefault(f"the recorded {run.profile} runs", []).append(run.content)
                self.profile = run.profile
        self.told = list(self.contents)[-1]
        self.dashes = dict.fromkeys(self.contents, "dot") | {self.told: "solid"}

    @property
    def largest(self) -> list[Content]:
        return self.contents[self.told]

    def frame(self, rows: Callable[[Content], Iterable[Mapping[str, Any]]]) -> pd.DataFrame:
        """The rows of every run, with the name of their sample."""
        found = [(sample, rows(content)) for sample, contents in self.contents.items() for content in contents]
        return pd.DataFrame([{"sample": sample, **row} for sample, of_one in found for row in of_one])


def spread(values: Iterable[float], form: str = ".3g") -> str:
    """The mean and, of several values, the range, in words."""
    values = list(values)
    if not values:
        return "not run"
    mean, low, high = (f"{f(values):{form}}" for f in (fmean, min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def averaged_lines(frame: pd.DataFrame, y: str, labels: Mapping[str, str], **options: Any) -> go.Figure:
    """`px.line` of the means of `y` over rows that are alike in all else, with bars to the extremes."""
    found = frame.groupby([name for name in frame if name != y])[y].agg(["mean", "min", "max"]).reset_index()
    found = found.assign(above=found["max"] - found["mean"], below=found["mean"] - found["min"])
    bars = {"error_y": "above", "error_y_minus": "below"}
    figure = px.line(found, y="mean", labels={"mean": labels.get(y, ""), **labels}, markers=True, **bars, **options)
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
