"""The figures and tables of chapter 3."""

from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.brainstates import anatomy, states
from chapters.brainstates.figures import LEGEND_BELOW, largest, plain_titles, with_interval
from chapters.brainstates.fits import FAMILIES, Fits, best, by_model, interval, numbers

pd.set_option("display.max_colwidth", None)  # tables of recordings hold sentences

COLOURS = explore.COLOURS
PLACES = {
    "waves": "retina with waves",
    "knock-out": "retina, no beta-2",
    "hippocampus": "hippocampus",
    "maze": "prefrontal cortex",
}


def in_words(rows: list[dict], family: str, number: int) -> str:
    """A number of states, and whether more might be better still."""
    most = max(numbers(rows, family))
    return f"{number}, the most fitted" if number == most > 1 else f"{number}"


class Shown:
    """What this run measures, `measured`; figures and their captions are of it or of the recorded laptop run."""

    def __init__(self, profile: str) -> None:
        self.measured: dict[str, Any] = {}
        self.content, self.told = largest("recordings", profile, lambda: self.measured)

    def likelihood(self) -> Any:
        """Held-out likelihood by family and number of states, a panel a recording."""
        tables, words, outside = self.content["table"], [], 0
        found = {PLACES[name]: by_model(rows).agg(interval).T for name, rows in tables.items()}
        frame = pd.concat(found, names=["recording"]).set_axis(["mean", "half"], axis=1).reset_index()
        figure = px.line(
            frame,
            x="states",
            y="mean",
            error_y="half",
            color="family",
            facet_col="recording",
            facet_col_wrap=2,
            facet_col_spacing=0.08,
            facet_row_spacing=0.14,
            markers=True,
            category_orders={"family": FAMILIES},
            color_discrete_sequence=[COLOURS[c] for c in ("grey", "green", "purple", "vermillion", "blue")],
            labels={"mean": "bits a spike", "family": ""},
        )
        figure.update_yaxes(matches=None, showticklabels=True).update_traces(error_y={"thickness": 1, "width": 3})
        height = -(-len(tables) // 2)
        for place, (name, rows) in enumerate(tables.items()):
            shown = frame.loc[frame["recording"] == PLACES[name], "mean"]
            low, high = -0.2 * shown.max(), 1.15 * shown.max()
            outside += (shown < low).sum()
            figure.update_yaxes(range=[low, high], row=height - place // 2, col=place % 2 + 1)
            top = best(rows, FAMILIES, least=1)
            first, glm = (with_interval(by_model(rows)[model]) for model in (top, ("HG", 1)))
            words.append(
                f"{PLACES[name]}: best {top[0]} (states: {in_words(rows, *top)}), {first} bits a spike; "
                f"one-state GLM {glm}"
            )
        figure.update_xaxes(type="log", tickvals=[1, 2, 3, 4, 6, 8, 12, 20])
        return explore.show(
            plain_titles(figure).update_layout(LEGEND_BELOW, width=760, height=90 + 270 * height, margin_t=40),
            name="recordings-likelihood",
            caption=f"Held-out likelihood beyond mean rates, {self.told}. {'. '.join(words)}. Bars: 95 % of the "
            f"mean over blocks of time. {outside} points lie below their picture: models that predicted worse than "
            "mean rates.",
            alt="A panel for each recording: bits a spike on held-out blocks against the number of states, a line for "
            "each family of models.",
        )

    def distance(self) -> Any:
        """How closely each wiring follows distance."""
        panels = []
        for name, by_split in self.content["anatomy"].items():
            blocks = [np.array(list(one["spearman"].values())) for one in by_split.values()]
            frame = pd.DataFrame(np.mean(blocks, axis=0), columns=["rho", "low", "high"])
            panels.append(frame.assign(wiring=list(by_split["0"]["spearman"]), recording=PLACES[name]))
        frame = pd.concat(panels).eval("up = high - rho\ndown = rho - low")
        figure = px.scatter(
            frame,
            x="rho",
            y="wiring",
            error_x="up",
            error_x_minus="down",
            facet_col="recording",
            category_orders={"wiring": list(dict.fromkeys(frame["wiring"]))},
            labels={"rho": "Spearman's ρ", "wiring": ""},
        )
        figure.update_traces(marker_size=9).add_vline(0, line={"color": COLOURS["grey"], "dash": "dash"})
        waves = frame[frame["recording"] == PLACES["waves"]].set_index("wiring")["rho"]
        raw, one_hot, naive, sparse = (
            f"{waves[w]:.2f}" for w in (anatomy.RAW, anatomy.ONE_HOT, anatomy.NAIVE, anatomy.SPARSE)
        )
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=420),
            name="recordings-distance",
            caption=f"How closely wiring follows distance. Retinal waves, {self.told}: correlation of counts {raw}, "
            f"the one-hot prior {one_hot}, naive weights {naive}, with an L1 penalty {sparse}. Means over splits of "
            "coefficients and of the ends of their 95 % intervals.",
            alt="Points with bars: Spearman's correlation with distance for each kind of wiring, all below zero; the "
            "correlation of counts lies furthest to the left.",
        )


def raster_explorer(fits: Fits, split: int) -> Any:
    """A held-out minute of the waves, spikes in the colour of their state on the Poisson HMM's path."""
    sample, explored = fits.sample, [n for n in fits.setting.states["Poisson HMM"] if n <= 12]
    counts = sample.trials.counts[int(fits.places(split, held_out=True)[0])].numpy()
    centred = (sample.positions_um - sample.positions_um.mean(0)).numpy()
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    rank = (centred @ axis).argsort().argsort()
    when, who = counts.nonzero()
    paths = {n: states.held_out_path(fits, "Poisson HMM", n, split)[0].numpy() for n in explored}

    def raster(states):
        figure = px.scatter(
            x=when * sample.trials.bin_ms / 1000,
            y=rank[who],
            color=1 + paths[states][when],
            range_color=(1, states),
            color_continuous_scale=[COLOURS[colour] for colour in ("grey", "blue", "vermillion")],
            labels={"x": "time (s)", "y": "neuron, by place", "color": "state"},
        )
        figure.update_traces(marker={"symbol": "line-ns", "size": 5, "line_width": 1.5}, hoverinfo="skip")
        figure.update_traces(marker_line={"color": figure.data[0].marker.color, "coloraxis": "coloraxis"})
        return figure.update_layout(explore.WIDE, height=420, coloraxis_colorbar_dtick=1)

    changes = {s: int((np.diff(path) != 0).sum()) for s, path in paths.items()}
    few, many = min(paths), max(paths)
    return explore.explorer(
        raster,
        name="recordings-raster",
        states=explored,
        caption=f"A minute of the retina that was held out, and the states of the Poisson HMM. With {few} states the "
        f"path changes {changes[few]} times in this minute, with {many} states {changes[many]} times.",
        alt="A raster of spikes, a row a neuron, with vertical bands of activity that are waves, whose spikes have the "
        "colour of the state in their bin. More states cut the waves into parts.",
    )


def places(fits: Fits, found: list[tuple]) -> Any:
    """Each neuron's rate in each state, where its electrode lies; of the first split."""
    ratio = pd.DataFrame(found[0][0].numpy())
    where = fits.sample.positions_um.numpy() + np.random.default_rng(0).uniform(-14, 14, (ratio.shape[1], 2))
    frame = ratio.rename(index=lambda s: s + 1).rename_axis("state").reset_index().melt("state", var_name="neuron")
    frame["x"], frame["y"] = where[frame["neuron"].astype(int)].T  # apart, as several share a place
    figure = px.scatter(
        frame,
        x="x",
        y="y",
        color="value",
        facet_col="state",
        facet_col_wrap=4,
        facet_col_spacing=0.03,
        range_color=(-3, 3),
        color_continuous_scale=[COLOURS["blue"], "#BBBBBB", COLOURS["vermillion"]],
        labels={"x": "place (µm)", "y": "place (µm)", "value": "log₂ rate<br>over mean"},
    )
    figure.for_each_annotation(lambda title: title.update(text=title.text.replace("=", " ")))
    figure.update_traces(marker_size=8).update_xaxes(nticks=4).update_yaxes(nticks=4)
    return explore.show(
        figure.update_layout(width=760, height=100 + 200 * -(-len(ratio) // 4)),
        name="recordings-places",
        caption=f"Rates in the {len(ratio)} states of the Poisson HMM (first split of this run, quiet to busy), each "
        "neuron against its own mean, where its electrode lies. Over splits, the busy neurons of a state lie at "
        f"{with_interval([fmean(near) for _, near in found])} of the distance that neurons have on average.",
        alt="A small map of the electrode array for each state; neurons that are busier than usual in that state are "
        "orange, quieter ones blue. In most states the orange ones form a patch.",
    )
