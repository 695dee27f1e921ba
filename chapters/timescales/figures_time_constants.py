"""The figures of chapter 2 about time constants, of neurons and of networks."""

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.explore import Explorer
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales import released
from chapters.timescales.figures_curricula import BLUE, COLOURS, GREEN, ORANGE, Curves, Sources, changes, spread
from chapters.timescales.learning_curves import UNTRAINED, LearningCurve

Rows = Sequence[Mapping[str, Any]]
Histograms = dict[str, dict[str, list[int]]]

FORMS = {
    "multi-head": ("clamp", BLUE),
    "multi-head, projected": ("projected", ORANGE),
    "multi-head, softplus": ("softplus", GREEN),
}
EDGES = np.array([*np.arange(1, 2.95, 0.05), 3.0, np.inf])  # of the bins of tau, in bits


def add_by_span(figure: go.Figure, curves: Sequence[LearningCurve], what: str, factor: float = 1, **style: Any) -> None:
    """Seed mean of one number of the time constants by span, with bars to the smallest and the largest."""
    spans = sorted({span for curve in curves for span in curve.tau})
    values = [[factor * getattr(curve.tau[s], what) for curve in curves if s in curve.tau] for s in spans]
    mean, low, high = (np.array([f(v) for v in values]) for f in (fmean, min, max))
    bars = {"symmetric": False, "array": high - mean, "arrayminus": mean - low, "thickness": 1}
    figure.add_scatter(x=spans, y=mean, error_y=bars, mode="lines", row=1, **style)


def time_constants(found: Sources) -> Explorer:
    """Mean and standard deviation of tau against the span, beside the authors' networks."""
    figure = make_subplots(1, 2, horizontal_spacing=0.1)
    for column, (what, official) in enumerate({"mean": "tau_mean", "std": "tau_std"}.items(), start=1):
        for source, curves in found.curves.items():
            for condition, colour in COLOURS.items():
                name = f"{condition}, {source}"
                style = {"line": {"color": colour, "dash": found.dash(source)}, "showlegend": column == 1}
                add_by_span(figure, curves.get(condition, []), what, name=name, legendgroup=name, col=column, **style)
        for condition, colour in COLOURS.items():
            points = released.SUMMARIES[condition]
            figure.add_scatter(
                x=list(points),
                y=[getattr(summary, official) for summary in points.values()],
                mode="markers",
                marker={"color": colour, "symbol": "diamond-open", "size": 9},
                name=f"{condition}, released by the authors (500 units)",
                legendgroup=f"{condition}, released",
                showlegend=column == 1,
                row=1,
                col=column,
            )
    figure.update_xaxes(title="longest span solved (0: untrained)")
    figure.update_yaxes(title="mean τ (bits)", row=1, col=1)
    figure.update_yaxes(title="standard deviation of τ (bits)", row=1, col=2)
    figure.update_layout(explore.WIDE, height=440)
    mean, std = ({c: changes(found.best, c, what) for c in COLOURS} for what in ("mean", "std"))
    return explore.show(
        figure,
        name="curricula-tau",
        caption=f"In {found.told} the mean time constant changes by {mean['multi-head']} bits (multi-head) and "
        f"{mean['single-head']} bits (single-head) from the untrained network to the longest span solved, and the "
        f"standard deviation by {std['multi-head']} and {std['single-head']}. Bars reach from the smallest to the "
        "largest seed.",
        alt="Two panels against the longest span solved: the mean of the time constants, which falls for multi-head "
        "networks, and their standard deviation; open diamonds mark the networks that the authors released.",
    )


def histograms(trained: Mapping[str, Sequence[TrainedNetwork]]) -> Histograms:
    """By condition and span solved: units in each bin of tau, over all networks that solved it."""

    def counted(networks: Sequence[TrainedNetwork], span: int) -> list[int]:
        if span == UNTRAINED:
            those = [one.untrained() for one in networks]
        else:
            those = [one.network_at(span) for one in networks if span in one.solved]
        return np.histogram(np.concatenate([network.tau.cpu().numpy() for network in those]), EDGES)[0].tolist()

    return {
        condition: {
            str(span): counted(trained[condition], span)
            for span in sorted({UNTRAINED, *(s for one in trained[condition] for s in one.solved)})
        }
        for condition in COLOURS
    }


def distribution(found: Sources, own: Histograms) -> Explorer:
    """The whole distribution of the time constants, span by span."""
    drawn: Histograms = {}
    for condition in reversed(COLOURS) if found.recorded else ():
        kept = [run.content["histograms"][condition] for run in found.recorded]
        drawn[f"{condition}, recorded"] = {
            span: np.sum([each[span] for each in kept if span in each], axis=0).tolist() for span in max(kept, key=len)
        }
    drawn |= {f"{condition}, this run": own[condition] for condition in reversed(COLOURS)}
    longest = max(int(span) for spans in drawn.values() for span in spans)
    highest = max(max(counts) / sum(counts) for spans in drawn.values() for counts in spans.values())

    def fast(name: str) -> str:
        counts = np.array(drawn[name][max(drawn[name], key=int)])
        slow = counts[np.searchsorted(EDGES, 2.0 - 1e-9) :].sum() / counts.sum() * 100
        share = counts[0] / counts.sum() * 100
        return f"{share:.0f} % of the units have time constants below 1.05 bits and {slow:.1f} % of 2 or more"

    multi, single = list(drawn)[:2]
    return explore.explorer(
        partial(draw_distribution, drawn, highest),
        name="curricula-distribution",
        curriculum=list(drawn),
        span=range(max(longest, 3) + 1),
        start={"span": 3},
        caption=f"Of the single-head networks of {found.told}, at the longest span solved, {fast(single)}; of the "
        f"multi-head ones {fast(multi)}.",
        alt="Histogram of the time constants of all units, from 1 to 3 bits. Untrained it is flat from 1 to 2; with "
        "training a peak grows at 1.",
    )


def draw_distribution(drawn: Histograms, highest: float, curriculum: str, span: int) -> go.Figure:
    known = drawn[curriculum]
    last = max(int(s) for s in known if int(s) <= span)
    counts = np.array(known[str(last)])
    figure = go.Figure()
    figure.add_bar(
        x=np.round([*EDGES[:-2] + 0.025, 3.05], 3),
        y=counts / counts.sum() * 100,
        width=0.046,
        marker_color=COLOURS[curriculum.split(",")[0]],
        showlegend=False,
    )
    state = "untrained" if last == UNTRAINED else f"when span {last} was solved"
    if last < span:
        state += f" (the last; not span {span})"
    figure.update_layout(explore.WIDE, height=380, title=f"{counts.sum()} units, {state}")
    figure.update_xaxes(title="time constant τ (bits; last bar: 3 and more)", range=[0.95, 3.12])
    return figure.update_yaxes(title="units (%)", range=[0, highest * 105])


def fall_at_common_span(curves: Curves) -> tuple[int, dict[str, float]]:
    """The longest span that all forms of tau solved, and the fall of mean tau in each up to there."""
    known = {name: curves[c] for c, (name, _) in FORMS.items() if curves.get(c)}
    common = min(max(curve.tau) for one in known.values() for curve in one)
    return common, {n: fmean(k.tau[UNTRAINED].mean - k.tau[common].mean for k in one) for n, one in known.items()}


def in_words(falls: Mapping[str, float]) -> str:
    return ", ".join(f"{fall:.3f} ({name})" for name, fall in falls.items())


def clamp(found: Sources) -> Explorer:
    """Mean tau and the share of units at 1, for each way to keep the range."""
    figure = make_subplots(1, 2, horizontal_spacing=0.1)
    for column, (what, factor) in enumerate({"mean": 1, "at_one": 100}.items(), start=1):
        for condition, (name, colour) in FORMS.items():
            if curves := found.best.get(condition):
                style = {"name": name, "legendgroup": condition, "showlegend": column == 1, "line_color": colour}
                add_by_span(figure, curves, what, factor, col=column, **style)
    figure.update_xaxes(title="longest span solved (0: untrained)")
    figure.update_yaxes(title="mean τ (bits)", row=1, col=1)
    figure.update_yaxes(title="units with τ = 1 (%)", rangemode="tozero", row=1, col=2)
    figure.update_layout(explore.WIDE, height=380)
    common, falls = fall_at_common_span(found.best)
    return explore.show(
        figure,
        name="curricula-trap",
        caption=f"In {found.told}, up to span {common} the mean time constant falls by {in_words(falls)} bits.",
        alt="Two panels against the longest span solved, a line for each way to keep time constants above 1: the mean "
        "time constant, and the share of units with a time constant of 1.",
    )


def network_timescales(found: Sources, inside: Rows) -> Explorer:
    """tau_net and dimensionality against the span; `inside` are the rows of this run."""
    frames = {found.this: inside}
    if found.recorded:
        frames[found.main] = [row for run in found.recorded for row in run.content["inside"]]
    figure = make_subplots(1, 2, horizontal_spacing=0.1)
    titles = {"mean": "mean τ<sub>net</sub> (bits)", "dimensions": "dimensions (90 % of the variance)"}
    for column, (what, title) in enumerate(titles.items(), start=1):
        for source, rows in frames.items():
            for condition, colour in COLOURS.items():
                for number, one in enumerate(by_seed(rows, condition)):
                    figure.add_scatter(
                        x=[row["span"] for row in one],
                        y=[row[what] for row in one],
                        mode="lines+markers",
                        line={"color": colour, "dash": found.dash(source)},
                        name=f"{condition}, {source}",
                        legendgroup=f"{condition}, {source}",
                        showlegend=column == 1 and not number,
                        row=1,
                        col=column,
                    )
        figure.update_yaxes(title=title, rangemode="tozero", row=1, col=column)
    figure.update_xaxes(title="longest span solved (bits)")
    figure.update_layout(explore.WIDE, height=420)
    rows = frames[found.main]
    mean, median, dimensions = (
        {c: spread(growth(rows, c, what)) for c in COLOURS} for what in ("mean", "median", "dimensions")
    )
    return explore.show(
        figure,
        name="curricula-inside",
        caption=f"In {found.told}, from the first span shown to the last, mean τ_net changes by "
        f"{mean['single-head']} bits (single-head) and {mean['multi-head']} (multi-head), its median by "
        f"{median['single-head']} and {median['multi-head']}, and the dimensionality by {dimensions['single-head']} "
        f"and {dimensions['multi-head']}. {share(rows)} of the units have a τ_net.",
        alt="Two panels against the longest span solved, a line for each network: the mean network time constant and "
        "the dimensionality of the activity.",
    )


def by_seed(rows: Rows, condition: str) -> list[list[Mapping[str, Any]]]:
    own = [row for row in rows if row["curriculum"] == condition]
    seeds = sorted({row["seed"] for row in own})
    return [sorted((row for row in own if row["seed"] == seed), key=lambda row: row["span"]) for seed in seeds]


def growth(rows: Rows, condition: str, what: str) -> list[float]:
    """The last value less the first, seed by seed."""
    return [one[-1][what] - one[0][what] for one in by_seed(rows, condition)]


def share(rows: Rows) -> str:
    shares = [row["share"] for row in rows]
    return f"{min(shares) * 100:.0f} to {max(shares) * 100:.0f} %"


def behind(rows: Rows, condition: str) -> str:
    """What stands behind a mean of tau_net, for a note."""
    one = by_seed(rows, condition)
    first, last = (spread((rows[place]["span"] for rows in one), 2) for place in (0, -1))
    median, units = spread(growth(rows, condition, "median")), share([row for rows in one for row in rows])
    return f"Spans {first} to {last}; the median changes by {median} bits; {units} of the units have a tau_net."
