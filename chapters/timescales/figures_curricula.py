"""The figures and tables of chapter 2."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import zip_longest
from statistics import fmean

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from IPython.display import Markdown

from brainlib import explore, runs
from brainlib.explore import Explorer
from brainlib.timescales.curricula import Curriculum
from brainlib.timescales.training import TrainedNetwork
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
from chapters.timescales.networks import MULTI, PROJECTED, SINGLE, STILL, WINDOW
from chapters.timescales.released import OFFICIAL, summary

Curves = Mapping[str, list[LearningCurve]]

FIXED = {"trained": BLUE, "tau 1": ORANGE, "tau 2": GREEN, "tau 3": PURPLE}
WINDOWS = COLOURS | {WINDOW: GREEN, f"{WINDOW}, fresh heads": PURPLE}
FORMS = {MULTI: "clamp", PROJECTED: "projected"}
ELSEWHERE: dict[str, tuple[str, Price]] = {
    "delayed match": ("match", "epochs"),
    "parity, LSTM": ("lstm", "operations"),
    "parity, GRU": ("gru", "operations"),
}
BESIDE = f"{STILL}, beside {SINGLE}"
EDGES = np.array([*np.arange(1, 2.95, 0.05), 3.0, np.inf])  # of the bins of tau, in bits
SPAN, TAU_SPAN = "longest span solved (bits)", "longest span solved (0: untrained)"
MEAN_TAU = "mean τ (bits)"
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

    known = range(1 if curriculum.last(0) else count)
    found = {
        f"stage {stage}": f"{words(curriculum.spans(stage))} by {words(curriculum.heads(stage))}" for stage in known
    }
    return {f"stage {stage}": "–" for stage in range(count)} | found


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


def paths(sample: Sample, conditions: Mapping[str, str], by: Price = "epochs", panel: str = "") -> pd.DataFrame:
    """The lines of steps of networks of these conditions, each with a name."""
    return pd.DataFrame(
        {"condition": name, "seed": curve.seed, "price": price, SPAN: span, "panel": panel}
        for condition, name in conditions.items()
        for curve in best(sample).get(condition, [])
        for price, span in curve.path(by)
    )


def steps(frame: pd.DataFrame, colours: Mapping[str, str], x: Sequence[str]) -> go.Figure:
    """A line of steps for every network: the longest span solved against its price, which `x` names panel by
    panel."""
    options = {"facet_col": "panel", "facet_col_spacing": 0.06} if len(x) > 1 else {}
    options |= {"color": "condition", "color_discrete_map": colours, "line_group": "seed", "line_shape": "hv"}
    figure = px.line(frame, x="price", y=SPAN, **options)
    return arranged(figure.update_xaxes(exponentformat="power", nticks=5), x=x, height=400)


def race(sample: Sample) -> Explorer:
    """How far the two curricula led, for epochs and for operations."""
    prices: tuple[Price, ...] = ("epochs", "operations")
    same = {condition: condition for condition in COLOURS}
    frame = pd.concat([paths(sample, same, by, f"for {by}") for by in prices])
    by_epochs, by_operations = (lead(best(sample), MULTI, SINGLE, by) for by in prices)
    return explore.show(
        steps(frame, COLOURS, ["epochs", "floating-point operations"]),
        name="curricula-race",
        caption=f"In {sample.told}, when the shorter of the two trainings ends, the multi-head curriculum leads by "
        f"{by_epochs} spans at equal epochs and by {by_operations} at equal operations. Every line is one network.",
        alt="Two panels of lines that rise in steps, the longest span solved against epochs and against operations; "
        "the multi-head lines rise faster and further than the single-head ones.",
    )


def fixed_time_constants(sample: Sample) -> Explorer:
    """Learning curves with trained and with fixed time constants."""
    names = {c: {f"{c}, {tau}".removesuffix(", trained"): tau for tau in FIXED} for c in (MULTI, SINGLE)}
    frame = pd.concat(paths(sample, named, panel=condition) for condition, named in names.items())
    told = {condition: at_equal_epochs(best(sample), named) for condition, named in names.items()}
    figure = steps(frame, FIXED, ["epochs", "epochs"])
    return explore.show(
        figure.update_xaxes(range=[0, max(epochs for epochs, _ in told.values())]),
        name="curricula-fixed",
        caption=f"Longest spans solved in {sample.told}: "
        + "; ".join(f"{condition}, after {epochs} epochs, {spans}" for condition, (epochs, spans) in told.items())
        + ". Every line is one network.",
        alt="Two panels of rising steps, longest span solved against epochs, multi-head and single-head, a colour for "
        "trained time constants and one for each fixed value.",
    )


def no_curriculum(sample: Sample, profile: str) -> Explorer | Markdown:
    """Accuracy on the longest span, trained from scratch or with all spans at once."""
    scratch = {c: k for c, k in best(sample).items() if c.startswith(("from scratch", "all at once"))}
    if not scratch:
        return Markdown(f"*Not run at the {profile} profile.*")
    frame = pd.DataFrame(
        [
            {"condition": condition, "seed": curve.seed, "epochs": epoch, "right": 100 * share}
            for condition, curves in scratch.items()
            for curve in curves
            for epoch, share in enumerate(curve.accuracy, start=1)
        ]
    )
    colours = dict(zip(scratch, (ORANGE, BLUE, GREEN, PURPLE), strict=False))
    labels = {"right": "right answers, longest span (%)"}
    options = {"color": "condition", "color_discrete_map": colours, "line_group": "seed", "range_y": [45, 101]}
    figure = px.line(frame, x="epochs", y="right", labels=labels, **options)
    figure.add_hline(98, line={"dash": "dash", "color": GREY})
    outcome = ", ".join(
        f"{condition}: {spread(c.accuracy[-1] * 100 for c in curves)} % after "
        f"{spread((len(c.accuracy) for c in curves), '.2g')} epochs"
        for condition, curves in scratch.items()
    )
    return explore.show(
        arranged(figure),
        name="curricula-scratch",
        caption=f"In {sample.told}, right answers on the longest span when training ends. {outcome}. The dashed line "
        "is what a stage takes to be passed.",
        alt="Accuracy on the longest span against epochs for networks taught without a curriculum, one line a network.",
    )


def windows(sample: Sample) -> Explorer:
    """The sliding windows between the two main curricula."""
    same = {name: name for name in WINDOWS}
    epochs, spans = at_equal_epochs(best(sample), same)
    return explore.show(
        steps(paths(sample, same), WINDOWS, ["epochs"]).update_xaxes(range=[0, epochs]),
        name="curricula-window",
        caption=f"Longest spans solved in {sample.told} after {epochs} epochs: {spans}.",
        alt="Rising steps, longest span solved against epochs, for the single-head, the multi-head and two "
        "sliding-window curricula.",
    )


def others(sample: Sample, profile: str) -> Explorer | Markdown:
    """Another task, other networks."""
    curves = best(sample)
    if not curves.get("multi-head, match"):
        return Markdown(f"*Not run at the {profile} profile.*")
    named = {name: ({f"{c}, {remark}": c for c in COLOURS}, by) for name, (remark, by) in ELSEWHERE.items()}
    frame = pd.concat([paths(sample, conditions, by, name) for name, (conditions, by) in named.items()])
    ahead = ", ".join(
        f"{name}: {lead(curves, f'multi-head, {remark}', f'single-head, {remark}', by)}"
        for name, (remark, by) in ELSEWHERE.items()
    )
    return explore.show(
        steps(frame, COLOURS, [by for _, by in ELSEWHERE.values()]),
        name="curricula-others",
        caption="By how many spans the multi-head curriculum leads when the shorter training ends, in "
        f"{sample.told}. {ahead}. Every line is one network.",
        alt="Three panels of rising steps, longest span solved by single-head and multi-head networks: leaky networks "
        "on delayed match-to-sample, LSTM and GRU networks on parity.",
    )


def tau_frame(sample: Sample, conditions: Mapping[str, str], numbers: Sequence[str]) -> pd.DataFrame:
    """Numbers of the time constants of networks of these conditions, each with a name, at every span."""
    return pd.DataFrame(
        {"condition": name, "span": span, "what": what, "value": getattr(tau, what)}
        for condition, name in conditions.items()
        for curve in best(sample).get(condition, [])
        for span, tau in curve.tau.items()
        for what in numbers
    )


def time_constants(sample: Sample) -> Explorer:
    """Mean and standard deviation of tau against the span, beside a network that stands still and the authors'."""
    names = {SINGLE: SINGLE, MULTI: MULTI, BESIDE: STILL}
    frame = tau_frame(sample, names, ("mean", "std")).assign(networks=sample.told)
    theirs = "the authors' (500 units)"
    points = [
        {"networks": theirs, "condition": condition, "span": int(span), "what": what, "value": value}
        for condition, spans in OFFICIAL["networks"].items()
        for span, numbers in spans.items()
        for what, value in zip(("mean", "std"), numbers, strict=False)
    ]
    frame = pd.concat([frame, pd.DataFrame(points)])
    options = BY_WHAT | {"line_dash": "networks", "line_dash_map": {sample.told: "solid", theirs: "longdash"}}
    options |= {
        "symbol": "networks",
        "symbol_map": {sample.told: "circle", theirs: "diamond-open"},
        "color_discrete_map": COLOURS | OTHERS,
    }
    figure = averaged_lines(frame, "value", {"span": TAU_SPAN}, x="span", color="condition", **options)
    figure = arranged(figure, y=[MEAN_TAU, "standard deviation of τ (bits)"], height=460)
    curves = best(sample)
    mean, std = ({c: changes(curves, c, what) for c in names} for what in ("mean", "std"))
    turns = spread((curve.rebound for curve in curves[SINGLE]), "+.3f")
    return explore.show(
        figure,
        name="curricula-tau",
        caption=f"In {sample.told} the mean time constant changes by {mean[MULTI]} bits (multi-head) and "
        f"{mean[SINGLE]} bits (single-head) from the untrained network to the longest span solved, and the standard "
        f"deviation by {std[MULTI]} and {std[SINGLE]}; in a network that stays at span 2 by {mean[BESIDE]} "
        f"and {std[BESIDE]} after as many epochs as the single-head one. The single-head mean ends {turns} bits from "
        "the smallest on its way. Bars reach from the smallest to the largest seed.",
        alt="Two panels against the longest span solved: the mean of the time constants, which falls for multi-head "
        "networks, and their standard deviation; in grey a network that stays at span 2, and open diamonds for the "
        "networks that the authors released.",
    )


def histograms(trained: Mapping[str, Sequence[TrainedNetwork]]) -> dict[str, dict[str, list[int]]]:
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


def distribution(sample: Sample) -> Explorer:
    """The whole distribution of the time constants, span by span, in the largest sample."""
    drawn = {
        condition: {int(span): 100 * np.array(units) / sum(units) for span, units in by_span.items()}
        for condition, by_span in reversed(sample.content["histograms"].items())
    }

    def fast(condition: str) -> str:
        last = drawn[condition][max(drawn[condition])]
        slow = last[np.searchsorted(EDGES, 2.0 - 1e-9) :].sum()
        return f"{last[0]:.0f} % of the units have time constants below 1.05 bits and {slow:.1f} % of 2 or more"

    return explore.explorer(
        partial(draw_distribution, drawn),
        name="curricula-distribution",
        curriculum=list(drawn),
        span=range(max(3, *(max(spans) for spans in drawn.values())) + 1),
        start={"span": 3},
        caption=f"Of the single-head networks of {sample.told}, at the longest span solved, {fast('single-head')}; "
        f"of the multi-head ones {fast('multi-head')}.",
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


def falls(curves: Curves) -> tuple[str, dict[str, str]]:
    """The longest spans that both forms of tau solved, and the fall of mean tau in each up to there."""
    known = {name: curves[condition] for condition, name in FORMS.items() if curves.get(condition)}
    common = [min(max(curve.tau) for curve in pair) for pair in zip(*known.values(), strict=True)]
    fell = {
        name: spread(
            (curve.tau[UNTRAINED].mean - curve.tau[span].mean for curve, span in zip(of_one, common, strict=True)),
            ".3f",
        )
        for name, of_one in known.items()
    }
    return spread(common, ".2g"), fell


def clamp(sample: Sample, profile: str) -> Explorer | Markdown:
    """Mean tau and the share of units at 1, for both ways to keep the range."""
    if not best(sample).get(PROJECTED):
        return Markdown(f"*Not run at the {profile} profile.*")
    frame = tau_frame(sample, FORMS, ("mean", "at_one"))
    frame.loc[frame["what"] == "at_one", "value"] *= 100
    colours = dict(zip(FORMS.values(), (BLUE, ORANGE), strict=True))
    options = BY_WHAT | {"color": "condition", "color_discrete_map": colours, "line_dash": "condition"}
    figure = averaged_lines(frame, "value", {"span": TAU_SPAN}, x="span", **options)
    common, fell = falls(best(sample))
    return explore.show(
        arranged(figure, y=[MEAN_TAU, f"units with τ below {AT_ONE} (%)"], height=400),
        name="curricula-trap",
        caption=f"In {sample.told}, up to the longest span that both solved ({common}), the mean time constant falls "
        f"by {', '.join(f'{fall} bits ({name})' for name, fall in fell.items())}.",
        alt="Two panels against the longest span solved, a line for each way to keep time constants above 1: the mean "
        "time constant, and the share of units with a time constant next to 1.",
    )


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
