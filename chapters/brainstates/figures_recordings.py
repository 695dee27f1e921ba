"""The figures and tables of chapter 3."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.data import Trials
from chapters.brainstates import fits, states
from chapters.brainstates.figures import LEGEND_BELOW, largest, plain_titles, with_interval
from chapters.brainstates.fits import GLM_L1, HMM, ONE_HOT, interval
from chapters.brainstates.recordings import BARREL, MAZE, REST, STRETCHES, Sample

pd.set_option("display.max_colwidth", None)  # the table of recordings holds sentences

COLOURS = explore.COLOURS
PLACES = {
    "waves": "retina with waves",
    "knock-out": "retina, no beta-2",
    "hippocampus": "hippocampus",
    "maze": f"prefrontal cortex ({MAZE})",
    "barrel": f"barrel cortex ({BARREL})",
}
SCALE = [COLOURS[colour] for colour in ("grey", "blue", "green", "vermillion")]
FAR = -1.0  # bits a spike; what lies further left is named in the caption


class Shown:
    """What this run measures, `measured`; figures and their captions are of it or of the recorded laptop run."""

    def __init__(self, profile: str) -> None:
        self.measured: dict[str, Any] = {}
        self.content, self.told = largest("recordings", profile, lambda: self.measured)

    def bits(self, value: str = "bits") -> pd.DataFrame:
        return fits.table(self.content["fits"], value)

    def models(self) -> Any:
        """By how much every model is ahead of a GLM with one state and an L1 penalty."""
        lead = self.bits()[list(fits.FAMILIES)].sub(self.bits()[GLM_L1], axis=0).drop(columns=GLM_L1)
        rows = lead.groupby("recording", sort=False).agg(interval).stack().apply(pd.Series)
        rows = rows.set_axis(["lead", "half"], axis=1).rename_axis(["recording", "model"]).reset_index()
        beyond = rows[rows["lead"] < FAR]
        rows["recording"] = rows["recording"].map(PLACES)
        figure = px.scatter(
            rows[rows["lead"] >= FAR],
            x="lead",
            y="model",
            error_x="half",
            facet_col="recording",
            category_orders={"model": list(lead)},
            labels={"lead": "bits a spike", "model": ""},
        )
        figure.update_traces(marker_size=9).add_vline(0, line={"color": COLOURS["grey"], "dash": "dash"})
        figure.update_yaxes(range=[-0.6, lead.shape[1] - 0.4])
        figure.update_xaxes(range=[FAR, max(0.6, 1.1 * float((rows["lead"] + rows["half"].fillna(0)).max()))])
        left = "; ".join(f"{m} on {PLACES[r]} ({lead:.1f})" for r, m, lead in beyond.iloc[:, :3].values)
        ahead = ", ".join(
            f"{PLACES[name]} {with_interval(of_one[ONE_HOT])}" for name, of_one in lead.groupby("recording", sort=False)
        )
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=380),
            name="recordings-models",
            caption=f"Held-out likelihood beyond that of a GLM with one state and an L1 penalty (dashed), {self.told}: "
            f"the one-hot model, integrated: {ahead}. Bars: 95 % of the mean over blocks of time."
            + (f" Beyond the left edge: {left}." if left else ""),
            alt="A panel for each recording, a row for each model: points with bars left or right of a dashed line.",
        )

    def chosen(self) -> pd.DataFrame:
        """The numbers of states that the models chose, by block."""
        states = self.bits("states").groupby("recording", sort=False).agg(lambda blocks: ", ".join(map(str, blocks)))
        names = [name for name, family in fits.FAMILIES.items() if len(family.states) > 1]
        return states.rename(index=PLACES)[names].T

    def told_of(self) -> Any:
        """How much states tell of behaviour and of place, and what the rate tells, and chance."""
        rows = [
            (question, teller.removesuffix(f", {states.OTHERS}"), teller.endswith(states.OTHERS), *interval(shares))
            for question, tellers in self.content["told"].items()
            for teller, shares in tellers.items()
        ]
        frame = pd.DataFrame(rows, columns=["question", "teller", "others", "told", "half"])
        frame["labels of"] = np.where(frame["others"], states.OTHERS, "their own piece")
        figure = px.scatter(
            frame,
            x="told",
            y="teller",
            error_x="half",
            color="labels of",
            symbol="labels of",
            facet_col="question",
            color_discrete_sequence=[COLOURS["blue"], COLOURS["grey"]],
            symbol_sequence=["circle", "circle-open"],
            labels={"told": "share told", "teller": ""},
        )
        figure.update_traces(marker_size=10).update_xaxes(rangemode="tozero")
        own = self.content["told"]
        words = ". ".join(
            f"Of {question}: states {with_interval(own[question][HMM])}, "
            f"the rate in as many levels {with_interval(own[question][states.RATE])}"
            for question in own
        )
        return explore.show(
            plain_titles(figure).update_layout(LEGEND_BELOW, width=760, height=330),
            name="recordings-told",
            caption=f"What tells how much of all there is to know, in blocks that were held out, {self.told}. {words}. "
            "Hollow: with the labels of shuffled pieces. Bars: 95 % of the mean over blocks of time.",
            alt="Two panels, what the animal does and where it runs; points with bars for two models' states and for "
            "the population's rate, beside hollow ones near zero.",
        )


def raster(sample: Sample, trials: Trials, paths: dict[int, Any], pieces: list[int]) -> go.Figure:
    """Spikes of some pieces in the colour of their state, and beneath the place of the animal, where there is one."""
    counts = trials.counts[pieces].flatten(0, 1).numpy()
    path = np.concatenate([paths[piece] for piece in pieces])
    when, who = counts.nonzero()
    seconds = trials.bin_ms / 1000
    order = (counts * path[:, None]).sum(0) / counts.sum(0).clip(1)  # by the mean state of a neuron's spikes
    rank = order.argsort().argsort()
    tracked = sample.place is not None
    figure = make_subplots(1 + tracked, 1, shared_xaxes=True, row_heights=[0.75, 0.25][: 1 + tracked])
    ticks = {"symbol": "line-ns", "size": 5, "line": {"width": 1.5, "color": 1 + path[when], "coloraxis": "coloraxis"}}
    figure.add_scatter(x=when * seconds, y=rank[who], mode="markers", marker=ticks, hoverinfo="skip", showlegend=False)
    if tracked:
        place = sample.place[pieces].flatten().numpy()
        dots = {"size": 5, "color": 1 + path, "coloraxis": "coloraxis"}
        along = np.arange(len(place)) * seconds
        figure.add_scatter(x=along, y=place.round(3), mode="markers", marker=dots, row=2, col=1, showlegend=False)
        figure.update_yaxes(title="place", row=2, col=1)
    figure.update_yaxes(title="neuron", row=1, col=1).update_xaxes(title="time (s)", row=1 + tracked, col=1)
    bar = {"title": "state", "dtick": max(1, int(path.max()) // 4)}
    return figure.update_layout(explore.WIDE, height=460 if tracked else 380).update_coloraxes(
        colorscale=SCALE, cmin=1, cmax=1 + int(path.max()), colorbar=bar
    )


def rasters(name: str, sample: Sample, setting: Any, found: dict[str, Any], block: int) -> Any:
    """Two pieces that were held out, the busiest neighbours, with the states of the HMM without coupling."""
    seen, unseen, _, held_out = states.parts(sample, setting, found, block)
    path = states.path(HMM, found, seen, unseen).numpy()
    tracked = sample.place is not None
    moves = (sample.stretch[held_out] >= 0).sum(1) if tracked else unseen.counts.sum((1, 2))
    first = int((moves[:-1] + moves[1:]).argmax())
    whole = sample._replace(place=sample.place[held_out]) if tracked else sample
    pieces = [first, first + 1]
    changes = int((np.diff(path[pieces]) != 0).sum())
    seconds = round(2 * setting.piece_s)
    return explore.show(
        raster(whole, unseen, dict(enumerate(path)), pieces),
        name=f"recordings-raster-{name}",
        caption=f"{PLACES[name].capitalize()}, {seconds} s that were held out: spikes in the colour of the "
        f"{found['states']} states of an HMM without coupling, from quiet to busy; the state changes {changes} times."
        + (" Below, the place on the track in the same colours." if tracked else ""),
        alt="A raster of spikes, a row a neuron, whose colours change with the state; bands of one colour are visits.",
    )


def tour(sample: Sample, setting: Any, found: dict[str, Any], block: int) -> Any:
    """In which state the animal runs where: all of the track, as the model of the first block sees it."""
    seen, *_ = states.parts(sample, setting, found, block)
    counts = sample.trials.counts[..., found["neurons"]]
    track = (sample.behaviour != REST).any(-1)
    trials = Trials(counts[track], sample.trials.lengths[track], sample.trials.bin_ms)
    own = sample._replace(behaviour=sample.behaviour[track], place=sample.place[track])
    share = states.tour(own, states.path(HMM, found, seen, trials))
    share = share[share.sum(1) > 0.05]
    middle = share @ np.arange(share.shape[1]) / share.sum(1)
    share = share[middle.argsort()].numpy()
    figure = px.imshow(
        share.round(3),
        aspect="auto",
        x=(np.arange(share.shape[1]) + 0.5).round(2) / share.shape[1],
        y=[f"{row}" for row in range(1, len(share) + 1)],
        labels={"x": "place on the track", "y": "state, by its place", "color": "share of time"},
    )
    most = share.max(1)
    return explore.show(
        figure.update_layout(explore.WIDE, height=360),
        name="recordings-tour",
        caption=f"While it runs: the share of the time at each part of the track that is spent in each of {len(share)} "
        f"states of an HMM without coupling ({found['states']} in all, first block held out). "
        f"{int((most > 0.5).sum())} states have more than half of the time somewhere.",
        alt="A map of states against place; bright cells lie along a diagonal where a state belongs to a part of the "
        f"track, which the claim divides into {STRETCHES}.",
    )
