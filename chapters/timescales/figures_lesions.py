"""The figures and tables of chapter 3."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from brainlib import explore, runs
from brainlib.explore import Explorer
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.lesions import perturbed_tau, perturbed_weight
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales.lesions import TAU_STRENGTH, WEIGHT_STRENGTH, margins
from chapters.timescales.measures import CONDITIONS, MULTI, SINGLE, earlier_spans, slow_less_fast
from chapters.timescales.settings import SETTINGS

Found = Sequence[Mapping[str, Any]]  # what was measured of each seed's networks, by experiment

COLOURS = {SINGLE: explore.COLOURS["vermillion"], MULTI: explore.COLOURS["blue"]}
GREY = explore.COLOURS["grey"]
BELOW = {"legend": {"y": 0, "yref": "container", "yanchor": "bottom"}}  # above stand the panels' titles
EDGES = np.linspace(-10, 10, 61)  # of the bins of margins
RESULT_FILES = {  # of the official code's perturbations: span 30, 500 units, four networks
    "weight": {
        "strength": [0.0464, 0.1, 0.215, 0.464, 1],
        SINGLE: [0.997, 0.960, 0.736, 0.167, -0.01],
        MULTI: [1.001, 0.995, 0.962, 0.653, 0.02],
    },
    "tau": {
        "strength": [0.01, 0.0215, 0.0464, 0.1, 0.215, 0.464],
        SINGLE: [0.993, 0.932, 0.713, 0.379, 0.045, 0.007],
        MULTI: [0.999, 0.998, 0.986, 0.894, 0.416, 0.012],
    },
}
FULL_SIZE = {  # result files of the official code, 500 units; rows as in `full_size`
    "result files, span 5": ["1.00 / 1.97", "0.965 / 0.999", "1.00 / 1.98", "0.987 / 1.000", "", ""],
    "result files, span 30": [
        "1.00 / 5.28", "0.926 / 0.454", "1.00 / 1.95", "0.792 / 0.999", "0.736 / 0.962", "0.379 / 0.894",
    ],
    "result files, span 35": ["1.00 / 6.66", "0.924 / 0.398", "1.00 / 1.95", "0.763 / 0.999", "", ""],
}  # fmt: skip


class Samples:
    """This run's networks, which are being measured, and those of recorded larger runs, by what captions call them;
    captions are about the largest."""

    def __init__(self, profile: str, measured: Found) -> None:
        self.networks: dict[str, Found] = {f"this {profile} run": measured}
        self.profiles = {f"this {profile} run": profile}
        for run in runs.kept("lesions"):
            if run.profile != profile:
                label = f"the recorded {run.profile} runs"
                self.networks[label] = [*self.networks.get(label, []), *run.content["networks"]]
                self.profiles[label] = run.profile
        self.told, self.profile = list(self.profiles.items())[-1]

    @property
    def largest(self) -> Found:
        return self.networks[self.told]

    def panels(self) -> go.Figure:
        """A panel for each sample, side by side."""
        titles = list(self.profiles.values()) if len(self.networks) > 1 else None
        columns = len(self.networks)
        return make_subplots(1, columns, subplot_titles=titles, horizontal_spacing=0.06, shared_yaxes=True)

    def grid(self, columns: Sequence[str], vertical_spacing: float) -> go.Figure:
        """A row for each sample."""
        titles = [f"{column}, {profile}" for profile in self.profiles.values() for column in columns]
        spacing = {"horizontal_spacing": 0.06, "vertical_spacing": vertical_spacing}
        return make_subplots(len(self.networks), 2, shared_yaxes=True, subplot_titles=titles, **spacing)


def mean(values: Iterable[float], form: str = ".2f") -> str:
    """The mean and, of several values, the range, in words."""
    values = list(values)
    least, most, text = (f"{f(values):{form}}" for f in (min, max, np.mean))
    return text if least == most else f"{text} ({least} to {most})"


def mean_percent(values: Sequence[Sequence[float]]) -> str:
    return mean([np.mean(one) * 100 for one in values], ".0f")


def span_words(networks: Found, key: str) -> str:
    """The spans at which the networks of a sample were examined."""
    spans = sorted({network[key]["span"] for network in networks})
    return "span " + " or ".join(map(str, spans))


def percent(curve: Mapping[str, float]) -> dict[str, float]:
    return {span: value * 100 for span, value in curve.items()}


def add(
    figure: go.Figure, column: int, curves: Sequence[Mapping], name: str, colour: str, dash="solid", symbol="circle"
) -> None:
    """The mean of several networks' curves {x: y}, with bars to the extremes."""
    x = sorted({float(key) for curve in curves for key in curve})
    found = [[c[k] for c in curves for k in c if float(k) == value] for value in x]
    middle, low, high = (np.array([f(values) for values in found]) for f in (np.mean, min, max))
    bars = {"symmetric": False, "array": high - middle, "arrayminus": middle - low, "thickness": 1, "width": 3}
    figure.add_scatter(
        x=x,
        y=middle,
        error_y=bars,
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=column == 1,
        line={"color": colour, "dash": dash},
        marker={"symbol": symbol, "size": 7},
        row=1,
        col=column,
    )


def networks_table(samples: Samples) -> pd.DataFrame:
    """What was trained, how far, and how large time constants and weights became."""
    columns = {}
    for sample, networks in samples.networks.items():
        for condition in CONDITIONS:
            grown = [network["growth"][condition] for network in networks]
            last = [list(spans.values())[-1] for spans in grown]
            columns[f"{condition}, {sample}"] = {
                "networks": len(networks),
                "longest span": ", ".join(list(spans)[-1] for spans in grown),
                "after epochs": ", ".join(str(end["epoch"]) for end in last),
                "mean τ (bits)": mean(end["tau mean"] for end in last),
                "spread of τ (bits)": mean(end["tau std"] for end in last),
                "longest τ (bits)": mean(end["tau largest"] for end in last),
                "norm of W": mean((end["norm"] for end in last), ".1f"),
                "trained on": ", ".join(sorted({n.get("trained on", "a CPU") for n in networks})),
            }
    return pd.DataFrame(columns)


def forgetting(samples: Samples) -> Explorer:
    """After every span solved, the accuracy on all spans before."""
    figure = samples.grid([c.removesuffix("-head") for c in CONDITIONS], vertical_spacing=0.16)
    bar = {"title": "right (%)", "lenmode": "pixels", "len": 260, "y": 1, "yanchor": "top"}
    for row, networks in enumerate(samples.networks.values(), start=1):
        for column, condition in enumerate(CONDITIONS, start=1):
            tables = [network["memory"]["taught"][condition] for network in networks]
            solved = sorted({int(span) for table in tables for span in table})
            grid = [
                [np.mean([t[str(s)][str(m)] for t in tables if str(s) in t]) * 100 if m <= s else None for m in solved]
                for s in solved
            ]
            shown = {"zmin": 50, "zmax": 100, "colorbar": bar, "showscale": row == column == 1}
            figure.add_heatmap(x=solved, y=solved, z=grid, xgap=1, ygap=1, row=row, col=column, **shown)
        figure.update_yaxes(title="examined after solving span", row=row, col=1)
    figure.update_xaxes(title="span asked", row=len(samples.networks))
    figure.update_xaxes(dtick=2, tick0=2)
    figure.update_yaxes(dtick=2, tick0=2)
    figure.update_annotations(font_size=12)
    figure.update_layout(width=760, height=60 + 320 * len(samples.networks))
    memories = [network["memory"] for network in samples.largest]
    single, multi = (mean_percent(earlier_spans(memories, c, "taught")) for c in CONDITIONS)
    return explore.show(
        figure,
        name="lesions-forgetting",
        caption=f"In {samples.told}, a single-head network that has solved its last span gives {single} % right "
        f"answers about the spans before it, a multi-head network {multi} %. Balanced bits, so that guessing gives "
        "50 %.",
        alt="Heat maps, one for each curriculum: a row for every span at which the network was examined, a column for "
        "every span that it was asked about. For the single head only the diagonal is bright; for many heads the whole "
        "triangle is.",
    )


def fresh_readouts(samples: Samples) -> Explorer:
    """What the networks' own readouts say, and what new ones find."""
    figure = samples.panels()
    for column, networks in enumerate(samples.networks.values(), start=1):
        memories = [network["memory"] for network in networks]
        for condition, colour in COLOURS.items():
            fresh = [percent(memory["fresh"][condition]) for memory in memories]
            add(figure, column, fresh, f"{condition}, fresh readout", colour)
            own = [percent(list(memory["taught"][condition].values())[-1]) for memory in memories]
            add(figure, column, own, f"{condition}, its own", colour, "dot", "circle-open")
        untrained = [percent(memory["fresh"]["untrained"]) for memory in memories]
        add(figure, column, untrained, "untrained, fresh readout", GREY, "dash", "diamond")
        figure.update_xaxes(title="asked about span", dtick=2, tick0=2, col=column)
    figure.update_yaxes(title="right answers (%)", range=[40, 102], col=1)
    figure.update_layout(explore.WIDE | BELOW, height=380)
    memories = [network["memory"] for network in samples.largest]
    single, multi, untrained = (mean_percent(earlier_spans(memories, c, "fresh")) for c in (*CONDITIONS, "untrained"))
    return explore.show(
        figure,
        name="lesions-fresh-readouts",
        caption=f"In {samples.told}, fresh readouts of the network at {span_words(samples.largest, 'memory')} give "
        f"{single} % right answers about the earlier spans from the state of a single-head network, and {multi} % from "
        f"that of a multi-head network; from that of an untrained one {untrained} %. Bars reach from the worst to the "
        "best network.",
        alt="Right answers against the span asked about. The single head's own answers lie at 50 percent but for the "
        "last span; the multi-head network's at 100 percent. Fresh readouts of both are drawn as solid lines, those of "
        "an untrained network dashed: they fall to 50 percent within a few spans.",
    )


def remaining(units: Mapping[str, Any]) -> list[float]:
    """Relative accuracy at the longest span without each unit."""
    intact = units["intact"][-1]
    return [(without[-1] - 0.5) / (intact - 0.5) for without in units["without"]]


def rank_correlation(units: Mapping[str, Any]) -> float:
    """Spearman's, of time constant and relative accuracy; ranks of equal values are their mean."""
    ranks = (pd.Series(values).rank().to_numpy() for values in (units["tau"], remaining(units)))
    return float(np.corrcoef(*ranks)[0, 1])


def ablation(samples: Samples) -> Explorer:
    """Every unit taken out, against its time constant."""
    figure = samples.panels()
    for column, networks in enumerate(samples.networks.values(), start=1):
        for condition, colour in COLOURS.items():
            units = [network["ablation"]["units"][condition] for network in networks]
            size, symbol = (5, "circle") if condition == SINGLE else (6, "x-thin-open")
            figure.add_scatter(
                x=[tau for unit in units for tau in unit["tau"]],
                y=[left for unit in units for left in remaining(unit)],
                mode="markers",
                name=condition,
                legendgroup=condition,
                showlegend=column == 1,
                marker={"color": colour, "size": size, "opacity": 0.7, "symbol": symbol},
                row=1,
                col=column,
            )
        figure.update_xaxes(title="τ (bits)", col=column)
    figure.update_yaxes(title="relative accuracy", col=1)
    figure.update_layout(explore.WIDE | BELOW, height=400)
    single, multi = (
        mean([rank_correlation(n["ablation"]["units"][c]) for n in samples.largest], "+.2f") for c in CONDITIONS
    )
    return explore.show(
        figure,
        name="lesions-ablation",
        caption=f"Every point is one neuron taken out, at {span_words(samples.largest, 'ablation')} in {samples.told}. "
        f"The rank correlation of its time constant with the accuracy that is left is {single} in single-head networks "
        f"and {multi} in multi-head networks.",
        alt="Scatter of relative accuracy against the time constant of the neuron that was taken out, for both "
        "curricula.",
    )


def without_a_neuron(samples: Samples) -> Explorer:
    """The first pair of networks without any one neuron, span by span."""
    shown = samples.largest[0]["ablation"]
    count = len(shown["units"][SINGLE]["tau"])
    worst = {c: int(np.argmin(remaining(shown["units"][c]))) + 1 for c in CONDITIONS}
    return explore.explorer(
        partial(draw_without, shown),
        name="lesions-without",
        neuron=sorted({*range(1, count + 1, max(1, count // 25)), count, *worst.values()}),
        start={"neuron": worst[SINGLE]},
        caption=f"Neurons are numbered from the fastest, 1, to the slowest, {count}; open circles are the intact "
        f"networks, filled ones those without the neuron ({samples.told}, the first pair of networks). "
        + " ".join(
            f"The {c} network misses neuron {worst[c]} most (τ = {shown['units'][c]['tau'][worst[c] - 1]:.2f} bits): "
            f"{min(remaining(shown['units'][c])) * 100:.0f} % of its skill is left at span {shown['span']}."
            for c in CONDITIONS
        ),
        alt="Left, the time constants of both networks in ascending order, with the chosen neuron marked. Right, right "
        "answers against span for the intact networks and for those without the neuron.",
    )


def draw_without(shown: Mapping[str, Any], neuron: int) -> go.Figure:
    figure = make_subplots(1, 2, horizontal_spacing=0.12, column_widths=[0.42, 0.58])
    count = len(shown["units"][SINGLE]["tau"])
    for condition, colour in COLOURS.items():
        units, left, right = shown["units"][condition], {"row": 1, "col": 1}, {"row": 1, "col": 2}
        numbers = list(range(1, count + 1))
        figure.add_scatter(x=numbers, y=units["tau"], mode="lines", line_color=colour, showlegend=False, **left)
        dot = {"mode": "markers", "marker": {"color": colour, "size": 12}, "name": condition}
        figure.add_scatter(x=[neuron], y=[units["tau"][neuron - 1]], **dot, **left)
        for values, dash, name in (
            (units["intact"], "dot", "intact"),
            (units["without"][neuron - 1], "solid", "without it"),
        ):
            figure.add_scatter(
                x=units["spans"],
                y=[value * 100 for value in values],
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": "circle" if dash == "solid" else "circle-open"},
                name=f"{condition}, {name}",
                showlegend=False,
                **right,
            )
    limit = max(max(shown["units"][c]["tau"]) for c in CONDITIONS) + 0.2
    figure.update_xaxes(title="neuron, by time constant", range=[0, count + 1], row=1, col=1)
    figure.update_yaxes(title="time constant (bits)", range=[0.9, limit], row=1, col=1)
    span = {"range": [1.5, shown["span"] + 0.5], "dtick": 2, "tick0": 2}
    figure.update_xaxes(title="asked about span", row=1, col=2, **span)
    figure.update_yaxes(title="right answers (%)", range=[40, 102], row=1, col=2)
    return figure.update_layout(explore.WIDE, height=400)


def last_ends(networks: Found, condition: str) -> list[Mapping[str, float]]:
    """Without one of the fastest and one of the slowest, at the last span."""
    return [list(network["ablation"]["by span"][condition].values())[-1] for network in networks]


def ablation_by_span(samples: Samples) -> Explorer:
    """The fastest against the slowest, span by span."""
    figure = samples.panels()
    for column, networks in enumerate(samples.networks.values(), start=1):
        for condition, colour in COLOURS.items():
            tables = [network["ablation"]["by span"][condition] for network in networks]
            for which, dash, symbol in (("fastest", "dot", "circle-open"), ("slowest", "solid", "circle")):
                lines = [{span: ends[which] for span, ends in table.items()} for table in tables]
                add(figure, column, lines, f"{condition}, {which}", colour, dash, symbol)
        figure.update_xaxes(title="span", dtick=2, tick0=2, col=column)
    figure.update_yaxes(title="relative accuracy", col=1)
    figure.update_layout(explore.WIDE | BELOW, height=400)

    def words(condition: str) -> str:
        ends = last_ends(samples.largest, condition)
        fast, slow = ([end[which] for end in ends] for which in ("fastest", "slowest"))
        tau_fast, tau_slow = (np.mean([end[f"tau of the {which}"] for end in ends]) for which in ("fastest", "slowest"))
        return (
            f"a {condition} network keeps {mean(fast)} of its skill without one of its fastest neurons "
            f"(mean τ {tau_fast:.2f} bits) and {mean(slow)} without one of its slowest ({tau_slow:.2f})"
        )

    return explore.show(
        figure,
        name="lesions-ablation-spans",
        caption=f"At {span_words(samples.largest, 'ablation')} in {samples.told} {'; '.join(map(words, CONDITIONS))}.",
        alt="Relative accuracy against span, four lines: each curriculum without one of its fastest and without one of "
        "its slowest neurons.",
    )


def gap_by_span(networks: Found, condition: str) -> str:
    """Slowest less fastest at every span, for a note."""
    curves = [slow_less_fast(network["ablation"], condition) for network in networks]
    spans = sorted({int(span) for curve in curves for span in curve})
    return ", ".join(f"{span}: {np.mean([c[str(span)] for c in curves if str(span) in c]):+.2f}" for span in spans)


def after_push(networks: Found, what: str, condition: str, strength: float | str) -> list[float]:
    return [network["perturbation"][what][condition][str(strength)] for network in networks]


def difference_by_strength(networks: Found, what: str) -> str:
    """Multi-head less single-head, for a note."""
    single, multi = (
        {s: np.mean(after_push(networks, what, c, s)) for s in networks[0]["perturbation"][what][c]} for c in CONDITIONS
    )
    return ", ".join(f"{strength}: {multi[strength] - single[strength]:+.2f}" for strength in single)


def perturbation(samples: Samples) -> Explorer:
    """Relative accuracy against the strength of a perturbation."""
    figure = samples.grid(("weights", "time constants"), vertical_spacing=0.2)
    for row, networks in enumerate(samples.networks.values(), start=1):
        for column, what in enumerate(("weight", "tau"), start=1):
            for condition, colour in COLOURS.items():
                tables = [network["perturbation"][what][condition] for network in networks]
                curves = np.array([list(table.values()) for table in tables])
                middle, low, high = curves.mean(0), curves.min(0), curves.max(0)
                bars = {"array": high - middle, "arrayminus": middle - low, "thickness": 1, "width": 3}
                where = {"row": row, "col": column, "mode": "lines+markers", "showlegend": row == column == 1}
                figure.add_scatter(
                    x=list(map(float, tables[0])),
                    y=middle,
                    error_y={"symmetric": False} | bars,
                    name=condition,
                    legendgroup=condition,
                    line_color=colour,
                    **where,
                )
                figure.add_scatter(
                    x=RESULT_FILES[what]["strength"],
                    y=RESULT_FILES[what][condition],
                    name=f"{condition}, result files",
                    legendgroup=f"files, {condition}",
                    line={"color": colour, "dash": "dot", "width": 1},
                    marker={"symbol": "diamond-open"},
                    **where,
                )
        figure.update_yaxes(title="relative accuracy", range=[-0.15, 1.15], row=row, col=1)
    ticks = [0.01, 0.03, 0.1, 0.3, 1]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=list(map(str, ticks)))
    figure.update_xaxes(title="strength ε", row=len(samples.networks))
    figure.update_annotations(font_size=13)
    figure.update_layout(width=760, height=140 + 280 * len(samples.networks))
    figure.update_layout(BELOW)

    def words(name: str, what: str, strength: float) -> str:
        single, multi = (mean(after_push(samples.largest, what, c, strength)) for c in CONDITIONS)
        return (
            f"{name} moved by {strength} of their norm leave {single} of the skill of single-head and {multi} of "
            "multi-head networks"
        )

    return explore.show(
        figure,
        name="lesions-perturbation",
        caption=f"At {span_words(samples.largest, 'perturbation')} in {samples.told}, "
        f"{words('weights', 'weight', WEIGHT_STRENGTH)}; {words('time constants', 'tau', TAU_STRENGTH)}. Bars reach "
        "from the worst to the best network, each the mean over its draws. Dotted: the official result files (span 30, "
        "500 units).",
        alt="Relative accuracy against the strength of the perturbation on a logarithmic axis, for weights and for "
        "time constants, both curricula, with the values of the official result files dotted.",
    )


def shaken_margins(pair: Mapping[str, TrainedNetwork], span: int) -> Explorer:
    """Histograms of the margins of two networks under a perturbation."""
    return explore.explorer(
        partial(draw_margins, pair, span),
        name="lesions-margins",
        perturbed=["weights", "time constants"],
        strength=[0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
        start={"strength": 0.1},
        caption=f"Margins of the two networks at span {span}, in this run; right of the dashed line the answer is "
        "right. Four perturbations of the chosen strength are thrown together.",
        alt="Two histograms of margins, one for each curriculum. At strength zero both lie to the right of zero; with "
        "growing strength they widen and cross it.",
    )


def draw_margins(pair: Mapping[str, TrainedNetwork], span: int, perturbed: str, strength: float) -> go.Figure:
    push: Callable = {"weights": perturbed_weight, "time constants": perturbed_tau}[perturbed]
    figure = go.Figure()
    for condition, one in pair.items():
        network, generator = one.network_at(span), torch.Generator().manual_seed(7)
        test = running_test(network, "parity", [span], [one.config.head_for(span)], generator, sequences=4)
        scale = float(margins(network, test).abs().median())
        pushed = (push(network, strength, generator) for _ in range(4))
        values = torch.cat([margins(each, test) for each in pushed]).cpu().numpy()
        share, _ = np.histogram(np.clip(values / scale, -9.99, 9.99), EDGES)
        figure.add_scatter(
            x=(EDGES[:-1] + EDGES[1:]) / 2,
            y=share / share.sum() * 100,
            mode="lines",
            line={"color": COLOURS[condition], "shape": "hvh"},
            fill="tozeroy",
            name=f"{condition}: {(values > 0).mean() * 100:.0f} % right",
        )
    figure.add_vline(0, line={"color": GREY, "dash": "dash"})
    figure.update_xaxes(title="margin (in medians of the intact network)", range=[-6, 6])
    figure.update_yaxes(title="share of answers (%)", range=[0, 50])
    return figure.update_layout(explore.WIDE)


def retraining(samples: Samples) -> Explorer:
    """Right answers after a few epochs of a longer span."""
    figure = samples.panels()
    for column, networks in enumerate(samples.networks.values(), start=1):
        for condition, colour in COLOURS.items():
            curves = [percent(network["retraining"][condition]) for network in networks]
            add(figure, column, curves, condition, colour)
        figure.update_xaxes(title="span taught anew", dtick=2, col=column)
    figure.update_yaxes(title="right answers (%)", range=[45, 102], col=1)
    figure.update_layout(explore.WIDE | BELOW, height=380)
    single, multi = (mean_percent([list(n["retraining"][c].values()) for n in samples.largest]) for c in CONDITIONS)
    return explore.show(
        figure,
        name="lesions-retraining",
        caption=f"In {samples.told}, {SETTINGS[samples.profile].lesions.retraining_epochs} epochs of a longer span "
        f"bring networks that had solved span {samples.largest[0]['retraining']['from']} to {single} % if they come "
        f"from a single head and to {multi} % if from many (means over the spans; the bits are those of the school, so "
        "that guessing an even span gives a little over 50 %).",
        alt="Right answers after retraining against the new span, for networks from both curricula.",
    )


def full_size(samples: Samples) -> pd.DataFrame:
    """The result files' numbers at the paper's size, and ours."""
    rows = [
        *(f"{c}: {what}" for c in CONDITIONS for what in ("τ of the fastest / slowest", "without one of them")),
        f"W moved by {WEIGHT_STRENGTH}: single / multi",
        f"τ moved by {TAU_STRENGTH}: single / multi",
    ]
    columns = dict(FULL_SIZE)
    for sample, networks in samples.networks.items():
        cells = [
            " / ".join(f"{np.mean([end[key] for end in last_ends(networks, c)]):.2f}" for key in keys)
            for c in CONDITIONS
            for keys in (("tau of the fastest", "tau of the slowest"), ("fastest", "slowest"))
        ] + [
            " / ".join(f"{np.mean(after_push(networks, what, c, strength)):.2f}" for c in CONDITIONS)
            for what, strength in (("weight", WEIGHT_STRENGTH), ("tau", TAU_STRENGTH))
        ]
        columns[f"{sample}, {span_words(networks, 'ablation')}"] = cells
    return pd.DataFrame(columns, index=rows)
