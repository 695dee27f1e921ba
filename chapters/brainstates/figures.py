"""What the figures of the part share: numbers in words, the run that is shown, heat maps, ranges over data sets."""

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore, runs
from chapters.brainstates.fits import interval

LEGEND_BELOW = {"legend": {"y": 0, "yref": "container", "yanchor": "bottom", "title": None}}
LEGEND_ABOVE = {"legend": {"y": 1, "yref": "container", "yanchor": "top", "title": None}}


def spread(values: Iterable[float | None], form: str = ".3g") -> str:
    """Mean and range."""
    values = [value for value in values if value is not None and value == value]
    if not values:
        return "–"
    mean, low, high = (f"{value:{form}}" for value in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def with_interval(values: Iterable[float], digits: int = 2) -> str:
    """Mean and half of the 95 % interval over blocks."""
    mean, half = interval(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def largest(name: str, profile: str, content: Callable[[], Any]) -> tuple[Any, str]:
    """What figures show, and how captions call it: at `ci` the recorded laptop run, else this run's `content()`."""
    for run in runs.kept(name) if profile == "ci" else []:
        if run.profile == "laptop":
            return run.content, f"the recorded laptop run ({run.provenance['time'][:10]})"
    return content(), f"this {profile} run"


def ranges(frame: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """The mean of each group in `value`, and what `up` and `down` are from there to its highest and lowest."""
    table = frame.groupby(by, sort=False)[value].agg(["mean", "min", "max"]).reset_index()
    return table.assign(
        **{value: table["mean"], "up": table["max"] - table["mean"], "down": table["mean"] - table["min"]}
    )


RANGES = {"error_y": "up", "error_y_minus": "down", "markers": True}


def plain_titles(figure: Any) -> Any:
    """Facets called by their value alone."""
    return figure.for_each_annotation(lambda title: title.update(text=title.text.split("=")[-1]))


def heat_maps(panels: dict[str, Any], limit: float, columns: int = 3) -> Any:
    """Matrices [to, from] side by side, colours from -limit to limit."""
    figure = px.imshow(
        np.stack([np.asarray(matrix).round(3) for matrix in panels.values()]),
        facet_col=0,
        facet_col_wrap=columns,
        facet_row_spacing=0.08,
        zmin=-limit,
        zmax=limit,
        color_continuous_scale=explore.DIVERGING,
        labels={"x": "from neuron", "y": "to neuron", "color": "weight"},
    )
    titles = list(panels)
    figure.for_each_annotation(lambda title: title.update(text=titles[int(title.text.split("=")[-1])]))
    height = 90 + 250 * -(-len(panels) // columns)
    return figure.update_layout(explore.WIDE, height=height, margin_t=40)
