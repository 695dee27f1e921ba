"""The figures and tables of chapter 2: each of this run or, where there is one, of the recorded laptop run."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.brainstates import table
from chapters.brainstates.figures import LEGEND_ABOVE, RANGES, heat_maps, largest, plain_titles, ranges, spread
from chapters.brainstates.priors import PRIORS, WEIGHTS, difference, frame, strong, wide
from chapters.brainstates.priors import run as run_experiment
from chapters.brainstates.table import FROM_TRUTH, KNOWN, TABLE_1, TRUE

COLOURS = explore.COLOURS
METHOD_COLOURS = {TRUE: "grey", KNOWN: "grey", "HG": "vermillion", "GHG": "blue", "OHG": "green", "HG-L1": "purple"}
BY_METHOD = {"color": "method", "color_discrete_map": {m: COLOURS[c] for m, c in METHOD_COLOURS.items()}}


class Shown:
    """An experiment's results that figures show, and how captions call them: `told`."""

    def __init__(self, profile: str, seed: int) -> None:
        self.recorded, self.told = largest("priors", profile, lambda: None)
        self.run = profile, seed

    def __getitem__(self, experiment: str) -> dict[str, Any]:
        return self.recorded[experiment] if self.recorded else run_experiment(experiment, *self.run)

    def table(self) -> Any:
        """Table 1: five numbers of every method, a dot a data set, and the paper's where they can be compared."""
        found = frame(self["table"])
        method = found.index.get_level_values("method")
        columns = {
            "below": "below the true<br>(nats a bin)",
            "error": "weight error",
            "accuracy": "states (%)",
            "adjacency": "adjacency (%)",
            "prior_adjacency": "prior (%)",
        }
        found["below"] = found["log_likelihood"].xs(TRUE, level="method") - found["log_likelihood"]
        found[list(columns)[2:]] *= 100
        found["accuracy"] = found["accuracy"].where(method != "GLM")
        found["below"] = found["below"].where(method != "HMM Bern")  # its likelihood is one of other data
        paper = pd.DataFrame(TABLE_1).T.drop(columns="error").rename_axis("method")
        dots = [found.reset_index("method").assign(of="a data set"), paper.reset_index().assign(of="the paper's mean")]
        figure = px.scatter(
            pd.concat(dots).melt(["method", "of"], list(columns), "quantity").replace({"quantity": columns}),
            x="value",
            y="method",
            color="of",
            symbol="of",
            symbol_sequence=["circle", "diamond-open"],
            facet_col="quantity",
            category_orders={"method": list(method.unique())},
            labels={"value": "", "method": "", "of": ""},
        )
        figure.update_xaxes(matches=None)
        means = 100 * wide(self["table"], "accuracy").mean()
        states = ", ".join(f"{method} {means[method]:.3g}" for method in ("HG", "GHG", "HG-L1", "OHG"))
        search, model = (
            spread(100 * difference(self["table"], "accuracy", *pair))
            for pair in ((FROM_TRUTH, "HG"), ("OHG", FROM_TRUTH))
        )
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=440, margin_t=84, **LEGEND_ABOVE),
            name="priors-table",
            caption=f"In {self.told}, states found on average: {states} %. Begun at the true parameters, the naive "
            f"model finds {search} percentage points more of them than from random starts: that is what the search "
            f"loses. The one-hot model, which began where the Gaussian one ended, finds {model} points more than that.",
            alt="Five panels of dots, one row for each method: log-likelihood below that of the true parameters, "
            "weight error, states found, and balanced accuracy of the adjacency and of its prior; diamonds for the "
            "paper's numbers, which lie far from ours for the states of the naive model and the wiring of the one-hot.",
        )

    def gaps(self) -> pd.DataFrame:
        """Gaps between methods on average, the paper's and here: in percentage points, and the ratio of the errors."""
        pairs = (("GHG", "HG"), ("HG-L1", "HG"), ("OHG", "HG-L1"), ("OHG", "HG"))
        titles = {"accuracy": "states", "adjacency": "adjacency", "prior_adjacency": "prior", "error": "weight error"}

        def between(scores: pd.DataFrame) -> pd.DataFrame:
            lines = {f"{a} against {b}": scores.loc[a] - scores.loc[b] for a, b in pairs}
            ratios = [scores["error"][a] / scores["error"][b] for a, b in pairs]
            return pd.DataFrame(lines).T.assign(error=ratios).rename(columns=titles)

        ours = 100 * frame(self["table"])[list(titles)].groupby("method").mean()
        paper = pd.DataFrame(TABLE_1).T[list(titles)]
        return pd.concat({"the paper": between(paper), self.told: between(ours)}, axis=1).round(2)

    def strength(self) -> Any:
        """The share of true connections found, by their strength."""
        found = self["table"]
        names = [f"{a} to {b}" for a, b in pairwise([*table.STRENGTHS, "more"])]
        shares = 100 * frame(found)["by_strength"].explode().astype(float)
        shares = shares.reset_index().assign(strength=names * (len(shares) // len(names)))
        lines = ranges(shares, ["method", "strength"], "by_strength")
        figure = px.line(
            lines[lines["method"].isin((KNOWN, "OHG", "GHG", "HG-L1"))],
            x="strength",
            y="by_strength",
            range_y=(0, 103),
            labels={"strength": "strength of the true connection", "by_strength": "found with the right sign (%)"},
            **BY_METHOD,
            **RANGES,
        )
        weak = [100 * v[0] for v in wide(found, "by_strength")["OHG"]]
        return explore.show(
            figure.update_layout(explore.WIDE, **LEGEND_ABOVE),
            name="priors-strength",
            caption=f"In {self.told}, OHG finds {spread(100 * s for s in strong(found))} % of the connections stronger "
            f"than 0.1 with their right sign, and {spread(weak)} % of those below 0.01. Of all the connections that it "
            f"reports, {spread(100 * wide(found, 'precision')['OHG'])} % exist. Bars reach over the data sets.",
            alt="Rising curves, share of true connections found against their strength, for the one-hot model with and "
            "without the states known, the Gaussian and the L1 model.",
        )

    def threshold(self) -> Any:
        """Balanced accuracy of the adjacency by the threshold that calls an edge."""
        found, methods = self["table"], ["HG", "GHG", "HG-L1", "OHG"]
        curves = wide(found, "by_threshold")[methods]
        means = {method: 100 * np.mean(curves[method].tolist(), axis=0) for method in methods}
        means = pd.DataFrame(means, index=[max(threshold, 3e-4) for threshold in table.THRESHOLDS])
        labels = {"index": "threshold (leftmost: 0; dots: likeliest class)", "value": "balanced accuracy (%)"}
        colours = {"color_discrete_map": BY_METHOD["color_discrete_map"]}
        figure = px.line(means, log_x=True, labels=labels, **colours)
        likeliest = 100 * wide(found, "adjacency")[methods].mean().to_frame(1.15).T
        figure.add_traces(px.scatter(likeliest, **colours).update_traces(showlegend=False, marker_size=9).data)
        top = {method: spread(100 * curves[method].map(max)) for method in methods}
        return explore.show(
            figure.update_layout(explore.WIDE, **LEGEND_ABOVE),
            name="priors-threshold",
            caption=f"In {self.told}, balanced accuracy of the adjacency if a connection is called where its score "
            f"exceeds the threshold. At their best thresholds HG reaches {top['HG']}, GHG {top['GHG']} and OHG "
            f"{top['OHG']} %; for OHG the score is a probability, and the likeliest class gives "
            f"{spread(100 * wide(found, 'adjacency')['OHG'])} %.",
            alt="Curves of balanced accuracy against the threshold on a logarithmic axis: those of the models without "
            "classes rise from one third at high thresholds to a peak at low ones.",
        )

    def trials(self) -> Any:
        """Likelihood and states by the number of training sequences."""
        scores = frame(self["trials"])
        one_hot, gaussian = (difference(self["trials"], "log_likelihood", m, "HG") for m in ("OHG", "GHG"))
        most = one_hot.index[-1][0]
        ends = [spread(lead.loc[number]) for lead in (one_hot, gaussian) for number in (1, most)]
        below = scores["log_likelihood"] - scores["log_likelihood"].xs(TRUE, level="method")
        panels = {"log-likelihood, less the true (nats a bin)": below, "states found (%)": 100 * scores["accuracy"]}
        lines = pd.DataFrame(panels).melt(var_name="panel", value_name="number", ignore_index=False).reset_index()
        figure = px.line(
            ranges(lines, ["panel", "method", "value"], "number"),
            x="value",
            y="number",
            facet_col="panel",
            facet_col_spacing=0.09,
            log_x=True,
            labels={"value": "training sequences", "number": ""},
            **BY_METHOD,
            **RANGES,
        )
        figure.update_yaxes(matches=None, showticklabels=True).update_xaxes(tickvals=one_hot.index.unique("value"))
        return explore.show(
            plain_titles(figure).update_layout(explore.WIDE, height=380, margin_t=60, **LEGEND_ABOVE),
            name="priors-trials",
            caption=f"In {self.told}, OHG leads HG by {ends[0]} nats a bin of the test after one training sequence, by "
            f"{ends[1]} after {most:.0f}; GHG by {ends[2]} and {ends[3]}. Bars reach over the data sets.",
            alt="Two panels against the number of training sequences: test log-likelihood less that of the true "
            "parameters, and states found, for the naive, the Gaussian and the one-hot model; the curves draw together "
            "to the right.",
        )


def prior_weight_explorer(profile: str, seed: int) -> Any:
    """An explorer of GHG's wiring under weak and strong priors, from few and many sequences."""
    found, one = run_experiment("explorer", profile, seed), PRIORS[profile]["explorer"]
    true = np.array(next(iter(found.values()))["true"])

    def wiring(prior_weight, training_sequences):
        fitted = found[str(training_sequences)]["found"][WEIGHTS.index(prior_weight)]
        figure = heat_maps({"true": true, "recovered": fitted["wiring"]}, float(abs(true).max()), columns=2)
        error = abs(np.array(fitted["wiring"]) - true).mean()
        title = f"error {error:.3f}, test {fitted['held_out']:.3f} nats a bin"
        return figure.update_layout(height=400, margin_t=80, title=title)

    held_out = {n: [fitted["held_out"] for fitted in found[str(n)]["found"]] for n in one.values}
    best = ", ".join(f"{WEIGHTS[int(np.argmax(each))]:g} with {n}" for n, each in held_out.items())
    return explore.explorer(
        wiring,
        name="priors-explorer",
        prior_weight=WEIGHTS,
        training_sequences=one.values,
        start={"prior_weight": 1.0, "training_sequences": one.values[0]},
        caption="Weights of one state, true and as GHG recovers them, starting from the truth. Of the weights of the "
        f"prior shown here, held-out likelihood prefers {best} training sequences of {one.setting.bins} bins.",
        alt="Two heat maps side by side, the true weights of a state and the recovered ones, speckled where the prior "
        "is weak and pale where it is strong.",
    )
