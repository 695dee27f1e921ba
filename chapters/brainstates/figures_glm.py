"""The figures and tables of chapter 1."""

from statistics import fmean
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import torch
from IPython.display import Markdown
from plotly.subplots import make_subplots

from brainlib import explore, runs
from brainlib.brainstates import evaluation
from chapters.brainstates.brains import Brain
from chapters.brainstates.chains import ThreeStates
from chapters.brainstates.demo import EM, METHODS, OFFICIAL, TRUE, DataSet, Demo, Starts, below_truth, compact

COLOURS = explore.COLOURS
BARE = {"showticklabels": False, "showline": False, "ticks": ""}
WEIGHTS = {
    "colorscale": explore.DIVERGING,
    "cmin": -1.4,
    "cmax": 1.4,
    "colorbar": {
        "title": {"text": "weight", "side": "bottom"},
        "orientation": "h",
        "yref": "container",
        "y": 0,
        "yanchor": "bottom",
        "len": 0.6,
    },
}


def spread(values, digits: int = 1) -> str:
    """Mean and range, for captions and notes."""
    values = list(values)
    mean, low, high = (f"{v:,.{digits}f}" for v in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def glm_weights(brain: Brain, fitted: torch.Tensor, bins: int) -> Any:
    """Fitted against true weights [N, N] of a brain of one state."""
    true = brain.parameters.coupling[0]
    _, squared, correlation = evaluation.weight_error(true, fitted)
    figure = go.Figure()
    kinds = {"inhibitory": (true < 0, "blue"), "none": (true == 0, "grey"), "excitatory": (true > 0, "vermillion")}
    for kind, (where, colour) in kinds.items():
        marker = {"color": COLOURS[colour], "size": 6, "opacity": 0.7}
        figure.add_scatter(x=true[where], y=fitted[where], name=kind, mode="markers", marker=marker)
    figure.update_layout(explore.REGULAR, xaxis_title="true weight", yaxis_title="fitted weight")
    return explore.show(
        figure,
        name="glm-weights",
        caption=f"A GLM finds the wiring of {len(true)} neurons from {bins:,} bins of their spikes: the correlation of "
        f"true and fitted weights is {correlation:.3f}, the root mean square error {squared**0.5:.3f}. "
        f"{int((true == 0).sum())} of the {true.numel()} possible connections do not exist, and a GLM cannot know "
        "that: it gives each of them a small weight.",
        alt="Scatter plot of fitted against true weights. The points lie along the diagonal; those of connections that "
        "do not exist form a short vertical line at zero.",
    )


def switching_raster(data: DataSet) -> Any:
    """300 bins of the first test sequence, coloured by state."""
    counts, states = data.test.counts[0, :300], data.test_states[0, :300]
    palette = list(COLOURS.values())
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.06)
    S = len(data.brain.adjacency)
    for s in range(S):
        bins, neurons = ((counts > 0) & (states == s)[:, None]).nonzero(as_tuple=True)
        marker = {"color": palette[s], "symbol": "line-ns-open", "size": 6}
        figure.add_scatter(
            x=bins.tolist(),
            y=(1 + neurons).tolist(),
            name=f"state {s + 1}",
            mode="markers",
            marker=marker,
            row=1,
            col=1,
        )
    line = {"color": COLOURS["grey"], "width": 1}
    figure.add_scatter(y=counts.sum(1).tolist(), mode="lines", line=line, showlegend=False, row=2, col=1)
    figure.update_yaxes(title="neuron", row=1, col=1)
    figure.update_yaxes(title="all spikes", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title="time (bins)", row=2, col=1)
    figure.update_layout(explore.WIDE, height=420)
    mean_counts = [float(data.test.counts[data.test_states == s].float().mean()) for s in range(S)]
    return explore.show(
        figure,
        name="switching-raster",
        caption=f"To the eye the states are nearly alike: a neuron fires {min(mean_counts):.2f} spikes a bin on "
        f"average in the quietest state and {max(mean_counts):.2f} in the busiest. What differs is who follows whom.",
        alt="A raster of spikes over 300 bins whose colour, the hidden state, changes a few times; below, the number "
        "of spikes in each bin, which fluctuates in the same way throughout.",
    )


def switching_wiring(brain: Brain) -> Any:
    """The weights of the first three states."""
    figure = make_subplots(1, 3, subplot_titles=[f"state {s + 1}" for s in range(3)], shared_yaxes=True)
    for s in range(3):
        wiring = brain.parameters.coupling[s].numpy().round(2)
        figure.add_heatmap(z=wiring, coloraxis="coloraxis", row=1, col=s + 1)
    figure.update_xaxes(**BARE)
    figure.update_yaxes(**BARE, autorange="reversed")
    figure.update_xaxes(title="from neuron", col=2)
    figure.update_yaxes(title="to neuron", col=1)
    figure.update_layout(explore.WIDE, height=380, margin={"t": 40, "b": 110}, coloraxis=WEIGHTS)
    signs = brain.adjacency
    shared = float((signs == signs[0]).all(0).float().mean())
    return explore.show(
        figure,
        name="switching-wiring",
        caption=f"The wiring in three states. {100 * float((signs != 0).float().mean()):.0f} % of the connections "
        f"exist in a state, and {100 * shared:.0f} % of all pairs have the same kind of connection, or none, in every "
        "state: each state draws from the same chances, the anatomy.",
        alt="Three heat maps of weights from neuron to neuron, mostly zero, with scattered positive and negative "
        "entries that partly agree between the states.",
    )


def three_state_filter(three: ThreeStates) -> Any:
    """An explorer of how far neurons and stickiness tell the state."""
    names = ("A", "B", "C")

    def draw(stay, neurons, known):
        p = three.posterior(stay, neurons, known)
        figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.36, 0.64], vertical_spacing=0.1)
        for states, name, style in (
            (
                three.states,
                "true state",
                {"mode": "lines", "line": {"color": COLOURS["grey"], "shape": "hv", "width": 3}},
            ),
            (p.argmax(1), "likeliest", {"mode": "markers", "marker": {"color": COLOURS["purple"], "size": 5}}),
        ):
            figure.add_scatter(y=[names[s] for s in states.tolist()], name=name, row=1, col=1, **style)
        for s, colour in enumerate(("blue", "vermillion", "green")):
            line = {"color": COLOURS[colour], "width": 2}
            figure.add_scatter(y=p[:, s].numpy().round(3), name=names[s], mode="lines", line=line, row=2, col=1)
        share = float((p.argmax(1) == three.states).double().mean())
        figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], title="state", row=1, col=1)
        figure.update_yaxes(title="probability", range=[-0.03, 1.03], row=2, col=1)
        figure.update_xaxes(title=f"time (bins); {share:.0%} right", row=2, col=1)
        return figure.update_layout(width=760, height=440)

    return explore.explorer(
        draw,
        name="three-state-filter",
        stay=list(three.STAY),
        neurons=list(three.NEURONS),
        known=["the past", "all of it"],
        start={"stay": 0.5, "neurons": 6, "known": "the past"},
        caption=f"With 6 neurons and every bin for itself (stay 0.34), {three.accuracy(0.34, 6, 'the past'):.0%} of "
        f"the states are right; with the true chance to stay, 0.95, {three.accuracy(0.95, 6, 'the past'):.0%} from the "
        f"past and {three.accuracy(0.95, 6, 'all of it'):.0%} from all of it. With 48 neurons the bins nearly speak "
        f"for themselves: {three.accuracy(0.34, 48, 'the past'):.0%}.",
        alt="Above, the true state over 100 bins as a stepped line, with a dot for the likeliest state in each bin. "
        "Below, three curves, the probabilities of the states, which jump about or hold still as the sliders are "
        "moved.",
    )


def em_starts(starts: Starts, demo: Demo) -> Any:
    """Training log-likelihood over iterations of EM, by start."""
    figure = go.Figure()
    for (start, paths), colour in zip(starts.above_truth.items(), ("blue", "vermillion"), strict=True):
        for number, path in enumerate(paths):
            path = path[path.isfinite()]
            figure.add_scatter(
                x=list(range(len(path))),
                y=path.numpy() / demo.train,
                name=start.replace("kmeans", "k-means"),
                legendgroup=start,
                showlegend=not number,
                mode="lines+markers",
                marker_size=4,
                line_color=COLOURS[colour],
            )
    figure.add_hline(0, line={"dash": "dash", "color": COLOURS["grey"]})
    titles = {"xaxis_title": "iterations of EM", "yaxis_title": "above the truth (nats a sequence)"}
    figure.update_layout(explore.WIDE, **titles)
    ends = {s: paths.nan_to_num(-torch.inf).amax(1) for s, paths in starts.above_truth.items()}
    top = max(float(end.max()) for end in ends.values())
    arrived = {s: int((end > top - 20).sum()) for s, end in ends.items()}
    return explore.show(
        figure,
        name="em-starts",
        caption=f"Training log-likelihood, less that of the true parameters. {arrived['random']} of 5 random starts "
        f"and {arrived['kmeans']} of 5 from k-means end within 20 nats of the best; any other has settled in a valley "
        f"below. The best ends {top:,.0f} nats above the truth, all {demo.train} sequences together: "
        f"{top / starts.free:.2f} "
        f"for each of {starts.free:,} free parameters.",
        alt="Curves of training log-likelihood over iterations. Most rise within a few iterations to the same level, "
        "slightly above the dashed line of the true parameters; one that stays below it has settled in another valley.",
    )


class Demonstration:
    """The scores of this run beside those of the recorded laptop runs, and which of them figures and captions show."""

    def __init__(self, scores: dict[str, list[dict]], profile: str) -> None:
        recorded = [run for run in runs.kept("demo") if run.profile == "laptop" and profile != "laptop"]
        self.this_run = compact(scores)
        self.larger = {m: [one for run in recorded for one in run.content["scores"][m]] for m in METHODS if recorded}
        self.best = self.larger or self.this_run
        brains = len(self.best[TRUE])
        self.told = (
            f"the recorded laptop runs ({brains} brains)" if self.larger else f"this {profile} run ({brains} brains)"
        )
        self.panels = {f"this run ({profile})": self.this_run}
        if self.larger:
            self.panels["recorded (laptop)"] = self.larger

    def likelihood(self) -> Any:
        """How far each method's test log-likelihood is below the truth's."""
        figure = make_subplots(len(self.panels), 1, subplot_titles=list(self.panels), vertical_spacing=0.25)
        for row, scores in enumerate(self.panels.values(), start=1):
            for method in METHODS[1:]:
                kinds = {"marginal": ("a brain", {"color": COLOURS["blue"], "size": 9, "opacity": 0.7})}
                if method in OFFICIAL:
                    diamond = {"color": COLOURS["vermillion"], "size": 10, "symbol": "diamond-open"}
                    kinds["continued"] = ("once EM has gone on", diamond)
                for key, (name, marker) in kinds.items():
                    gaps = below_truth(scores, method, key)
                    figure.add_scatter(
                        x=gaps,
                        y=[method.replace(" recipe", "")] * len(gaps),
                        mode="markers",
                        marker=marker,
                        name=name,
                        showlegend=row == 1 and method == (METHODS[1] if key == "marginal" else next(iter(OFFICIAL))),
                        row=row,
                        col=1,
                    )
        marks = [5, 10, 20, 50, 100, 200, 500, 1000, 2000]
        figure.update_xaxes(type="log", tickvals=marks, ticktext=[str(m) for m in marks])
        figure.update_xaxes(title="nats a sequence below the truth", row=len(self.panels), col=1)
        figure.update_yaxes(autorange="reversed")
        legend = {"yref": "container", "y": 0.99, "yanchor": "top"}
        figure.update_layout(width=760, height=120 + 230 * len(self.panels), margin_t=70, legend=legend)
        gaps = "; ".join(f"{m}: {spread(below_truth(self.best, m), 0)}" for m in METHODS[1:])
        continued = ", ".join(
            f"{spread(below_truth(self.best, m, 'continued'), 0)} ({m.partition(',')[0]})" for m in OFFICIAL
        )
        return explore.show(
            figure,
            name="demo-likelihood",
            caption=f"In {self.told}, test log-likelihoods end below the true parameters' by {gaps} nats a sequence. "
            f"Where EM goes on from the recipe's results it ends at {continued}.",
            alt="Dots on a logarithmic axis, one row a method, one dot a brain: how far the test log-likelihood is "
            "below that of the true parameters. The naive model by expectation maximisation is nearest, the three "
            "official fits are farther, a single GLM is farthest.",
        )

    def column(self, key: str, digits: int) -> list[str]:
        """Mean and range of a score, by method."""
        columns = ([one[key] for one in self.best[method] if one[key] is not None] for method in METHODS)
        return [spread(values, digits) if values else "–" for values in columns]

    def table(self) -> pd.DataFrame:
        columns = {
            "marginal, nats a sequence": ("marginal", 0),
            "plug-in": ("plug_in", 0),
            "states right": ("accuracy", 3),
            "weights, squared error": ("squared_error", 4),
            "weights, correlation": ("correlation", 2),
            "seconds": ("seconds", 1),
        }
        table = pd.DataFrame({title: self.column(*of) for title, of in columns.items()}, index=list(METHODS))
        return table.rename_axis(columns=self.told)

    def wiring(self) -> Any:
        """One state of the first brain, true and as each method has it."""
        titles = ["truth", "HG, EM", "HG", "GHG", "OHG"]
        figure = make_subplots(2, 3, subplot_titles=titles, horizontal_spacing=0.06, vertical_spacing=0.1)
        drawn = [METHODS[0], *METHODS[2:]]
        for place, method in enumerate(drawn):
            row, col = 1 + place // 3, 1 + place % 3
            figure.add_heatmap(z=self.best[method][0]["wiring"], coloraxis="coloraxis", row=row, col=col)
        figure.update_xaxes(**BARE)
        figure.update_yaxes(**BARE, autorange="reversed")
        figure.update_xaxes(title="from neuron", row=2, col=2)
        figure.update_yaxes(title="to neuron", col=1)
        figure.update_layout(width=760, height=600, margin={"t": 40, "b": 110}, coloraxis=WEIGHTS)
        closest = ", ".join(f"{self.best[m][0]['correlation']:.2f} ({m})" for m in drawn[1:])
        return explore.show(
            figure,
            name="demo-wiring",
            caption="The wiring of one state of the first brain, true and found; HG, GHG and OHG without a further "
            f"word are those of the official recipe. Over all states the weights correlate with the true ones by "
            f"{closest}.",
            alt="Heat maps of the weights from neuron to neuron: the true ones, the naive model's by expectation "
            "maximisation, which look the same with faint noise, and those of the three official fits, which differ "
            "more.",
        )

    def recency(self) -> Any:
        """The training sequences in the order in which the recipe meets them."""
        figure = go.Figure()
        words = []
        for method, colour in zip((EM, *OFFICIAL), ("blue", "vermillion", "green", "purple"), strict=True):
            above = torch.tensor([one["training"] for one in self.best[method]])
            words.append(f"{float(above[:, -1].mean()):.0f} and {float(above[:, :-5].mean()):.0f} nats ({method})")
            figure.add_scatter(
                x=list(range(1, above.shape[1] + 1)),
                y=above.mean(0).numpy().round(1),
                name=method.replace(" recipe", ""),
                mode="lines+markers",
                marker_size=4,
                line_color=COLOURS[colour],
            )
        figure.add_hline(0, line={"dash": "dash", "color": COLOURS["grey"]})
        titles = {"xaxis_title": "training sequence, in the recipe's order", "yaxis_title": "above the truth (nats)"}
        figure.update_layout(explore.WIDE, height=380, **titles)
        return explore.show(
            figure,
            name="demo-recency",
            caption="Log-likelihood of each training sequence, less that of the true parameters, mean over the brains "
            f"of {self.told}. The last sequence met, and the mean of all but the last five: {'; '.join(words)}.",
            alt="Lines over the training sequences in their order. That of expectation maximisation is level and above "
            "zero; those of the official recipe are below it and rise towards the last sequence.",
        )

    def order(self) -> Markdown:
        """The order of the three official fits, in words."""
        gaps = {name: below_truth(self.best, method) for method, name in OFFICIAL.items()}
        words = []
        for worse, better in (("HG", "GHG"), ("GHG", "OHG")):
            gains = [first - second for first, second in zip(gaps[worse], gaps[better], strict=True)]
            ahead = sum(nats > 0 for nats in gains)
            words.append(f"{better} above {worse} on {ahead} of {len(gains)} brains, by {spread(gains, 0)} nats")
        right = dict(zip(METHODS, self.column("accuracy", 2), strict=True))
        states = ", ".join(f"{name} {right[method]}" for method, name in OFFICIAL.items())
        return Markdown(f"In {self.told}: {'; '.join(words)}. States right: {states}.")
