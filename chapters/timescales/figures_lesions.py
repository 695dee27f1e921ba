"""The figures and tables of chapter 3, of the largest run there is."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch

from brainlib import explore
from brainlib.explore import Explorer
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales.figures import BY_CONDITION, COLOURS, GREY, Sample, arranged, averaged_lines, both, spread
from chapters.timescales.lesions import PUSHES, margins
from chapters.timescales.measures import earlier_spans
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE, WINDOW
from chapters.timescales.released import NUMBERS, OFFICIAL
from chapters.timescales.settings import SETTINGS

Seeds = Sequence[Mapping[str, Any]]  # what an experiment found for each

LEVELS = {"span": int, "strength": float}
LEFT, RIGHT = "relative accuracy", "right answers (%)"
PUSHED = {"weight": "weights", "tau": "time constants"}
COMPARED = {"weight": ("weights pushed by 0.464", "0.464"), "tau": ("time constants pushed by 0.1", "0.1")}
SIZES = {"equal": "equal size", "own": "share of own norm"}
GROUPS = ["fastest", "slowest", "random"]
HERE, THEIRS, FILES = "ours", "the authors' networks, span 11", "the authors' result files, span 30"
EDGES = np.linspace(-10, 10, 61)  # of the bins of margins


def frame_of(tables: Iterable[Any], *levels: str) -> pd.DataFrame:
    """The `value`s in the nested tables of all seeds as rows, the keys of each level under its name."""
    found = pd.json_normalize(list(tables), sep="|").melt(var_name="path").dropna()
    found[list(levels)] = found.pop("path").str.split("|", expand=True)
    return found.astype({name: kind for name, kind in LEVELS.items() if name in levels})


def spans(found: Seeds) -> str:
    """The spans at which the networks were examined."""
    return "span " + " or ".join(map(str, sorted({one["span"] for one in found})))


def weights(sample: Sample) -> Explorer:
    """Spectral radius and mean weight, span by span, beside the authors' networks."""
    titles = {"radius": "spectral radius of W", "weight mean": "mean sum of a unit's weights"}
    found, theirs = sample.content["growth"], "the authors' (500 units)"
    units = {HERE: SETTINGS[sample.profile].conditions[SINGLE].units, theirs: 500}
    files = {
        c: {span: dict(zip(NUMBERS, row, strict=True)) for span, row in of_one.items()}
        for c, of_one in OFFICIAL["networks"].items()
    }
    tables = {HERE: [{c: one["growth"][c] for c in CONDITIONS} for one in found], theirs: [files]}
    frame = pd.concat(frame_of(those, "condition", "span", "what").assign(network=n) for n, those in tables.items())
    senders = np.where(frame["what"] == "weight mean", frame["network"].map(units) - 1, 1)  # to a unit
    frame = frame.assign(value=frame["value"] * senders)[frame["what"].isin(titles)]
    options = {"facet_col": "what", "facet_col_spacing": 0.1, "category_orders": {"what": [*titles]}}
    options |= {"line_dash": "network", "symbol": "network", "symbol_sequence": ["circle", "diamond-open"]}
    figure = averaged_lines(frame, "value", {"span": "span solved"}, x="span", **options)

    def last(what: str) -> str:
        return both(lambda c: (one["growth"][c][str(one["span"])][what] for one in found), ".2f")

    return explore.show(
        arranged(figure, y=[*titles.values()], height=420),
        name="lesions-weights",
        caption=f"In {sample.told}, at the longest span that both solved ({spans(found)}), the spectral radius of the "
        f"weights is {last('radius')}, their norm {last('norm')}. Bars reach from the smallest to the largest seed.",
        alt="Two panels against the span solved, a line for each curriculum: the spectral radius of the weights, and "
        "the mean sum of a unit's weights. Open diamonds mark the networks that the authors released.",
    )


def fresh_readouts(sample: Sample) -> Explorer:
    """What the networks' own readouts say, and what new ones find."""
    found = sample.content["memory"]
    tables = [
        {"fresh readout": one["fresh"], "its own": {c: list(by.values())[-1] for c, by in one["taught"].items()}}
        for one in found
    ]
    frame = frame_of(tables, "readout", "condition", "span")
    frame["value"] *= 100
    labels = {"value": RIGHT, "span": "asked about span"}
    figure = averaged_lines(frame, "value", labels, x="span", line_dash="readout", range_y=[40, 102])
    kept = both(lambda c: (earlier_spans(one, c) for one in found), ".2f", (*CONDITIONS, "untrained"))
    return explore.show(
        arranged(figure, height=420),
        name="lesions-fresh-readouts",
        caption=f"In {sample.told}, at {spans(found)}, fresh readouts of the networks' states keep a relative "
        f"accuracy about the earlier spans of {kept}. Bars reach from the worst to the best network.",
        alt="Right answers against the span asked about. The single head's own answers lie at 50 percent but for the "
        "last span, the multi-head network's near 100 percent. Solid lines are fresh readouts of both, and in grey of "
        "an untrained network.",
    )


def units(one: Mapping[str, Any], condition: str) -> pd.DataFrame:
    """The time constant of every unit and the relative accuracy at the longest span without it."""
    found = one["units"][condition]
    without = np.array([accuracies[-1] for accuracies in found["without"]])
    return pd.DataFrame({"tau": found["tau"], LEFT: (without - 0.5) / (found["intact"][-1] - 0.5)})


def ablation(sample: Sample) -> Explorer:
    """Every unit taken out, against its time constant."""
    found = sample.content["ablation"]
    frame = pd.concat(units(one, condition).assign(condition=condition) for one in found for condition in CONDITIONS)
    looks = {"symbol": "condition", "symbol_sequence": ["circle", "x-thin-open"], "opacity": 0.7}
    figure = px.scatter(frame, x="tau", y=LEFT, labels={"tau": "τ (bits)"}, **looks, **BY_CONDITION)
    ranks = both(lambda c: (units(one, c).corr(method="spearman").loc["tau", LEFT] for one in found), "+.2f")
    return explore.show(
        arranged(figure, height=400),
        name="lesions-ablation",
        caption=f"Every point is one neuron taken out, at {spans(found)} in {sample.told}. The rank correlation of its "
        f"time constant with the accuracy that is left is {ranks}.",
        alt="Scatter of relative accuracy against the time constant of the neuron that was taken out, for both "
        "curricula.",
    )


def ablation_by_span(sample: Sample) -> Explorer:
    """The fastest against the slowest, span by span."""
    found = sample.content["ablation"]
    frame = frame_of((one["by span"] for one in found), "condition", "span", "which")
    frame = frame[frame["which"].isin(GROUPS[:2])]
    dashes = {"line_dash": "which", "line_dash_map": {"slowest": "solid", "fastest": "dot"}}
    figure = averaged_lines(frame, "value", {"value": LEFT}, x="span", **dashes)

    def words(condition: str) -> str:
        ends = pd.DataFrame([one["by span"][condition][str(one["span"])] for one in found])
        kept, mean = ends.agg(lambda column: spread(column, ".2f")), ends.mean()
        return (
            f"a {condition} network keeps {kept['fastest']} of its skill without one of its fastest neurons (mean τ "
            f"{mean['tau of the fastest']:.2f} bits), {kept['slowest']} without one of its slowest "
            f"({mean['tau of the slowest']:.2f}) and {kept['random']} without a random one"
        )

    return explore.show(
        arranged(figure, height=400),
        name="lesions-ablation-spans",
        caption=f"At {spans(found)} in {sample.told} {'; '.join(map(words, CONDITIONS))}.",
        alt="Relative accuracy against span, four lines: each curriculum without one of its fastest and without one of "
        "its slowest neurons.",
    )


def three_curricula(sample: Sample, released: Mapping[str, Any] | None) -> pd.DataFrame:
    """What is left without one neuron of a group, the sliding window between the two; also on the other task, of the
    authors' networks and in their result files."""
    found = [one["all"] for one in sample.content["ablation"]]
    files = {c: dict(zip(GROUPS, ends["30"], strict=False)) for c, ends in OFFICIAL["ablation"].items()}
    tables = {f"{sample.told}, {spans(found)}": found}
    if matched := [one["all"] for one in sample.content.get("matching", [])]:
        tables |= {f"delayed match in {sample.told}, {spans(matched)}": matched}
    tables |= {THEIRS: [released["ablation"]["all"]]} if released else {}
    rows = [
        frame_of(({c: one[c] for c in (SINGLE, WINDOW, MULTI) if c in one} for one in those), "condition", "group")
        .query("group in @GROUPS")
        .assign(networks=name)
        for name, those in (tables | {FILES: [files]}).items()
    ]
    cells = pd.concat(rows).groupby(["networks", "condition", "group"], sort=False)["value"]
    table = cells.agg(lambda values: spread(values, ".3f")).unstack(sort=False)[GROUPS]
    return table.add_prefix("without one of the ").fillna("–").rename_axis(index=[None, None], columns=None)


def perturbation(sample: Sample, released: Mapping[str, Any] | None) -> Explorer:
    """Relative accuracy against the strength of a perturbation, beside the authors' networks and result files."""
    found, levels = sample.content["perturbation"], ("size", "what", "condition", "strength")
    tables = {
        HERE: found,
        THEIRS: [released["perturbation"]] if released else [],
        FILES: [{"own": OFFICIAL["perturbation"]}],
    }
    frame = pd.concat(
        frame_of(({size: one[size] for size in SIZES if size in one} for one in those), *levels).assign(network=name)
        for name, those in tables.items()
        if those
    ).replace({"size": SIZES, "what": PUSHED})
    order = {"size": list(SIZES.values()), "what": list(PUSHED.values()), "network": list(tables)}
    options = {"facet_col": "what", "facet_row": "size", "category_orders": order, "log_x": True}
    options |= {"line_dash": "network", "line_dash_map": dict(zip(tables, ("solid", "dash", "dot"), strict=True))}
    labels = {"value": LEFT, "strength": "strength ε"}
    figure = averaged_lines(frame, "value", labels, x="strength", range_y=[-0.15, 1.15], **options)

    def left(what: str) -> str:
        return both(lambda c: (fmean(one["equal"][what][c].values()) for one in found), ".2f")

    norms = both(lambda c: (one["norm"]["weight"][c] for one in found), ".1f")
    return explore.show(
        arranged(figure, height=620),
        name="lesions-perturbation",
        caption=f"At {spans(found)} in {sample.told}, relative accuracy after pushes of equal size, mean over the "
        f"strengths: weights {left('weight')}; time constants {left('tau')}. Norms of the weights: {norms}. Bars reach "
        "from the worst to the best network, each the mean over its draws.",
        alt="Four panels of relative accuracy against the strength of the perturbation on a logarithmic axis: weights "
        "and time constants, pushes of equal size and in shares of the network's own norm, for both curricula, ours "
        "solid, the authors' networks dashed, their result files dotted.",
    )


def shaken_margins(pair: Mapping[str, TrainedNetwork], span: int) -> Explorer:
    """Histograms of the margins of two networks under a perturbation."""
    return explore.explorer(
        partial(draw_margins, pair, span),
        name="lesions-margins",
        perturbed=list(PUSHED.values()),
        strength=[0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
        start={"strength": 0.1},
        caption=f"Margins of the two networks at span {span}, in this run; right of the dashed line the answer is "
        "right. Four perturbations of the chosen strength, in shares of the network's own norm, are thrown together.",
        alt="Two histograms of margins, one for each curriculum. At strength zero both lie to the right of zero; with "
        "growing strength they widen and cross it.",
    )


def draw_margins(pair: Mapping[str, TrainedNetwork], span: int, perturbed: str, strength: float) -> go.Figure:
    push = next(PUSHES[what] for what, name in PUSHED.items() if name == perturbed)
    frames, names = [], {}
    for condition, one in pair.items():
        network, generator = one.network_at(span), torch.Generator().manual_seed(7)
        test = running_test(network, "parity", [span], [one.config.head_for(span)], generator, sequences=4)
        scale = float(margins(network, test).abs().median())
        pushed = (push(network, strength, generator) for _ in range(4))
        values = torch.cat([margins(each, test) for each in pushed]).cpu().numpy()
        counts, _ = np.histogram(np.clip(values / scale, -9.99, 9.99), EDGES)
        names[condition] = f"{condition}: {(values > 0).mean() * 100:.0f} % right"
        share = {"margin": (EDGES[:-1] + EDGES[1:]) / 2, "share": 100 * counts / counts.sum()}
        frames.append(pd.DataFrame(share).assign(condition=names[condition]))
    colours = {name: COLOURS[condition] for condition, name in names.items()}
    labels = {"margin": "margin (in medians of the intact network)", "share": "share of answers (%)"}
    options = {"color": "condition", "color_discrete_map": colours, "line_shape": "hvh", "labels": labels}
    figure = px.line(pd.concat(frames), x="margin", y="share", range_x=[-6, 6], range_y=[0, 50], **options)
    figure.add_vline(0, line={"color": GREY, "dash": "dash"})
    return arranged(figure.update_traces(fill="tozeroy"))


def retraining(sample: Sample) -> Explorer:
    """Right answers after a few epochs of a longer span."""
    found = sample.content["retraining"]
    frame = frame_of(({c: one[c] for c in CONDITIONS} for one in found), "condition", "span")
    frame["value"] *= 100
    labels = {"value": RIGHT, "span": "retrained on span"}
    figure = averaged_lines(frame, "value", labels, x="span", range_y=[45, 102])
    right = both(lambda c: (100 * fmean(one[c].values()) for one in found), ".0f")
    begun = " or ".join(map(str, sorted({one["from"] for one in found})))
    return explore.show(
        arranged(figure, height=380),
        name="lesions-retraining",
        caption=f"In {sample.told}, right answers (%) of networks that had solved span {begun}, after "
        f"{SETTINGS[sample.profile].lesions.retraining_epochs} epochs of a longer span: {right}; means over the spans, "
        "balanced bits. Bars reach from the worst to the best.",
        alt="Right answers after retraining against the new span, for networks from both curricula.",
    )


def released_table(sample: Sample, released: Mapping[str, Any] | None) -> pd.DataFrame:
    """What the same functions say of the authors' networks and of ours, beside the authors' result files."""
    ours = {name: sample.content[name] for name in ("growth", "memory", "perturbation", "recordings")}
    columns = {f"ours, {spans(ours['growth'])}": ours}
    if released:
        theirs = {name: [released[name]] for name in ours}
        columns = {f"the authors' networks, {spans(theirs['growth'])}": theirs} | columns
    table = {(name, c): numbers_of(found, c) for name, found in columns.items() for c in CONDITIONS}
    for c in CONDITIONS:
        pushed = {name: OFFICIAL["perturbation"][what][c][at] for what, (name, at) in COMPARED.items()}
        table["their result files, span 30", c] = pushed
    return pd.DataFrame(table).map(lambda value: "–" if np.isnan(value) else f"{value:.3g}")


def numbers_of(found: Mapping[str, Seeds], condition: str) -> dict[str, float]:
    """Of the networks of a condition, the mean over seeds, at the span at which they were examined."""
    grown = [one["growth"][condition][str(one["span"])] for one in found["growth"]]
    recorded = [rows[-1] for of_one in found["recordings"] for rows in of_one[condition]]
    return {
        "mean τ (bits)": fmean(one["tau mean"] for one in grown),
        "mean τ_net, longest span (bits)": fmean(one["mean"] for one in recorded),
        "units with a τ_net (%)": 100 * fmean(one["share"] for one in recorded),
        "spectral radius of W": fmean(one["radius"] for one in grown),
        "earlier spans, by fresh readouts": fmean(earlier_spans(one, condition) for one in found["memory"]),
    } | {
        name: fmean(one["equal"][what][condition][strength] for one in found["perturbation"])
        for what, (name, strength) in COMPARED.items()
    }
