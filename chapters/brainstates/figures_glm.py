"""The figures of chapter 1."""

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import torch
from plotly.subplots import make_subplots

from brainlib import explore
from chapters.brainstates.brains import Brain, DataSet
from chapters.brainstates.chains import ThreeStates
from chapters.brainstates.demo import EM, METHODS, OFFICIAL, Demo, below_truth, recency
from chapters.brainstates.figures import LEGEND_ABOVE, largest, spread

COLOURS = explore.COLOURS
SIGNS = {"excites": "vermillion", "inhibits": "blue"}


def switching_raster(data: DataSet) -> Any:
    """300 bins of the first test sequence, coloured by state."""
    counts, states = data.test.counts[0, :300], data.test_states[0, :300]
    bins, neurons = counts.nonzero(as_tuple=True)
    frame = pd.DataFrame({"bin": bins, "neuron": 1 + neurons, "state": 1 + states[bins]}).sort_values("state")
    looks = {"color": frame["state"].astype(str), "symbol_sequence": ["line-ns-open"]}
    figure = px.scatter(frame, x="bin", y="neuron", **looks, labels={"bin": "time (bins)", "color": "state"})
    mean_counts = [float(data.test.counts[data.test_states == s].float().mean()) for s in states.unique()]
    return explore.show(
        figure.update_layout(explore.WIDE),
        name="switching-raster",
        caption=f"To the eye the states are nearly alike: a neuron fires {min(mean_counts):.2f} spikes a bin on "
        f"average in the quietest state and {max(mean_counts):.2f} in the busiest. What differs is who follows whom.",
        alt="A raster of spikes over 300 bins whose colour, the hidden state, changes a few times.",
    )


def switching_wiring(brain: Brain, states: int = 3) -> Any:
    """The first states' wiring as graphs, and as matrices below."""
    signs, weights = brain.adjacency, brain.parameters.coupling
    titles = [f"state {s + 1}" for s in range(states)]
    figure = make_subplots(2, states, subplot_titles=titles, vertical_spacing=0.12, row_heights=[0.55, 0.45])
    angle = 2 * math.pi * np.arange(signs.shape[1]) / signs.shape[1]
    place = np.stack((np.cos(angle), np.sin(angle)))
    for s in range(states):
        at = {"row": 1, "col": s + 1}
        for sign, (name, colour) in zip((1, -1), SIGNS.items(), strict=True):
            to, source = (signs[s] == sign).nonzero(as_tuple=True)
            x, y = (np.stack((row[source], row[to], np.full(len(to), np.nan)), 1).ravel() for row in place)
            look = {"line": {"color": COLOURS[colour], "width": 1}, "legendgroup": name, "showlegend": s == 0}
            figure.add_scatter(x=x.round(3), y=y.round(3), mode="lines", name=name, **look, **at)
        dots = {"mode": "markers", "marker_color": COLOURS["grey"], "showlegend": False}
        figure.add_scatter(x=place[0].round(3), y=place[1].round(3), **dots, **at)
        bar = {"zmin": -1.4, "zmax": 1.4, "colorscale": explore.DIVERGING, "showscale": s == 0}
        bar |= {"colorbar": {"title": "weight", "len": 0.45, "y": 0.2}}
        figure.add_heatmap(z=weights[s].numpy().round(2), **bar, row=2, col=s + 1)
    figure.update_xaxes(visible=False, row=1).update_yaxes(visible=False, row=1)
    figure.update_xaxes(title="from neuron", row=2).update_yaxes(title="to neuron", row=2, col=1)
    shared = float((signs == signs[0]).all(0).float().mean())
    return explore.show(
        figure.update_layout(explore.WIDE | {"height": 520}, margin_t=60, legend={"y": 1.06}),
        name="switching-wiring",
        caption=f"The wiring in {states} states, as graphs and as matrices. "
        f"{100 * float((signs != 0).float().mean()):.0f} % of the connections exist in a state, and "
        f"{100 * shared:.0f} % of all pairs have the same kind of connection, or none, in every state: each state "
        "draws from the same chances, the anatomy.",
        alt="Three graphs of neurons in a circle with lines for excitation and inhibition that partly agree between "
        "the states, and below each a heat map of its weights, mostly zero.",
    )


def three_state_filter(three: ThreeStates) -> Any:
    """An explorer of how far neurons and stickiness tell the state, which the page computes."""
    colours = [COLOURS[colour] for colour in ("blue", "vermillion", "green")]

    def draw(stay, neurons, known):
        p = three.posterior(stay, neurons, known)
        wrong = np.where(p.argmax(1) == three.states, np.nan, 1.05)
        figure = px.line(pd.DataFrame(p.numpy().round(3), columns=list("ABC")), color_discrete_sequence=colours)
        figure.for_each_trace(lambda trace: trace.update(meta=trace.name))
        marker = {"symbol": "square", "size": 7, "color": [colours[s] for s in three.states]}
        figure.add_scatter(y=[1.14] * len(p), mode="markers", marker=marker, showlegend=False)
        cross = {"symbol": "x-thin-open", "size": 6, "color": COLOURS["grey"]}
        figure.add_scatter(y=wrong, mode="markers", marker=cross, name="likeliest state is wrong", meta="wrong")
        ticks = {"tickvals": [0, 0.5, 1, 1.14], "ticktext": ["0", "0.5", "1", "true state"]}
        figure.update_yaxes(title="probability of the state", range=[-0.03, 1.2], **ticks).update_xaxes(title="bin")
        return figure.update_layout(explore.WIDE, height=400, legend_title="")

    return explore.simulation(
        draw,
        three.script(),
        name="three-state-filter",
        stay=[0.34, *(k / 100 for k in range(35, 100)), 0.995, 0.999],
        neurons=range(1, three.MOST + 1),
        known=["the past", "all of it"],
        start={"stay": 0.5, "neurons": 6, "known": "the past"},
        caption=f"With 6 neurons and every bin for itself (stay 0.34), {three.accuracy(0.34, 6, 'the past'):.0%} of "
        f"the states are right; with the true chance to stay, 0.95, {three.accuracy(0.95, 6, 'the past'):.0%} from the "
        f"past and {three.accuracy(0.95, 6, 'all of it'):.0%} from all of it. With 48 neurons the bins nearly speak "
        f"for themselves: {three.accuracy(0.34, 48, 'the past'):.0%}.",
        alt="Three curves over 100 bins, the probabilities of the states, which jump about or hold still as the "
        "sliders are moved; above them a row of squares in the colour of the true state, and crosses where the "
        "likeliest state is another.",
    )


def em_starts(starts: dict[str, torch.Tensor], demo: Demo) -> Any:
    """Training log-likelihood over iterations of EM, by start."""
    frame = pd.concat(
        pd.DataFrame(paths.numpy() / demo.train).T.melt(var_name="run", ignore_index=False).assign(start=start)
        for start, paths in starts.items()
    )
    frame = frame[np.isfinite(frame["value"])].replace({"start": {"kmeans": "k-means"}})
    labels = {"index": "iterations of EM", "value": "above the truth (nats a sequence)", "start": "starts"}
    figure = px.line(frame.reset_index(), x="index", y="value", color="start", line_group="run", labels=labels)
    figure.add_hline(0, line={"dash": "dash", "color": COLOURS["grey"]})
    ends = {s: paths.nan_to_num(-torch.inf).amax(1) for s, paths in starts.items()}
    top = max(float(end.max()) for end in ends.values())
    arrived = {s: int((end > top - 20).sum()) for s, end in ends.items()}
    return explore.show(
        figure.update_layout(explore.WIDE),
        name="em-starts",
        caption=f"Training log-likelihood, less that of the true parameters. {arrived['random']} of 5 random starts "
        f"and {arrived['kmeans']} of 5 from k-means end within 20 nats of the best; one that does not has settled in a "
        f"valley below. The best ends {top:,.0f} nats above the truth, all {demo.train} sequences together: "
        f"{top / demo.free:.2f} for each of {demo.free:,} free parameters.",
        alt="Curves of training log-likelihood over iterations. Most rise within a few iterations to the same level, "
        "slightly above the dashed line of the true parameters; one that stays below it has settled in another valley.",
    )


class Demonstration:
    """The scores of this run, or of the recorded laptop run, and how captions call it."""

    def __init__(self, scores: dict[str, list[dict]], profile: str) -> None:
        content, self.told = largest("demo", profile, lambda: {"scores": scores})
        self.scores = content["scores"]

    def likelihood(self) -> Any:
        """How far each method's test log-likelihood is below the truth's."""
        kinds = {"marginal": "a brain", "continued": "once EM has gone on"}
        frame = pd.DataFrame(
            {"method": method, "nats": nats, "kind": kind}
            for key, kind in kinds.items()
            for method in (METHODS[1:] if key == "marginal" else OFFICIAL)
            for nats in below_truth(self.scores, method, key)
        )
        labels = {"nats": "nats below the truth", "method": "", "kind": ""}
        symbols = ["circle", "diamond-open"]
        looks = {"color": "kind", "symbol": "kind", "symbol_sequence": symbols}
        figure = px.scatter(frame, x="nats", y="method", **looks, log_x=True, labels=labels)
        figure.update_traces(marker_size=9).update_xaxes(tickvals=[5, 10, 20, 50, 100, 200, 500, 1000, 2000])
        gaps = "; ".join(f"{m}: {spread(below_truth(self.scores, m), ',.0f')}" for m in METHODS[1:])
        continued = ", ".join(
            f"{spread(below_truth(self.scores, m, 'continued'), ',.0f')} ({m.partition(',')[0]})" for m in OFFICIAL
        )
        return explore.show(
            figure.update_layout(explore.WIDE, **LEGEND_ABOVE, margin_t=44),
            name="demo-likelihood",
            caption=f"In {self.told}, test log-likelihoods end below the true parameters' by {gaps} nats a sequence. "
            f"Where EM goes on from the recipe's results it ends at {continued}.",
            alt="Dots on a logarithmic axis, one row a method, one dot a brain: how far the test log-likelihood is "
            "below that of the true parameters. The naive model by expectation maximisation is nearest, the three "
            "official fits are farther, a single GLM is farthest.",
        )

    def table(self) -> pd.DataFrame:
        """The mean of each score over the brains, by method."""
        columns = {"accuracy": "states right", "correlation": "weights, correlation", "seconds": "seconds"}
        means = {method: pd.DataFrame(each)[list(columns)].astype(float).mean() for method, each in self.scores.items()}
        return pd.DataFrame(means).T.rename(columns=columns).rename_axis(columns=f"means, {self.told}").round(2)

    def recency(self) -> Any:
        """The training sequences in the order in which the recipe meets them."""
        means = {m: np.mean([one["training"] for one in self.scores[m]], axis=0) for m in (EM, *OFFICIAL)}
        frame = pd.DataFrame(means).rename(index=lambda place: place + 1).round(1)
        labels = {"index": "training sequence, in the recipe's order", "value": "above the truth (nats)"}
        figure = px.line(frame, markers=True, labels=labels | {"variable": ""})
        figure.add_hline(0, line={"dash": "dash", "color": COLOURS["grey"]})
        words = "; ".join(f"{spread(recency(self.scores, method), '.0f')} ({method})" for method in means)
        return explore.show(
            figure.update_layout(explore.WIDE, height=380),
            name="demo-recency",
            caption="Log-likelihood of each training sequence, less that of the true parameters, mean over the brains "
            f"of {self.told}. The last three sequences are above the mean of those before by {words} nats a sequence.",
            alt="Lines over the training sequences in their order. That of expectation maximisation is level and above "
            "zero; those of the official recipe are below it and rise towards the last sequence.",
        )
