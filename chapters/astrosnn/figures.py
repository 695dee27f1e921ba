"""What the figures of all chapters of this part share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd

from brainlib import explore, runs
from brainlib.astrosnn import AstroSNNConfig
from chapters.astrosnn.networks import untrained

GREY = {"color": explore.COLOURS["grey"], "dash": "dash"}  # of lines for chance, thresholds, lengths
ABOVE = {"legend": {"yref": "container", "y": 1, "yanchor": "top", "title": None}}
BARS = {"error_y": "up", "error_y_minus": "down"}  # from the lowest to the highest seed, in a frame of `over_seeds`


@dataclass(frozen=True)
class Source:
    """Whose results the figures show: the recorded laptop runs', or where there are none this run's."""

    profile: str
    words: str
    recorded: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, name: str, profile: str) -> "Source":
        recorded = tuple(run.content for run in runs.kept(name) if run.profile == "laptop" != profile)
        if recorded:
            return cls("laptop", f"the recorded laptop runs ({len(recorded)} seeds)", recorded)
        return cls(profile, f"this {profile} run", ())


def over_seeds(table: pd.DataFrame, by: list[str], of: str) -> pd.DataFrame:
    """The mean of a column, and how far the highest and the lowest are `up` and `down` from it."""
    found = table.groupby(by, sort=False)[of].agg(["mean", "min", "max"]).reset_index().rename(columns={"mean": of})
    return found.assign(up=(found["max"] - found[of]).round(5), down=(found[of] - found["min"]).round(5)).round({of: 5})


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """The mean and, of several values, the range, for captions and notes."""
    numbers = list(values)
    if not numbers:
        return "not run"
    mean, low, high = (f"{value:{form}}" for value in (fmean(numbers), min(numbers), max(numbers)))
    return mean if low == high else f"{mean} ({low} to {high})"


def sizes_table(configs: Mapping[str, AstroSNNConfig], lengths: Iterable[int]) -> pd.DataFrame:
    """Sizes of networks, and how many numbers they keep of texts of several lengths."""
    rows = {
        name: {"channels": config.dim, "hidden neurons": config.hidden_size, "parameters": config.parameters}
        | {f"kept after {length:,}": untrained(config, device="cpu").state_size(length) for length in lengths}
        for name, config in configs.items()
    }
    return pd.DataFrame(rows).T


def captioned(table: pd.DataFrame, source: Source):
    """The table with two decimals, and above it whose results it shows."""
    return table.style.format(precision=2, thousands=",").set_caption(source.words)
