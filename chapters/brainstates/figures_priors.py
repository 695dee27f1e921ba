"""The figures and tables of chapter 2: each of this run or, where there is one, of the recorded laptop run."""

from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from IPython.display import Markdown
from plotly.subplots import make_subplots

from brainlib import explore, runs
from chapters.brainstates import table
from chapters.brainstates.measures import percent
from chapters.brainstates.priors import (
    COMPARED,
    PRIORS,
    a_neuron,
    accuracies,
    by_value,
    chosen_states,
    difference,
    leads,
    strong,
    values,
)
from chapters.brainstates.priors import run as run_experiment
from chapters.brainstates.table import KNOWN, TABLE_1, TRUE

METHOD_COLOURS = {TRUE: "grey", KNOWN: "grey", "HG": "vermillion", "GHG": "blue", "OHG": "green"}
LEGEND = {"yref": "container", "y": 1, "yanchor": "top"}


def colour(method: str) -> str:
    return explore.COLOURS[METHOD_COLOURS.get(method, "purple")]


def spread(numbers, digits: int = 3) -> str:
    """Mean and range, for captions and notes."""
    numbers = [n for n in numbers if n is not None]
    if not numbers:
        return "not run"
    mean, low, high = (f"{n:.{digits}g}" for n in (fmean(numbers), min(numbers), max(numbers)))
    return mean if low == high else f"{mean} ({low} to {high})"


def bars(groups: list, **more) -> dict[str, Any]:
    """Error bars from the lowest to the highest of each group."""
    means = [fmean(g) if len(g) else None for g in groups]
    ends = [
        [abs(end(g) - mean) if len(g) else None for g, mean in zip(groups, means, strict=True)] for end in (max, min)
    ]
    return {"y": means, "error_y": {"symmetric": False, "array": ends[0], "arrayminus": ends[1], **more}}


class Shown:
    """An experiment's results that figures show, and how captions call them: `told`."""

    def __init__(self, profile: str, seed: int) -> None:
        self.profile, self.seed = profile, seed
        self.recorded = [run for run in runs.kept("priors") if run.profile == "laptop" and profile != "laptop"]
        self.told = f"this {profile} run"
        if self.recorded:
            self.told = f"the recorded laptop run ({self.recorded[0].provenance['time'][:10]})"

    def __getitem__(self, experiment: str) -> dict[str, Any]:
        kept = {key: one for run in self.recorded for key, one in run.content[experiment].items()}
        return kept or run_experiment(experiment, self.profile, self.seed)

    @property
    def plan(self):
        return PRIORS["laptop" if self.recorded else self.profile]

    # ---- Brains ----

    def oracle(self) -> Any:
        """How many states the true parameters find, by the deviation of ln strength."""
        found = accuracies(self["oracle"])
        figure = go.Figure()
        figure.add_scatter(
            x=[float(d) for d in found],
            **bars(list(found.values())),
            mode="lines+markers",
            line_color=explore.COLOURS["blue"],
            name="true parameters",
        )
        grey = explore.COLOURS["grey"]
        dash, dot = ({"dash": kind, "color": grey} for kind in ("dash", "dot"))
        figure.add_hline(TABLE_1["OHG"].accuracy, line=dash, annotation_text="OHG in the paper")
        figure.add_vline(1.5**0.5, line=dot, annotation_text="printed")
        figure.update_layout(explore.WIDE, showlegend=False)
        figure.update_xaxes(title="standard deviation of the logarithm of strengths")
        figure.update_yaxes(title="states found (%)", range=[15, 101])
        printed, chosen = f"{1.5**0.5:.4g}", "2"
        return explore.show(
            figure,
            name="priors-oracle",
            caption=f"In {self.told}, the true parameters of the paper's simulated brains find "
            f"{spread(found[printed])} "
            f"% of the states at the printed variance, a deviation of 1.22, and {spread(found[chosen])} % at a "
            "deviation of 2. Bars reach from the lowest to the highest brain.",
            alt="A rising curve, share of states found against the deviation of log strengths, which meets the dashed "
            "line of the paper's best model near a deviation of 2.",
        )

    # ---- Table 1 ----

    def rows(self) -> pd.DataFrame:
        """The table: mean and range over data sets, beside the paper's."""
        found = self["table"]
        best, lines = values(found, TRUE, "log_likelihood"), {}
        print(f"{self.told}: mean (range) over {len(found)} data sets")
        columns = {
            "states (%)": ("accuracy", 100),
            "weight error (1e-3)": ("error", 1000),
            "adjacency (%)": ("adjacency", 100),
            "prior (%)": ("prior_adjacency", 100),
        }
        for method in next(iter(found.values())):
            below = [1000 * (a - b) for a, b in zip(values(found, method, "log_likelihood"), best, strict=True)]
            below = "other data" if method == "HMM Bern" else spread(below)
            line = {"LL below the true (1e-3 nats a bin)": below}
            for title, (field, factor) in columns.items():
                numbers = values(found, method, field)
                known = numbers[0] is not None and (method, field) != ("GLM", "accuracy")
                line[title] = spread([factor * v for v in numbers]) if known else "–"
            line["seconds"] = f"{fmean(values(found, method, 'seconds')):.0f}"
            printed = TABLE_1.get(method, ())
            line["paper: LL, states, error, adjacency, prior"] = ", ".join(
                "–" if v is None else f"{v:g}" for v in printed
            )
            lines[method] = line
        return pd.DataFrame(lines).T

    def table(self) -> Any:
        """Four numbers of every method, a dot a data set."""
        found = self["table"]
        quantities = {
            "below the true<br>(nats a bin)": ("log_likelihood", 1),
            "states (%)": ("accuracy", 100),
            "weight error": ("error", 1),
            "adjacency (%)": ("adjacency", 100),
        }
        order = [m for m in reversed(next(iter(found.values()))) if m != "HMM Bern"]
        figure = make_subplots(1, 4, shared_yaxes=True, horizontal_spacing=0.03)
        truth = values(found, TRUE, "log_likelihood")
        for column, (title, (field, factor)) in enumerate(quantities.items(), start=1):
            for method in order:
                numbers = values(found, method, field)
                if field == "log_likelihood":
                    numbers = [b - a for a, b in zip(numbers, truth, strict=True)]
                if numbers[0] is None or (method, field) == ("GLM", "accuracy"):
                    continue
                figure.add_scatter(
                    x=[factor * n for n in numbers],
                    y=[method] * len(numbers),
                    mode="markers",
                    marker={"color": colour(method)},
                    showlegend=False,
                    row=1,
                    col=column,
                )
            figure.update_xaxes(title=title, row=1, col=column)
        figure.update_yaxes(categoryorder="array", categoryarray=order)
        figure.update_layout(explore.WIDE, height=420)

        def means(field, factor=1):
            tried = ((m, values(found, m, field)) for m in ("HG", "GHG", "HG-L1", "OHG"))
            return ", ".join(f"{m} {factor * fmean(numbers):.3g}" for m, numbers in tried if numbers)

        return explore.show(
            figure,
            name="priors-table",
            caption=f"In {self.told}, every dot is a data set. States found, on average: {means('accuracy', 100)} %; "
            f"weight errors: {means('error')}; adjacency: {means('adjacency', 100)} %.",
            alt="Four panels of dots, one row for each method: log-likelihood below that of the true parameters, "
            "states found, weight error, and balanced accuracy of the adjacency.",
        )

    def gaps(self) -> pd.DataFrame:
        """Gaps between methods, the paper's and here."""
        fields = {
            "states, percentage points": ("accuracy", 100, 1),
            "weight error, ratio": ("error", None, 2),
            "adjacency, percentage points": ("adjacency", 100, 3),
            "prior, percentage points": ("prior_adjacency", 100, 4),
        }
        found, lines = self["table"], {}
        for first, second in (("GHG", "HG"), ("HG-L1", "HG"), ("OHG", "HG-L1"), ("OHG", "HG")):
            line = lines[f"{first} against {second}"] = {}
            for title, (field, factor, place) in fields.items():
                pairs = list(zip(values(found, first, field), values(found, second, field), strict=True))
                theirs = TABLE_1[first][place], TABLE_1[second][place]
                if factor:
                    line[title] = f"{theirs[0] - theirs[1]:.1f} / {spread([factor * (x - y) for x, y in pairs])}"
                else:
                    line[title] = f"{theirs[0] / theirs[1]:.2f} / {spread([x / y for x, y in pairs])}"
        print(f"paper / {self.told}")
        return pd.DataFrame(lines).T

    def search(self) -> Markdown:
        """What the search loses, and what the model does, in words."""
        found = self["table"]
        search = percent(difference(found, "accuracy", table.FROM_TRUTH, "HG"))
        model = percent(difference(found, "accuracy", "OHG", table.FROM_TRUTH))
        return Markdown(
            f"And the search? Begun at the true parameters, the naive model finds {spread(search)} percentage points "
            f"more of the states than from random starts, in {self.told}; the one-hot model, which began where the "
            f"Gaussian one ended, finds {spread(model)} points more than that. The first number is what the search "
            "loses, the second what the model does."
        )

    def strength(self) -> Any:
        """The share of true connections found, by their strength."""
        found = self["table"]
        groups = [f"{a} to {b}" for a, b in pairwise([*table.STRENGTHS, "more"])]
        figure = go.Figure()
        for method in (KNOWN, "OHG", "GHG", "HG-L1"):
            numbers = values(found, method, "by_strength")
            if not numbers:
                continue
            columns = [[100 * v for v in column if v is not None] for column in zip(*numbers, strict=True)]
            figure.add_scatter(
                x=groups,
                **bars(columns, thickness=1),
                name=method,
                line_color=colour(method),
                line_dash="dot" if method == KNOWN else "solid",
            )
        figure.update_layout(explore.WIDE, legend=LEGEND)
        figure.update_xaxes(title="strength of the true connection")
        figure.update_yaxes(title="found with the right sign (%)", range=[0, 103])
        weak = [100 * v[0] for v in values(found, "OHG", "by_strength")]
        return explore.show(
            figure,
            name="priors-strength",
            caption=f"In {self.told}, OHG finds {spread(percent(strong(found)))} % of the connections stronger than "
            f"0.1 with their right sign, and {spread(weak)} % of those below 0.01. Of all the connections that it "
            f"reports, {spread(percent(values(found, 'OHG', 'precision')))} % exist. Bars reach over the data sets.",
            alt="Rising curves, share of true connections found against their strength, for the one-hot model with and "
            "without the states known, the Gaussian and the L1 model.",
        )

    def threshold(self) -> Any:
        """Balanced accuracy of the adjacency by the threshold that calls an edge."""
        found = self["table"]
        figure = go.Figure()
        for method in ("HG", "GHG", "HG-L1", "OHG"):
            numbers = values(found, method, "by_threshold")
            if not numbers:
                continue
            figure.add_scatter(
                x=[max(t, 3e-4) for t in table.THRESHOLDS],
                y=[100 * fmean(column) for column in zip(*numbers, strict=True)],
                name=method,
                line_color=colour(method),
            )
            likeliest = [100 * fmean(values(found, method, "adjacency"))]
            marker = {"color": colour(method), "size": 9}
            figure.add_scatter(x=[1.15], y=likeliest, mode="markers", marker=marker, showlegend=False)
        figure.update_layout(explore.WIDE, legend=LEGEND)
        title = "threshold (leftmost: 0; dots: likeliest class)"
        figure.update_xaxes(title=title, type="log", range=[-3.6, 0.1])
        figure.update_yaxes(title="balanced accuracy (%)")
        top = {m: spread(percent(map(max, values(found, m, "by_threshold")))) for m in ("HG", "GHG", "OHG")}
        return explore.show(
            figure,
            name="priors-threshold",
            caption=f"In {self.told}, balanced accuracy of the adjacency if a connection is called where its score "
            f"exceeds the threshold. At their best thresholds HG reaches {top['HG']}, GHG {top['GHG']} and OHG "
            f"{top['OHG']} "
            "%; for OHG the score is a probability, and the likeliest class gives "
            f"{spread(percent(values(found, 'OHG', 'adjacency')))} %.",
            alt="Curves of balanced accuracy against the threshold on a logarithmic axis: those of the models without "
            "classes rise from one third at high thresholds to a peak at low ones.",
        )

    # ---- Sweeps ----

    def trials(self) -> Any:
        """Likelihood and states by the number of training sequences."""
        found = self["trials"]
        one_hot, gaussian = (leads(found, "log_likelihood", m, "HG") for m in ("OHG", "GHG"))
        first, last = next(iter(one_hot)), list(one_hot)[-1]
        figure = sweep(found, "log-likelihood, less the true (nats a bin)", "training sequences", log=True)
        return explore.show(
            figure,
            name="priors-trials",
            caption=f"In {self.told}, OHG leads HG by {spread(one_hot[first])} nats a bin of the test after one "
            f"training sequence, by {spread(one_hot[last])} after {last}; GHG by {spread(gaussian[first])} and "
            f"{spread(gaussian[last])}. Bars reach over the data sets.",
            alt="Two panels against the number of training sequences: test log-likelihood less that of the true "
            "parameters, and states found, for the naive, the Gaussian and the one-hot model; the curves draw together "
            "to the right.",
        )

    def neurons(self) -> Any:
        """The same by the number of neurons."""
        found = a_neuron(self["neurons"])
        title = "log-likelihood, less the true<br>(nats a bin and neuron)"
        figure = sweep(found, title, "neurons", log=False)
        states = ", ".join(
            f"{spread(percent(values(g, 'OHG', 'accuracy')))} % of the states with {n}"
            for n, g in by_value(found).items()
        )
        return explore.show(
            figure,
            name="priors-neurons",
            caption=f"In {self.told}, OHG finds {states} neurons. Bars reach over the data sets.",
            alt="Two panels against the number of neurons: test log-likelihood a neuron less that of the true "
            "parameters, and states found, for the three models and the true parameters.",
        )

    def groups(self) -> pd.DataFrame:
        """Groups with states of their own, as a table."""
        found = self["groups"]
        fields = {
            "LL below the true (1e-3 nats a bin)": ("log_likelihood", 1000),
            "states (%)": ("accuracy", 100),
            "weight error (1e-3)": ("error", 1000),
            "adjacency (%)": ("adjacency", 100),
            "prior (%)": ("prior_adjacency", 100),
        }
        truth = values(found, TRUE, "log_likelihood")
        print(f"{self.told}: mean (range) over {len(found)} data sets")
        lines = {}
        for method in COMPARED:
            lines[method] = {}
            for title, (field, factor) in fields.items():
                base = truth if field == "log_likelihood" else [0] * len(truth)
                pairs = zip(values(found, method, field), base, strict=True)
                lines[method][title] = spread(factor * (v - t) for v, t in pairs)
        return pd.DataFrame(lines).T

    def states(self) -> Any:
        """Held-out likelihood and BIC by the number of states of the model."""
        found = self["states"]
        figure = make_subplots(1, 2, horizontal_spacing=0.13)
        kinds = {"held_out": ("GHG", 1, max), "one_hot": ("OHG", 1, max), "bic": ("GHG, BIC", 2, min)}
        seeds = list(dict.fromkeys(key.split(", ")[1] for key in found))
        for field, (name, column, best) in kinds.items():
            for s in seeds:
                curve = {n: g[s][field] for n, g in by_value(found).items() if s in g}
                figure.add_scatter(
                    x=[int(n) for n in curve],
                    y=[v - best(curve.values()) for v in curve.values()],
                    mode="lines+markers",
                    line_color=colour(name[:3]),
                    name=name,
                    legendgroup=name,
                    showlegend=s == seeds[0] and column == 1,
                    row=1,
                    col=column,
                )
        line = {"dash": "dash", "color": explore.COLOURS["grey"]}
        for column, title in enumerate(("held-out, less its best", "BIC, less its best"), start=1):
            figure.add_vline(self.plan.states.setting.states, line=line, row=1, col=column)
            figure.update_yaxes(title=f"{title}<br>(nats a bin)", row=1, col=column)
        figure.update_xaxes(title="states of the model")
        figure.update_layout(explore.WIDE, legend=LEGEND, margin_t=44)
        chosen = {field: ", ".join(map(str, chosen_states(found, field))) for field in kinds}
        return explore.show(
            figure,
            name="priors-states",
            caption=f"In {self.told}, held-out likelihood of OHG chooses {chosen['one_hot']} states in its data sets, "
            f"that of GHG {chosen['held_out']}, BIC {chosen['bic']}. The dashed line is the truth.",
            alt="Two panels against the number of the model's states, a curve for each data set: held-out "
            "log-likelihood, which rises steeply and then falls slowly, and BIC, which does the reverse.",
        )


def brain_figure(data: table.DataSet) -> Any:
    """The anatomy of a simulated brain, and the weights of two of its states."""
    brain = data.brain
    S, N, _ = brain.adjacency.shape
    largest = float(brain.parameters.coupling.abs().max())
    anatomy = brain.adjacency_prior[..., 2] - brain.adjacency_prior[..., 0]
    panels = {"a₀: exc. less inh.": anatomy}
    panels |= {f"weights, state {s + 1}": brain.parameters.coupling[s] / largest for s in range(2)}
    figure = make_subplots(1, 3, subplot_titles=list(panels), horizontal_spacing=0.08)
    style = {"zmin": -1, "zmax": 1, "colorscale": explore.DIVERGING, "showscale": False}
    for column, matrix in enumerate(panels.values(), start=1):
        figure.add_heatmap(z=np.round(matrix.numpy(), 3), row=1, col=column, **style)
    figure.update_xaxes(title="from neuron", constrain="domain")
    figure.update_yaxes(autorange="reversed")
    figure.update_yaxes(title="to neuron", col=1)
    figure.update_layout(explore.WIDE, height=300, margin_t=40)
    edges = brain.adjacency != 0
    weak = float((brain.strengths[edges] < 0.03).double().mean())
    return explore.show(
        figure,
        name="priors-brain",
        caption=f"A simulated brain of {N} neurons: the anatomy that its states share, and the weights of two states "
        f"(red excites, blue inhibits; white is no connection or one too weak to see; full colour is {largest:.2f}). "
        f"{weak * 100:.0f} % of the {int(edges.sum())} connections of its {S} states are weaker than 0.03.",
        alt="Three square heat maps, sender along the horizontal axis: mostly white with single red and blue cells, "
        "which stand at the same places in the two states.",
    )


def sweep(found: dict, title: str, x_title: str, log: bool) -> go.Figure:
    """Test log-likelihood less that of the truth, and states found, of `COMPARED` against what is varied."""
    figure = make_subplots(1, 2, horizontal_spacing=0.11)
    groups = by_value(found)
    for column, (field, factor) in enumerate((("log_likelihood", 1), ("accuracy", 100)), start=1):
        for method in COMPARED[field == "log_likelihood" :]:
            numbers = [
                factor * np.array(values(group, method, field))
                - (np.array(values(group, TRUE, field)) if field == "log_likelihood" else 0)
                for group in groups.values()
            ]
            figure.add_scatter(
                x=[float(value) for value in groups],
                **bars(numbers, thickness=1),
                name=method,
                legendgroup=method,
                line_color=colour(method),
                showlegend=column == 2,
                row=1,
                col=column,
            )
    figure.update_yaxes(title=title, row=1, col=1)
    figure.update_yaxes(title="states found (%)", row=1, col=2)
    figure.update_xaxes(title=x_title, type="log" if log else "linear")
    if log:
        figure.update_xaxes(tickvals=[float(v) for v in groups])
    return figure.update_layout(explore.WIDE, height=380, legend=LEGEND, margin_t=44)


def prior_weight_explorer(profile: str, seed: int) -> Any:
    """An explorer of GHG's wiring under weak and strong priors, from few and many sequences."""
    found, plan = run_experiment("explorer", profile, seed), PRIORS[profile]
    one, numbers = plan.explorer, plan.explored
    true = np.array(next(iter(found.values()))["true"])
    bound = float(abs(true).max())

    def wiring(prior_weight, training_sequences):
        nearest = int(np.argmin(np.abs(np.log(np.array(one.values) / prior_weight))))
        sequences = min(numbers, key=lambda n: abs(n - training_sequences))
        fitted = found[str(sequences)]["found"][nearest]
        figure = make_subplots(1, 2, subplot_titles=("true", "recovered"), horizontal_spacing=0.1)
        for column, matrix in enumerate((true, np.array(fitted["wiring"])), start=1):
            style = {"zmin": -bound, "zmax": bound, "colorscale": explore.DIVERGING, "colorbar_title": "weight"}
            figure.add_heatmap(z=matrix, showscale=column == 2, row=1, col=column, **style)
        error = abs(np.array(fitted["wiring"]) - true).mean()
        figure.update_xaxes(title="from neuron")
        figure.update_yaxes(autorange="reversed")
        figure.update_yaxes(title="to neuron", col=1)
        title = f"error {error:.3f}, test {fitted['held_out']:.3f} nats a bin"
        return figure.update_layout(explore.WIDE, height=400, margin_t=80, title=title)

    held_out = {n: [fitted["held_out"] for fitted in found[str(n)]["found"]] for n in numbers}
    best = ", ".join(f"{one.values[int(np.argmax(each))]:g} with {n}" for n, each in held_out.items())
    return explore.explorer(
        wiring,
        name="priors-explorer",
        prior_weight=one.values,
        training_sequences=numbers,
        start={"prior_weight": 1.0, "training_sequences": numbers[0]},
        caption="Weights of one state, true and as GHG recovers them, starting from the truth. Of the weights of the "
        f"prior shown here, held-out likelihood prefers {best} training sequences of {one.setting.bins} bins.",
        alt="Two heat maps side by side, the true weights of a state and the recovered ones, speckled where the prior "
        "is weak and pale where it is strong.",
    )
