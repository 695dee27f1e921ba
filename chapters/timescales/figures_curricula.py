"""The figures and tables of chapter 2."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch
from IPython.display import Markdown

from brainlib import explore, runs
from brainlib.explore import Explorer
from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales import measures
from chapters.timescales.figures import COLOURS, EACH, FRESH_HEADS, GREY, Sample, arranged, averaged_lines, both, spread
from chapters.timescales.learning_curves import AT_ONE, UNTRAINED, LearningCurve, Price, gathered, leads
from chapters.timescales.measures import last_span
from chapters.timescales.networks import CONDITIONS, MULTI, PROJECTED, SINGLE, STILL, WINDOW
from chapters.timescales.released import OFFICIAL, summary

Curves = Mapping[str, list[LearningCurve]]

FIXED = "trained", "tau 1", "tau 2", "tau 3"
ELSEWHERE = {"match": "delayed match", "lstm": "parity, LSTM", "gru": "parity, GRU"}
BESIDE = f"{STILL}, beside {SINGLE}"
EDGES = np.array([*np.arange(1, 2.95, 0.05), 3.0, np.inf])  # of the bins of tau, in bits
SPAN, TAU_SPAN = "longest span solved (bits)", "span solved (0: untrained)"
TAU = {"mean": "mean τ (bits)", "std": "standard deviation of τ (bits)", "at_one": f"units with τ below {AT_ONE} (%)"}
TAU_NET = {
    "mean": "mean τ<sub>net</sub> (bits)",
    "median": "median τ<sub>net</sub> (bits)",
    "share": "units with a τ<sub>net</sub> (%)",
}
NOT_RUN = Markdown("*Not run at this profile.*")


def best(sample: Sample) -> Curves:
    """Those of the run that is shown."""
    return gathered([sample.content["curves"]])


def standing_still(curves: Curves, still: Sequence[TrainedNetwork]) -> Curves:
    """The single-head curves with the time constants of a network that stands still for as many epochs."""
    return {BESIDE: [curve.beside(one) for curve, one in zip(curves[SINGLE], still, strict=True)]}


def lead(curves: Curves, by: Price, remark: str = "") -> str:
    """By how many spans the multi-head curriculum got further for the same price."""
    return spread(leads(curves[f"{MULTI}{remark}"], curves[f"{SINGLE}{remark}"], by), ".2g")


def at_equal_epochs(curves: Curves, names: Mapping[str, str]) -> str:
    """When the shortest training of these conditions, each with a name, ends; and the longest spans solved by then."""
    known = {name: curves[condition] for condition, name in names.items() if condition in curves}
    epochs = min(len(curve.accuracy) for of_one in known.values() for curve in of_one)
    return f"after {epochs} epochs: " + both(lambda name: (c.reached(epochs) for c in known[name]), ".2g", known)


def stages(curriculum: Curriculum) -> dict[str, str]:
    """Spans and heads of the first three stages, in words."""

    def words(numbers: Sequence[int]) -> str:
        return "..".join(map(str, sorted({numbers[0], numbers[-1]})))

    return {
        f"stage {stage}": f"{words(curriculum.spans(stage))} by {words(curriculum.heads(stage))}"
        if stage == 0 or not curriculum.last(0)
        else "–"
        for stage in range(3)
    }


def trained_table(trained: Mapping[str, Sequence[TrainedNetwork]]) -> pd.DataFrame:
    """What was trained, how long and how far."""
    rows = {
        f"{condition} ({networks[0].config.units} units)": {
            "longest span solved": spread((one.longest for one in networks), ".2g"),
            "epochs": spread((len(one.history) for one in networks), ".2g"),
            "operations": f"{fmean(one.history[-1].operations for one in networks):.3g}",
            "trained on": networks[0].trained_on,
        }
        for condition, networks in trained.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def progress(sample: Sample, panels: Mapping[str, tuple[Mapping[str, str], Price]]) -> go.Figure:
    """A line of steps for every network: the longest span solved against its price. A panel has a title, conditions
    with the names of their lines, and the price."""
    frame = pd.DataFrame(
        {"condition": name, "seed": curve.seed, "price": price, SPAN: span, "panel": panel}
        for panel, (names, by) in panels.items()
        for condition, name in names.items()
        for curve in best(sample).get(condition, [])
        for price, span in curve.path(by)
    )
    options = EACH | {"facet_col": "panel", "facet_col_spacing": 0.06, "line_shape": "hv"}
    figure = px.line(frame, x="price", y=SPAN, **options)
    figure.update_xaxes(exponentformat="power", nticks=5)
    return arranged(figure, x=[by for _, by in panels.values()], height=400)


def race(sample: Sample) -> Explorer:
    """How far the two curricula and the sliding windows led, for epochs and for operations."""
    names = {name: name for name in (*CONDITIONS, WINDOW, FRESH_HEADS)}
    curves = best(sample)
    return explore.show(
        progress(sample, {"for epochs": (names, "epochs"), "for operations": (names, "operations")}),
        name="curricula-race",
        caption=f"In {sample.told}, when the shorter of the two trainings ends, the multi-head curriculum leads the "
        f"single-head one by {lead(curves, 'epochs')} spans at equal epochs and by {lead(curves, 'operations')} at "
        f"equal operations. Longest spans {at_equal_epochs(curves, names)}. Every line is one network.",
        alt="Two panels of lines that rise in steps, the longest span solved against epochs and against operations, "
        "for the single-head, the multi-head and two sliding-window curricula.",
    )


def fixed_time_constants(sample: Sample) -> Explorer:
    """Learning curves with trained and with fixed time constants."""
    names = {c: {f"{c}, {tau}".removesuffix(", trained"): tau for tau in FIXED} for c in CONDITIONS}
    told = "; ".join(f"{c} {at_equal_epochs(best(sample), named)}" for c, named in names.items())
    return explore.show(
        progress(sample, {condition: (named, "epochs") for condition, named in names.items()}),
        name="curricula-fixed",
        caption=f"Longest spans solved in {sample.told}: {told}. Every line is one network.",
        alt="Two panels of rising steps, longest span solved against epochs, single-head and multi-head, a colour for "
        "trained time constants and one for each fixed value.",
    )


def others(sample: Sample) -> Explorer | Markdown:
    """Another task, other networks."""
    curves, prices = best(sample), measures.ELSEWHERE
    if "multi-head, match" not in curves:
        return NOT_RUN
    ahead = ", ".join(f"{ELSEWHERE[remark]}: {lead(curves, by, f', {remark}')}" for remark, by in prices.items())
    panels = {ELSEWHERE[remark]: ({f"{c}, {remark}": c for c in CONDITIONS}, by) for remark, by in prices.items()}
    return explore.show(
        progress(sample, panels),
        name="curricula-others",
        caption="By how many spans the multi-head curriculum leads when the shorter training ends, in "
        f"{sample.told}. {ahead}. Every line is one network.",
        alt="Three panels of rising steps, longest span solved by single-head and multi-head networks: leaky networks "
        "on delayed match-to-sample, LSTM and GRU networks on parity.",
    )


def net_timescales(
    told: Mapping[str, Any], remarks: Mapping[str, str], shown: Iterable[str], **facets: Any
) -> go.Figure:
    """Lines of `shown` numbers of tau_net against the span; the recordings told by condition and remark, by name."""
    frame = pd.DataFrame(
        row | {"condition": condition, "network": name, "share": 100 * row["share"]}
        for remark, name in remarks.items()
        for condition in CONDITIONS
        for of_one in told[condition + remark]
        for row in of_one
    )
    long = frame.melt(["condition", "network", "seed", "span"], [*shown], "what").replace({"what": TAU_NET})
    options = EACH | {"markers": True, "labels": {"span": SPAN, "value": ""}}
    return px.line(long.sort_values("span", kind="stable"), x="span", y="value", **options, **facets)


def changes(told: Mapping[str, Any], what: str, remark: str = "") -> str:
    """By how much a number of the recordings changes from the first span shown to the last, in words."""
    return both(lambda c: (of_one[-1][what] - of_one[0][what] for of_one in told[c + remark]))


def other_timescales(sample: Sample) -> Explorer | Markdown:
    """tau_net of another task and other networks against the span, and the share of the units that have one."""
    told = sample.content.get("elsewhere")
    if not told:
        return NOT_RUN
    remarks = {f", {remark}": name for remark, name in ELSEWHERE.items()}
    figure = net_timescales(told, remarks, ("median", "share"), facet_col="network", facet_row="what")
    said = "; ".join(f"{name}: {changes(told, 'median', remark)}" for remark, name in remarks.items())
    return explore.show(
        arranged(figure.update_yaxes(matches=None, rangemode="tozero"), height=560),
        name="curricula-others-inside",
        caption="By how many bits the median τ_net changes from the first span shown to the last, in "
        f"{sample.told}. {said}. Every line is one network.",
        alt="Six panels against the longest span solved, a line for each network: the median network time constant and "
        "the share of units that have one, of leaky networks on delayed match-to-sample, and of LSTM and GRU networks "
        "on parity.",
    )


def solved(curves: Sequence[LearningCurve], span: int) -> str:
    """How many of the networks solved a span, and after how many epochs and operations."""
    epochs = [curve.solved[span] for curve in curves if span in curve.solved]
    operations = [curve.operations[curve.solved[span] - 1] for curve in curves if span in curve.solved]
    after = f", after {spread(epochs)} epochs and {fmean(operations):.2g} operations" if epochs else ""
    return f"{len(epochs)} of {len(curves)}{after}"


def no_curriculum(sample: Sample) -> Explorer | Markdown:
    """Accuracy on the longest span, trained from scratch or with all spans at once."""
    curves = best(sample)
    scratch = [c for c in curves if c.startswith(("from scratch", "all at once"))]
    if not scratch:
        return NOT_RUN
    frame = pd.DataFrame(
        {"condition": condition, "seed": curve.seed, "epochs": epoch, "right": 100 * share}
        for condition in scratch
        for curve in curves[condition]
        for epoch, share in enumerate(curve.accuracy, start=1)
    )
    labels = {"right": "right answers, longest span (%)"}
    figure = px.line(frame, x="epochs", y="right", color="condition", line_group="seed", labels=labels)
    figure.update_yaxes(range=[45, 101])
    figure.add_hline(98, line={"dash": "dash", "color": GREY})
    span = max(map(last_span, scratch))
    taught = [*(c for c in scratch if last_span(c) == span), *CONDITIONS]
    outcome = ", ".join(f"{condition}: {solved(curves[condition], span)}" for condition in taught)
    return explore.show(
        arranged(figure),
        name="curricula-scratch",
        caption=f"Networks of {sample.told} that solved span {span}, and when: {outcome}. The dashed line "
        "is what a stage takes to be passed; training on one span alone then ends. Every line is one network.",
        alt="Accuracy on the longest span against epochs for networks taught without a curriculum, one line a network.",
    )


def time_constants(sample: Sample) -> Explorer:
    """Mean and standard deviation of tau and the share at 1 against the span, beside a network that stands still, one
    whose tau is kept in its range otherwise, and the authors'."""
    names = {SINGLE: SINGLE, MULTI: MULTI, PROJECTED: PROJECTED, BESIDE: STILL}
    theirs = "the authors' (500 units)"
    curves = {name: best(sample)[condition] for condition, name in names.items() if condition in best(sample)}
    rows = [
        {"networks": sample.told, "condition": name, "span": span, "mean": tau.mean, "std": tau.std}
        | ({} if name == STILL else {"at_one": 100 * tau.at_one})  # its training counted up to 1 only
        for name, of_one in curves.items()
        for curve in of_one
        for span, tau in curve.tau.items()
    ]
    rows += [
        {"networks": theirs, "condition": condition, "span": int(span), "mean": mean, "std": std}
        for condition, spans in OFFICIAL["networks"].items()
        for span, (mean, std, *_) in spans.items()
    ]
    frame = pd.DataFrame(rows).melt(["networks", "condition", "span"], [*TAU], "what").dropna()
    options = {"line_dash": "networks", "line_dash_map": {sample.told: "solid", theirs: "longdash"}}
    options |= {"symbol": "networks", "symbol_map": {sample.told: "circle", theirs: "diamond-open"}}
    options |= {"facet_col": "what", "facet_col_spacing": 0.1}
    figure = averaged_lines(frame, "value", {"span": TAU_SPAN}, x="span", **options)
    mean, std = (both(lambda c, w=what: (o.tau_change(w) for o in curves[c]), of=curves) for what in ("mean", "std"))
    return explore.show(
        arranged(figure, y=[*TAU.values()], height=460),
        name="curricula-tau",
        caption=f"In {sample.told}, from the untrained network to the longest span solved, the mean time constant "
        f"(bits) changes by {mean}; the standard deviation by {std}. The network that is {STILL} stays at span 2 for "
        f"as many epochs as the single-head one, whose mean ends {spread((o.rebound for o in curves[SINGLE]), '+.3f')} "
        "bits from the smallest on its way. Bars reach from the smallest to the largest seed.",
        alt="Three panels against the longest span solved: the mean of the time constants, which falls for multi-head "
        "networks, their standard deviation, and the share of units at 1; in grey, in the first two, a network that "
        "stays at span 2, and open diamonds for the networks that the authors released.",
    )


def histograms(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, list[int]]]:
    """By condition and span solved: units in each bin of tau, over all networks that solved it."""
    found: dict[str, dict[str, list[int]]] = {}
    for condition in CONDITIONS:
        networks = trained[condition]
        taus = {UNTRAINED: [one.untrained().tau for one in networks]}
        for span in sorted({span for one in networks for span in one.solved}):
            taus[span] = [one.network_at(span).tau for one in networks if span in one.solved]
        counts = {span: np.histogram(torch.cat(of_span).cpu().numpy(), EDGES)[0] for span, of_span in taus.items()}
        found[condition] = {str(span): units.tolist() for span, units in counts.items()}
    return found


def distribution(sample: Sample) -> Explorer:
    """The whole distribution of the time constants, span by span."""
    drawn = {c: pd.DataFrame(by_span).rename(columns=int) for c, by_span in sample.content["histograms"].items()}
    drawn = {condition: 100 * units / units.sum() for condition, units in drawn.items()}
    last = {condition: units[max(units)] for condition, units in drawn.items()}
    slow = np.searchsorted(EDGES, 2.0 - 1e-9)
    said = {c: f"{at[0]:.0f} % below 1.05 bits and {at[slow:].sum():.1f} % of 2 or more" for c, at in last.items()}
    return explore.explorer(
        partial(draw_distribution, drawn),
        name="curricula-distribution",
        curriculum=[MULTI, SINGLE],
        span=range(max(3, *map(max, drawn.values())) + 1),
        start={"span": 3},
        caption=f"Time constants of the units in {sample.told}, at the longest span solved: of single-head networks "
        f"{said[SINGLE]}, of multi-head ones {said[MULTI]}.",
        alt="Histogram of the time constants of all units, from 1 to 3 bits. Untrained it is flat from 1 to 2; with "
        "training a peak grows at 1.",
    )


def draw_distribution(drawn: Mapping[str, pd.DataFrame], curriculum: str, span: int) -> go.Figure:
    known = drawn[curriculum]
    last = max(solved for solved in known if solved <= span)
    state = "untrained" if last == UNTRAINED else f"when span {last} was solved"
    figure = px.bar(
        x=[*EDGES[:-2] + 0.025, 3.05],
        y=known[last],
        labels={"x": "time constant τ (bits; last bar: 3 and more)", "y": "units (%)"},
        title=state if last == span else f"{state} (the last; not span {span})",
        range_y=[0, 1.05 * max(units.max(axis=None) for units in drawn.values())],
    )
    figure.update_traces(marker_color=COLOURS[curriculum], width=0.046)
    return figure.update_layout(explore.WIDE, height=380)


def network_timescales(sample: Sample) -> Explorer:
    """tau_net and the share of units that have one, against the span."""
    told, shown = sample.content["recordings"], ("mean", "share")
    figure = net_timescales(told, {"": "parity"}, shown, facet_col="what", facet_col_spacing=0.1)
    mean, median, components = (changes(told, what) for what in ("mean", "median", "dimensions"))
    shares = [100 * row["share"] for condition in CONDITIONS for of_one in told[condition] for row in of_one]
    return explore.show(
        arranged(figure, y=[TAU_NET[what] for what in shown], height=420).update_yaxes(rangemode="tozero"),
        name="curricula-inside",
        caption=f"In {sample.told}, from the first span shown to the last, mean τ_net (bits) changes by {mean}, its "
        f"median by {median}, and the number of principal components that hold 90 % of the variance by {components}. "
        f"Between {min(shares):.0f} and {max(shares):.0f} % of the units have a τ_net. In the network that stays at "
        f"span 2 its mean is {spread(of_one[-1]['mean'] for of_one in told[STILL])} bits in the end.",
        alt="Two panels against the longest span solved, a line for each network: the mean network time constant and "
        "the share of the units that have one.",
    )


def summaries(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, dict[str, float]]]:
    """Five numbers of the first network of each curriculum, at the spans of the authors' networks."""
    return {
        c: {span: summary(trained[c][0].network_at(int(span))) for span in spans if int(span) in trained[c][0].solved}
        for c, spans in OFFICIAL["networks"].items()
    }


def beside_the_authors(profile: str, own: Mapping[str, Any]) -> pd.DataFrame:
    """The authors' networks and ours of the same size, recorded or of this run."""
    full = own if profile == "paper" else next(r.content for r in runs.kept("curricula") if r.profile == "paper")
    titles = ["epoch", "mean τ", "std τ", "max τ", "mean weight", "spectral radius"]
    table = {}
    for curriculum, spans in OFFICIAL["networks"].items():
        solved, ours = full["curves"][curriculum][0]["solved"], full["summaries"][curriculum]
        for span, numbers in spans.items():
            theirs = [OFFICIAL["epochs"][curriculum][span], *numbers]
            here = [solved.get(span), *ours.get(span, {}).values()]
            cells = [f"{a:.4g} / {f'{b:.4g}' if b else '–'}" for a, b in zip_longest(theirs, here)]
            table[f"{curriculum}, span {span}"] = dict(zip(titles, cells, strict=True))
    return pd.DataFrame.from_dict(table, orient="index")
