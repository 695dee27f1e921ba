"""The figures and tables of chapter 2."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from statistics import fmean

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
from chapters.timescales.figures import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    OTHERS,
    PURPLE,
    Content,
    Sample,
    arranged,
    averaged_lines,
    spread,
)
from chapters.timescales.learning_curves import AT_ONE, UNTRAINED, LearningCurve, Price, gathered, leads
from chapters.timescales.measures import last_span
from chapters.timescales.networks import MULTI, PROJECTED, SINGLE, STILL, WINDOW
from chapters.timescales.released import OFFICIAL, summary

Curves = Mapping[str, list[LearningCurve]]

FIXED = {"trained": BLUE, "tau 1": ORANGE, "tau 2": GREEN, "tau 3": PURPLE}
WINDOWS = COLOURS | {WINDOW: GREEN, f"{WINDOW}, fresh heads": PURPLE}
ELSEWHERE = {"match": "delayed match", "lstm": "parity, LSTM", "gru": "parity, GRU"}
BESIDE = f"{STILL}, beside {SINGLE}"
EDGES = np.array([*np.arange(1, 2.95, 0.05), 3.0, np.inf])  # of the bins of tau, in bits
SPAN, TAU_SPAN = "longest span solved (bits)", "span solved (0: untrained)"
TAU = {
    "mean": ("mean τ (bits)", 1),
    "std": ("standard deviation of τ (bits)", 1),
    "at_one": (f"units with τ below {AT_ONE} (%)", 100),
}
NOT_RUN = Markdown("*Not run at this profile.*")
BY_WHAT = {
    "facet_col": "what",
    "facet_col_spacing": 0.1,
    "category_orders": {"what": ["mean"]},
}  # `arranged` names them


def best(sample: Sample) -> Curves:
    """Those of the run that is shown."""
    return gathered([sample.content["curves"]])


def standing_still(curves: Curves, still: Sequence[TrainedNetwork]) -> Curves:
    """The single-head curves with the time constants of a network that stands still for as many epochs."""
    pairs = zip(curves[SINGLE], still, strict=True)
    return {BESIDE: [curve.beside(one) for curve, one in pairs]}


def changes(curves: Curves, condition: str, what: str) -> str:
    """By how much one number of the time constants changed from before training to the longest span solved."""
    return spread(curve.tau_change(what) for curve in curves.get(condition, []))


def lead(curves: Curves, first: str, second: str, by: Price = "epochs") -> str:
    return spread(leads(curves.get(first, []), curves.get(second, []), by), ".2g")


def at_equal_epochs(curves: Curves, names: Mapping[str, str]) -> tuple[int, str]:
    """When the shortest training of these conditions, each with a name, ends; and the longest spans solved by then."""
    known = {name: curves[condition] for condition, name in names.items() if curves.get(condition)}
    epochs = min(len(curve.accuracy) for of_one in known.values() for curve in of_one)
    spans = (f"{spread((c.reached(epochs) for c in of_one), '.2g')} ({name})" for name, of_one in known.items())
    return epochs, ", ".join(spans)


def stages(curriculum: Curriculum, count: int = 3) -> dict[str, str]:
    """Spans and heads of the first stages, in words."""

    def words(numbers: Sequence[int]) -> str:
        return "..".join(map(str, sorted({numbers[0], numbers[-1]})))

    known = 1 if curriculum.last(0) else count
    told = [f"{words(curriculum.spans(stage))} by {words(curriculum.heads(stage))}" for stage in range(known)]
    return {f"stage {stage}": text for stage, text in enumerate(told + ["–"] * (count - known))}


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


def progress(
    sample: Sample, panels: Mapping[str, tuple[Mapping[str, str], Price]], colours: Mapping[str, str], **words: str
) -> Explorer:
    """A line of steps for every network: the longest span solved against its price. A panel has a title, conditions
    with the names of their lines, and the price."""
    frame = pd.DataFrame(
        {"condition": name, "seed": curve.seed, "price": price, SPAN: span, "panel": panel}
        for panel, (names, by) in panels.items()
        for condition, name in names.items()
        for curve in best(sample).get(condition, [])
        for price, span in curve.path(by)
    )
    options = {"color": "condition", "color_discrete_map": colours, "line_group": "seed", "line_shape": "hv"}
    figure = px.line(frame, x="price", y=SPAN, facet_col="panel", facet_col_spacing=0.06, **options)
    figure.update_xaxes(exponentformat="power", nticks=5)
    return explore.show(arranged(figure, x=[by for _, by in panels.values()], height=400), **words)


def race(sample: Sample) -> Explorer:
    """How far the two curricula and the sliding windows led, for epochs and for operations."""
    prices: tuple[Price, ...] = ("epochs", "operations")
    same = {name: name for name in WINDOWS}
    by_epochs, by_operations = (lead(best(sample), MULTI, SINGLE, by) for by in prices)
    epochs, spans = at_equal_epochs(best(sample), same)
    return progress(
        sample,
        {f"for {by}": (same, by) for by in prices},
        WINDOWS,
        name="curricula-race",
        caption=f"In {sample.told}, when the shorter of the two trainings ends, the multi-head curriculum leads the "
        f"single-head one by {by_epochs} spans at equal epochs and by {by_operations} at equal operations. Longest "
        f"spans after {epochs} epochs: {spans}. Every line is one network.",
        alt="Two panels of lines that rise in steps, the longest span solved against epochs and against operations, "
        "for the single-head, the multi-head and two sliding-window curricula.",
    )


def fixed_time_constants(sample: Sample) -> Explorer:
    """Learning curves with trained and with fixed time constants."""
    names = {c: {f"{c}, {tau}".removesuffix(", trained"): tau for tau in FIXED} for c in COLOURS}
    told = {condition: at_equal_epochs(best(sample), named) for condition, named in names.items()}
    return progress(
        sample,
        {condition: (named, "epochs") for condition, named in names.items()},
        FIXED,
        name="curricula-fixed",
        caption=f"Longest spans solved in {sample.told}: "
        + "; ".join(f"{condition}, after {epochs} epochs, {spans}" for condition, (epochs, spans) in told.items())
        + ". Every line is one network.",
        alt="Two panels of rising steps, longest span solved against epochs, multi-head and single-head, a colour for "
        "trained time constants and one for each fixed value.",
    )


def others(sample: Sample) -> Explorer | Markdown:
    """Another task, other networks."""
    curves = best(sample)
    if not curves.get("multi-head, match"):
        return NOT_RUN
    ahead = ", ".join(
        f"{ELSEWHERE[remark]}: {lead(curves, f'multi-head, {remark}', f'single-head, {remark}', by)}"
        for remark, by in measures.ELSEWHERE.items()
    )
    return progress(
        sample,
        {ELSEWHERE[remark]: ({f"{c}, {remark}": c for c in COLOURS}, by) for remark, by in measures.ELSEWHERE.items()},
        COLOURS,
        name="curricula-others",
        caption="By how many spans the multi-head curriculum leads when the shorter training ends, in "
        f"{sample.told}. {ahead}. Every line is one network.",
        alt="Three panels of rising steps, longest span solved by single-head and multi-head networks: leaky networks "
        "on delayed match-to-sample, LSTM and GRU networks on parity.",
    )


def other_timescales(sample: Sample) -> Explorer | Markdown:
    """tau_net of another task and other networks against the span, and the share of the units that have one."""
    told = sample.content.get("elsewhere")
    if not told:
        return NOT_RUN
    rows = [
        row | {"curriculum": curriculum, "network": name, "share": 100 * row["share"]}
        for remark, name in ELSEWHERE.items()
        for curriculum in COLOURS
        for of_one in told[f"{curriculum}, {remark}"]
        for row in of_one
    ]
    what = {"median": "median τ<sub>net</sub> (bits)", "share": "units with a τ<sub>net</sub> (%)"}
    long = pd.DataFrame(rows).melt(["curriculum", "network", "seed", "span"], list(what), var_name="what")
    long["what"] = long["what"].replace(what)
    options = {"facet_col": "network", "facet_row": "what", "line_group": "seed", "labels": {"span": SPAN, "value": ""}}
    options |= {"category_orders": {"network": list(ELSEWHERE.values()), "what": list(what.values())}}
    figure = px.line(long, x="span", y="value", color="curriculum", color_discrete_map=COLOURS, markers=True, **options)
    figure.update_yaxes(matches=None, rangemode="tozero")

    def words(remark: str) -> str:
        return " and ".join(
            spread((rows[-1]["median"] - rows[0]["median"] for rows in told[f"{c}, {remark}"]), ".2f") + f" ({c})"
            for c in COLOURS
        )

    said = "; ".join(f"{name}: {words(remark)}" for remark, name in ELSEWHERE.items())
    return explore.show(
        arranged(figure, height=560),
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
    scratch = {c: k for c, k in best(sample).items() if c.startswith(("from scratch", "all at once"))}
    if not scratch:
        return NOT_RUN
    frame = pd.DataFrame(
        {"condition": condition, "seed": curve.seed, "epochs": epoch, "right": 100 * share}
        for condition, curves in scratch.items()
        for curve in curves
        for epoch, share in enumerate(curve.accuracy, start=1)
    )
    labels = {"right": "right answers, longest span (%)"}
    figure = px.line(
        frame, x="epochs", y="right", color="condition", line_group="seed", range_y=[45, 101], labels=labels
    )
    figure.add_hline(98, line={"dash": "dash", "color": GREY})
    span = max(map(last_span, scratch))
    taught = [*(c for c in scratch if last_span(c) == span), SINGLE, MULTI]
    outcome = ", ".join(f"{condition}: {solved(best(sample)[condition], span)}" for condition in taught)
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
    curves, theirs = best(sample), "the authors' (500 units)"
    points = [
        {"networks": sample.told, "condition": name, "span": span, "what": what, "value": scale * getattr(tau, what)}
        for condition, name in names.items()
        for curve in curves.get(condition, [])
        for span, tau in curve.tau.items()
        for what, (_, scale) in TAU.items()
        if (condition, what) != (BESIDE, "at_one")  # its training counted up to 1 only
    ]
    points += [
        {"networks": theirs, "condition": condition, "span": int(span), "what": what, "value": value}
        for condition, spans in OFFICIAL["networks"].items()
        for span, numbers in spans.items()
        for what, value in zip(("mean", "std"), numbers, strict=False)
    ]
    options = BY_WHAT | {"line_dash": "networks", "line_dash_map": {sample.told: "solid", theirs: "longdash"}}
    options |= {"symbol": "networks", "symbol_map": {sample.told: "circle", theirs: "diamond-open"}}
    options |= {"color": "condition", "color_discrete_map": COLOURS | OTHERS | {PROJECTED: PURPLE}}
    figure = averaged_lines(pd.DataFrame(points), "value", {"span": TAU_SPAN}, x="span", **options)
    mean, std = ({c: changes(curves, c, what) for c in names} for what in ("mean", "std"))
    turns = spread((curve.rebound for curve in curves[SINGLE]), "+.3f")
    return explore.show(
        arranged(figure, y=[title for title, _ in TAU.values()], height=460),
        name="curricula-tau",
        caption=f"In {sample.told} the mean time constant changes by {mean[MULTI]} bits (multi-head; projected "
        f"{mean[PROJECTED]}) and {mean[SINGLE]} bits (single-head) from the untrained network to the longest span "
        f"solved, and the standard deviation by {std[MULTI]} and {std[SINGLE]}; in a network that stays at span 2 by "
        f"{mean[BESIDE]} and {std[BESIDE]} after as many epochs as the single-head one. The single-head mean ends "
        f"{turns} bits from the smallest on its way. Bars reach from the smallest to the largest seed.",
        alt="Three panels against the longest span solved: the mean of the time constants, which falls for multi-head "
        "networks, their standard deviation, and the share of units at 1; in grey, in the first two, a network that "
        "stays at span 2, and open diamonds for the networks that the authors released.",
    )


def histograms(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, list[int]]]:
    """By condition and span solved: units in each bin of tau, over all networks that solved it."""
    found: dict[str, dict[str, list[int]]] = {}
    for condition in COLOURS:
        networks = trained[condition]
        taus = {UNTRAINED: [one.untrained().tau for one in networks]}
        for span in sorted({span for one in networks for span in one.solved}):
            taus[span] = [one.network_at(span).tau for one in networks if span in one.solved]
        counts = {span: np.histogram(torch.cat(of_span).cpu().numpy(), EDGES)[0] for span, of_span in taus.items()}
        found[condition] = {str(span): units.tolist() for span, units in counts.items()}
    return found


def distribution(sample: Sample) -> Explorer:
    """The whole distribution of the time constants, span by span."""
    drawn = {
        condition: {int(span): 100 * np.array(units) / sum(units) for span, units in by_span.items()}
        for condition, by_span in sample.content["histograms"].items()
    }

    def fast(condition: str) -> str:
        last = drawn[condition][max(drawn[condition])]
        slow = last[np.searchsorted(EDGES, 2.0 - 1e-9) :].sum()
        return f"{last[0]:.0f} % of the units have time constants below 1.05 bits and {slow:.1f} % of 2 or more"

    return explore.explorer(
        partial(draw_distribution, drawn),
        name="curricula-distribution",
        curriculum=[MULTI, SINGLE],
        span=range(max(3, *(max(spans) for spans in drawn.values())) + 1),
        start={"span": 3},
        caption=f"Of the single-head networks of {sample.told}, at the longest span solved, {fast(SINGLE)}; of the "
        f"multi-head ones {fast(MULTI)}.",
        alt="Histogram of the time constants of all units, from 1 to 3 bits. Untrained it is flat from 1 to 2; with "
        "training a peak grows at 1.",
    )


def draw_distribution(drawn: Mapping[str, Mapping[int, np.ndarray]], curriculum: str, span: int) -> go.Figure:
    known = drawn[curriculum]
    last = max(solved for solved in known if solved <= span)
    state = "untrained" if last == UNTRAINED else f"when span {last} was solved"
    figure = px.bar(
        x=[*EDGES[:-2] + 0.025, 3.05],
        y=known[last],
        labels={"x": "time constant τ (bits; last bar: 3 and more)", "y": "units (%)"},
        title=state if last == span else f"{state} (the last; not span {span})",
        range_y=[0, 1.05 * max(shares.max() for spans in drawn.values() for shares in spans.values())],
    )
    figure.update_traces(marker_color=COLOURS[curriculum], width=0.046)
    return figure.update_layout(explore.WIDE, height=380)


def network_timescales(sample: Sample) -> Explorer:
    """tau_net and the share of units that have one, against the span."""
    titles = {"mean": "mean τ<sub>net</sub> (bits)", "share": "units with a τ<sub>net</sub> (%)"}
    told = sample.content["recordings"]
    frame = pd.DataFrame(
        row | {"curriculum": c, "share": 100 * row["share"]} for c in COLOURS for rows in told[c] for row in rows
    )
    long = frame.melt(["curriculum", "seed", "span"], list(titles), var_name="what").sort_values("span", kind="stable")
    options = BY_WHAT | {"line_group": "seed"}
    options |= {"color": "curriculum", "color_discrete_map": COLOURS, "labels": {"span": SPAN}}
    figure = px.line(long, x="span", y="value", markers=True, **options)
    grown = {
        what: {c: spread(rows[-1][what] - rows[0][what] for rows in told[c]) for c in COLOURS}
        for what in ("mean", "median", "dimensions")
    }
    still = spread(rows[-1]["mean"] for rows in told[STILL])
    shares = [row["share"] for c in COLOURS for rows in told[c] for row in rows]
    return explore.show(
        arranged(figure, y=list(titles.values()), height=420).update_yaxes(rangemode="tozero"),
        name="curricula-inside",
        caption=f"In {sample.told}, from the first span shown to the last, mean τ_net changes by "
        f"{grown['mean'][SINGLE]} bits (single-head) and {grown['mean'][MULTI]} (multi-head), its median by "
        f"{grown['median'][SINGLE]} and {grown['median'][MULTI]}, and the number of principal components that hold 90 "
        f"% of the variance by {grown['dimensions'][SINGLE]} and {grown['dimensions'][MULTI]}. Between "
        f"{100 * min(shares):.0f} and {100 * max(shares):.0f} % of the units have a τ_net. In the network that stays "
        f"at span 2 its mean is {still} bits in the end.",
        alt="Two panels against the longest span solved, a line for each network: the mean network time constant and "
        "the share of the units that have one.",
    )


def summaries(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, dict[str, float]]]:
    """Five numbers of the first network of each curriculum, at the spans of the authors' networks."""
    first = {curriculum: trained[curriculum][0] for curriculum in COLOURS}
    return {
        curriculum: {
            span: summary(one.network_at(int(span)))
            for span in OFFICIAL["networks"][curriculum]
            if int(span) in one.solved
        }
        for curriculum, one in first.items()
    }


def beside_the_authors(profile: str, own: Content) -> pd.DataFrame | Markdown:
    """The authors' networks and ours of the same size, recorded or of this run."""
    full = [own] if profile == "paper" else [run.content for run in runs.kept("curricula") if run.profile == "paper"]
    if not full:
        return Markdown("*No run at full size has been recorded yet.*")
    titles = ["epoch", "mean τ", "std τ", "max τ", "mean weight", "spectral radius"]
    table = {}
    for curriculum, spans in OFFICIAL["networks"].items():
        solved, ours = full[0]["curves"][curriculum][0]["solved"], full[0]["summaries"][curriculum]
        for span, numbers in spans.items():
            theirs = [OFFICIAL["epochs"][curriculum][span], *numbers]
            here = [solved.get(span), *ours.get(span, {}).values()]
            cells = [f"{a:.4g} / {f'{b:.4g}' if b else '–'}" for a, b in zip_longest(theirs, here)]
            table[f"{curriculum}, span {span}"] = dict(zip(titles, cells, strict=True))
    return pd.DataFrame.from_dict(table, orient="index")
