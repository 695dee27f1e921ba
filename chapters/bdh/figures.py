"""What the figures of this part share: the run that is shown, means with intervals, and the page's width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from brainlib import explore, ledger, runs
from brainlib.ledger import PROFILES
from brainlib.runs import Run

BLUE, RED, GREEN, PURPLE, GREY = list(explore.COLOURS.values())[:5]
DOTTED = {"dash": "dot", "color": GREY}

Found = Sequence[Mapping[str, Any]]  # what was found in each model of a run


@dataclass(frozen=True)
class Sample:
    """The run that figures show and captions speak of: what it measured, what it is called, and its profile."""

    content: Mapping[str, Any]
    told: str
    profile: str


def recorded(name: str, profile: str) -> Run | None:
    """The recorded run of the largest profile, if that is larger than this one."""
    found = max(runs.kept(name), key=lambda run: PROFILES.index(run.profile), default=None)
    return found if found and PROFILES.index(found.profile) > PROFILES.index(profile) else None


def largest(name: str, profile: str, own: Mapping[str, Any]) -> Sample:
    """The recorded run if there is a larger one, else this one, which measured `own`."""
    if run := recorded(name, profile):
        return Sample(run.content, f"the recorded {run.profile} run", run.profile)
    return Sample(own, f"this {profile} run", profile)


def averaged(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Means of the rows that are alike in all else, and half of their 95 % intervals where there are several."""
    found = frame.groupby([name for name in frame if name != value], sort=False)[value].agg(list).map(ledger.interval)
    half = found.map(lambda one: one.high - one.mean).replace(np.inf, np.nan)
    return pd.DataFrame({value: found.map(lambda one: one.mean), "half": half}).reset_index()


def tidy(figure: go.Figure, **layout: float) -> go.Figure:
    """In the text column, without the names of the columns of the frame that was drawn."""
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return figure.update_layout(explore.WIDE | {"legend_title": ""} | layout)
