"""The figures and tables of chapter 1."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import torch

from brainlib import explore
from chapters.brainstates.brains import Brain, DataSet
from chapters.brainstates.chains import ThreeStates
from chapters.brainstates.demo import EM, METHODS, OFFICIAL, Demo, below_truth
from chapters.brainstates.figures import LEGEND_ABOVE, heat_maps, largest, spread

COLOURS = explore.COLOURS


def switching_raster(data: DataSet) -> Any:
    """300 bins of the first test sequence, coloured by state."""
    counts, states = data.test.counts[0, :300], data.test_states[0, :300]
    bins, neurons = counts.nonzero(as_tuple=True)
    frame = pd.DataFrame({"bin": bins, "neuron": 1 + neurons, "state": 1 + states[bins]}).sort_values("state")
    figure = px.scatter(
        frame,
        x="bin",
        y="neuron",
        color=frame["state"].astype(str),
        symbol_sequence=["line-ns-open"],
        labels={"bin": "time (bins)", "color": "state"},
    )
    mean_counts = [float(data.test.counts[data.test_states == s].float().mean()) for s in states.unique()]
    return explore.show(
        figure.update_layout(explore.WIDE),
        name="switching-raster",
        caption=f"To the eye the states are nearly alike: a neuron fires {min(mean_counts):.2f} spikes a bin on "
        f"average in the quietest state and {max(mean_counts):.2f} in the busiest. What differs is who follows whom.",
        alt="A raster of spikes over 300 bins whose colour, the hidden state, changes a few times.",
    )


def switching_wiring(brain: Brain) -> Any:
    """The weights of the first three states."""
    signs = brain.adjacency
    shared = float((signs == signs[0]).all(0).float().mean())
    return explore.show(
        heat_maps({f"state {s + 1}": brain.parameters.coupling[s] for s in range(3)}, limit=1.4),
        name="switching-wiring",
        caption=f"The wiring in three states. {100 * float((signs != 0).float().mean()):.0f} % of the connections "
        f"exist in a state, and {100 * shared:.0f} % of all pairs have the same kind of connection, or none, in every "
        "state: each state draws from the same chances, the anatomy.",
        alt="Three heat maps of weights from neuron to neuron, mostly zero, with scattered positive and negative "
        "entries that partly agree between the states.",
    )


def three_state_filter(three: ThreeStates) -> Any:
    """An explorer of how far neurons and stickiness tell the state."""
    colours = [COLOURS[colour] for colour in ("blue", "vermillion", "green")]

    def draw(stay, neurons, known):
        p = three.posterior(stay, neurons, known)
        share = float((p.argmax(1) == three.states).double().mean())
        figure = px.line(pd.DataFrame(p.numpy().round(3), columns=list("ABC")), color_discrete_sequence=colours)
        marker = {"symbol": "square", "size": 7, "color": [colours[s] for s in three.states]}
        figure.add_scatter(y=[1.1] * len(p), mode="markers", marker=marker, showlegend=False)
        ticks = {"tickvals": [0, 0.5, 1, 1.1], "ticktext": ["0", "0.5", "1", "true state"]}
        figure.update_yaxes(title="probability of the state", range=[-0.03, 1.15], **ticks)
        figure.update_xaxes(title=f"time (bins); {share:.0%} right")
        return figure.update_layout(explore.WIDE, height=400, legend_title="")

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
        alt="Three curves over 100 bins, the probabilities of the states, which jump about or hold still as the "
        "sliders are moved; above them a row of squares in the colour of the true state.",
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
        f"and {arrived['kmeans']} of 5 from k-means end within 20 nats of the best; any other has settled in a valley "
        f"below. The best ends {top:,.0f} nats above the truth, all {demo.train} sequences together: "
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
            {"method": method.replace(" recipe", ""), "nats": nats, "kind": kind}
            for key, kind in kinds.items()
            for method in (METHODS[1:] if key == "marginal" else OFFICIAL)
            for nats in below_truth(self.scores, method, key)
        )
        figure = px.scatter(
            frame,
            x="nats",
            y="method",
            color="kind",
            symbol="kind",
            symbol_sequence=["circle", "diamond-open"],
            log_x=True,
            labels={"nats": "nats a sequence below the truth", "method": "", "kind": ""},
        )
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
        columns = {
            "marginal": "marginal, nats a sequence",
            "plug_in": "plug-in",
            "accuracy": "states right",
            "squared_error": "weights, squared error",
            "correlation": "weights, correlation",
            "seconds": "seconds",
        }
        means = {method: pd.DataFrame(each)[list(columns)].astype(float).mean() for method, each in self.scores.items()}
        return pd.DataFrame(means).T.rename(columns=columns).rename_axis(columns=f"means, {self.told}").round(3)

    def recency(self) -> Any:
        """The training sequences in the order in which the recipe meets them."""
        means = {m: np.mean([one["training"] for one in self.scores[m]], axis=0) for m in (EM, *OFFICIAL)}
        frame = pd.DataFrame(means).rename(index=lambda place: place + 1).round(1)
        labels = {"index": "training sequence, in the recipe's order", "value": "above the truth (nats)"}
        figure = px.line(frame, markers=True, labels=labels | {"variable": ""})
        figure.add_hline(0, line={"dash": "dash", "color": COLOURS["grey"]})
        words = (f"{mean[-1]:.0f} and {mean[:-5].mean():.0f} nats ({method})" for method, mean in means.items())
        return explore.show(
            figure.update_layout(explore.WIDE, height=380),
            name="demo-recency",
            caption="Log-likelihood of each training sequence, less that of the true parameters, mean over the brains "
            f"of {self.told}. The last sequence met, and the mean of all but the last five: {'; '.join(words)}.",
            alt="Lines over the training sequences in their order. That of expectation maximisation is level and above "
            "zero; those of the official recipe are below it and rise towards the last sequence.",
        )
