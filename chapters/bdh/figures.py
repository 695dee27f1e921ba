"""What the figures of this part share."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from torch import Tensor

from brainlib import bdh, explore, ledger, runs
from brainlib.bdh import BDH
from brainlib.explore import COLOURS
from brainlib.runs import Run

BLUE, RED, GREEN, PURPLE, GREY = list(COLOURS.values())[:5]
DOTTED = {"dash": "dot", "color": GREY}


def recorded(name: str, profile: str) -> list[Run]:
    """The recorded runs of the largest profile, if it is another than this one."""
    kept = runs.kept(name)
    largest = max((run.profile for run in kept), key=ledger.PROFILES.index, default=profile)
    return [run for run in kept if run.profile == largest != profile]


def whose(kept: Sequence[Run], profile: str) -> str:
    """The recorded runs in words, or this run where there are none."""
    return f"recorded {kept[0].profile} runs, {len(kept)} seeds" if kept else f"this {profile} run"


def beside(frame: pd.DataFrame, larger: Sequence[pd.DataFrame], kept: Sequence[Run]) -> pd.DataFrame:
    """A table of this run, and on its right the mean of those of the recorded runs."""
    if not kept:
        return frame
    return frame.join(sum(larger) / len(larger), rsuffix=f" ({kept[0].profile}, {len(kept)} seeds)")


def spread(frame: pd.DataFrame, value: str, *by: str) -> pd.DataFrame:
    """Means of the rows that are alike in `by`, and how far `above` and `below` them the others reach."""
    mean, top, low = (getattr(frame.groupby(list(by), sort=False)[value], part)() for part in ("mean", "max", "min"))
    return pd.DataFrame({value: mean, "above": top - mean, "below": mean - low}).reset_index()


def tidy(figure: go.Figure, **layout: float) -> go.Figure:
    """In the text column, without the names of the columns of the frame that was drawn."""
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return figure.update_layout(explore.WIDE | {"legend_title": ""} | layout)


def active(untrained: BDH, trained: BDH, windows: Tensor) -> pd.DataFrame:
    """Percent of x and y above zero, a row for each layer."""
    both = {
        name: bdh.record_activity(model, windows.to(model.embedding.device))
        for name, model in (("untrained", untrained), ("trained", trained))
    }
    share = {
        f"{part}, {name}": (bdh.density(getattr(seen, part)).cpu() * 100).tolist()
        for part in ("x", "y")
        for name, seen in both.items()
    }
    return pd.DataFrame(share).rename_axis("layer").rename(lambda layer: f"layer {layer + 1}")
