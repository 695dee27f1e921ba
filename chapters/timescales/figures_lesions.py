"""The figures and tables of chapter 3."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
import torch

from brainlib import explore
from brainlib.explore import Explorer
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.lesions import perturbed_tau, perturbed_weight
from brainlib.timescales.training import TrainedNetwork
from chapters.timescales.figures import (
    BELOW,
    COLOURS,
    CONDITIONS,
    GREY,
    SINGLE,
    Content,
    Samples,
    arranged,
    averaged_lines,
)
from chapters.timescales.figures import spread as spread_of
from chapters.timescales.lesions import TAU_STRENGTH, WEIGHT_STRENGTH, margins
from chapters.timescales.measures import earlier_spans, slow_less_fast
from chapters.timescales.released import OFFICIAL
from chapters.timescales.settings import SETTINGS

Networks = Sequence[Mapping[str, Any]]  # what was measured of each seed's networks, by experiment

spread = partial(spread_of, form=".2f")
NUMBERS = {"span": int, "solved": int, "asked": int, "strength": float}
LEFT, RIGHT = "relative accuracy", "right answers (%)"
PUSHED = {"weight": "weights", "tau": "time constants"}
EDGES = np.linspace(-10, 10, 61)  # of the bins of margins


def networks_of(contents: Sequence[Content]) -> list[Mapping[str, Any]]:
    return [network for content in contents for network in content["networks"]]


def rows(table: Any, *levels: str) -> Iterator[dict[str, Any]]:
    """Nested tables as rows: the keys of each level under its name, and at the end the `value`."""
    if not levels:
        yield {"value": table}
    else:
        for key, inner in table.items():
            yield from ({levels[0]: key} | row for row in rows(inner, *levels[1:]))


def frame_of(samples: Samples, table: Callable[[Mapping[str, Any]], Any], *levels: str) -> pd.DataFrame:
    """The rows of a table of every network."""
    frame = samples.frame(lambda content: (r for n in content["networks"] for r in rows(table(n), *levels)))
    return frame.astype({name: kind for name, kind in NUMBERS.items() if name in levels})


def beside(samples: Samples, **options: Any) -> dict[str, Any]:
    """Options of plotly express: a panel for each sample, the colours of the curricula."""
    order = {"category_orders": {"sample": list(samples.contents)}}
    return {"facet_col": "sample", "color": "condition", "color_discrete_map": COLOURS} | order | options


def mean_percent(values: Sequence[Sequence[float]]) -> str:
    return spread_of((float(np.mean(one)) * 100 for one in values), ".0f")


def span_words(networks: Networks, key: str) -> str:
    """The spans at which the networks of a sample were examined."""
    return "span " + " or ".join(map(str, sorted({network[key]["span"] for network in networks})))


def networks_table(samples: Samples) -> pd.DataFrame:
    """What was trained, how far, and how large time constants and weights became."""
    columns = {}
    for sample, contents in samples.contents.items():
        networks = networks_of(contents)
        for condition in CONDITIONS:
            grown = [network["growth"][condition] for network in networks]
            last = pd.DataFrame([list(spans.values())[-1] for spans in grown])
            columns[f"{condition}, {sample}"] = {
                "networks": len(networks),
                "longest span": ", ".join(list(spans)[-1] for spans in grown),
                "after epochs": ", ".join(map(str, last["epoch"])),
                "mean τ (bits)": spread(last["tau mean"]),
                "spread of τ (bits)": spread(last["tau std"]),
                "longest τ (bits)": spread(last["tau largest"]),
                "norm of W": spread_of(last["norm"], ".1f"),
                "trained on": ", ".join(sorted({n.get("trained on", "a CPU") for n in networks})),
            }
    return pd.DataFrame(columns)


def forgetting(samples: Samples) -> Explorer:
    """After every span solved, the accuracy on all spans before."""
    frame = frame_of(samples, lambda network: network["memory"]["taught"], "condition", "solved", "asked")
    frame = frame.groupby(["sample", "condition", "solved", "asked"], sort=False, as_index=False).mean()
    frame["right (%)"] = 100 * frame["value"]
    labels = {"asked": "span asked", "solved": "examined after solving span"}
    options = {"facet_row": "sample", "facet_col": "condition", "range_color": [50, 100], "labels": labels}
    figure = px.scatter(frame, x="asked", y="solved", color="right (%)", symbol_sequence=["square"], **options)
    figure.update_traces(marker_size=16).update_coloraxes(colorbar={"lenmode": "pixels", "len": 260})
    figure = arranged(figure, height=80 + 300 * len(samples.contents))
    memories = [network["memory"] for network in networks_of(samples.largest)]
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

    def readouts(memory: Mapping[str, Any]) -> dict[str, Any]:
        own = {condition: list(tables.values())[-1] for condition, tables in memory["taught"].items()}
        return {"fresh readout": memory["fresh"], "its own": own}

    frame = frame_of(samples, lambda network: readouts(network["memory"]), "readout", "condition", "span")
    frame["value"] *= 100
    colours = COLOURS | {"untrained": GREY}
    options = beside(samples, line_dash="readout", color_discrete_map=colours, range_y=[40, 102])
    figure = averaged_lines(frame, "value", {"value": RIGHT, "span": "asked about span"}, x="span", **options)
    networks = networks_of(samples.largest)
    memories = [network["memory"] for network in networks]
    single, multi, untrained = (mean_percent(earlier_spans(memories, c, "fresh")) for c in (*CONDITIONS, "untrained"))
    return explore.show(
        arranged(figure, height=420),
        name="lesions-fresh-readouts",
        caption=f"In {samples.told}, fresh readouts of the network at {span_words(networks, 'memory')} give "
        f"{single} % right answers about the earlier spans from the state of a single-head network, and {multi} % from "
        f"that of a multi-head network; from that of an untrained one {untrained} %. Bars reach from the worst to the "
        "best network.",
        alt="Right answers against the span asked about. The single head's own answers lie at 50 percent but for the "
        "last span; the multi-head network's at 100 percent. Fresh readouts of both are drawn as solid lines, like "
        "those of an untrained network, in grey: they fall to 50 percent within a few spans.",
    )


def units(network: Mapping[str, Any], condition: str) -> pd.DataFrame:
    """The time constant of every unit and the relative accuracy at the longest span without it."""
    found = network["ablation"]["units"][condition]
    without = np.array([accuracies[-1] for accuracies in found["without"]])
    return pd.DataFrame({"tau": found["tau"], LEFT: (without - 0.5) / (found["intact"][-1] - 0.5)})


def ablation(samples: Samples) -> Explorer:
    """Every unit taken out, against its time constant."""
    frames = [
        units(network, condition).assign(sample=sample, condition=condition)
        for sample, contents in samples.contents.items()
        for network in networks_of(contents)
        for condition in CONDITIONS
    ]
    options = beside(samples, symbol="condition", symbol_sequence=["circle", "x-thin-open"], opacity=0.7)
    figure = px.scatter(pd.concat(frames), x="tau", y=LEFT, labels={"tau": "τ (bits)"}, **options)
    networks = networks_of(samples.largest)
    single, multi = (
        spread_of((units(n, c).corr(method="spearman").loc["tau", LEFT] for n in networks), "+.2f") for c in CONDITIONS
    )
    return explore.show(
        arranged(figure, height=400),
        name="lesions-ablation",
        caption=f"Every point is one neuron taken out, at {span_words(networks, 'ablation')} in {samples.told}. The "
        f"rank correlation of its time constant with the accuracy that is left is {single} in single-head networks and "
        f"{multi} in multi-head networks.",
        alt="Scatter of relative accuracy against the time constant of the neuron that was taken out, for both "
        "curricula.",
    )


def without_a_neuron(samples: Samples) -> Explorer:
    """The first pair of networks without any one neuron, span by span."""
    first = networks_of(samples.largest)[0]
    left = {c: units(first, c) for c in CONDITIONS}
    worst = {c: int(left[c][LEFT].argmin()) + 1 for c in CONDITIONS}
    count = len(left[SINGLE])
    missed = " ".join(
        f"The {c} network misses neuron {worst[c]} most (τ = {left[c]['tau'][worst[c] - 1]:.2f} bits): "
        f"{left[c][LEFT].min() * 100:.0f} % of its skill is left at span {first['ablation']['span']}."
        for c in CONDITIONS
    )
    return explore.explorer(
        partial(draw_without, first["ablation"]),
        name="lesions-without",
        neuron=sorted({*range(1, count + 1, max(1, count // 25)), count, *worst.values()}),
        start={"neuron": worst[SINGLE]},
        caption=f"Neurons are numbered from the fastest, 1, to the slowest, {count}; dotted are the intact networks, "
        f"solid those without the neuron ({samples.told}, the first pair of networks). {missed}",
        alt="Right answers against span for the intact networks and for those without the chosen neuron; the title "
        "tells its time constant in both.",
    )


def draw_without(shown: Mapping[str, Any], neuron: int) -> go.Figure:
    found = {c: shown["units"][c] for c in CONDITIONS}
    frame = pd.DataFrame(
        {"condition": condition, "network": name, "span": span, "right": 100 * share}
        for condition, own in found.items()
        for name, shares in (("without it", own["without"][neuron - 1]), ("intact", own["intact"]))
        for span, share in zip(own["spans"], shares, strict=True)
    )
    taus = ", ".join(f"{own['tau'][neuron - 1]:.2f} ({condition})" for condition, own in found.items())
    options = {"color": "condition", "color_discrete_map": COLOURS, "line_dash": "network", "markers": True}
    ranges = {"range_x": [1.5, shown["span"] + 0.5], "range_y": [40, 102]}
    labels = {"span": "asked about span", "right": RIGHT}
    figure = px.line(
        frame, x="span", y="right", labels=labels, title=f"time constant in bits: {taus}", **ranges, **options
    )
    return arranged(figure, height=400, margin_t=60, **BELOW)


def last_ends(networks: Networks, condition: str) -> pd.DataFrame:
    """Without one of the fastest and one of the slowest, at the last span."""
    return pd.DataFrame([list(network["ablation"]["by span"][condition].values())[-1] for network in networks])


def ablation_by_span(samples: Samples) -> Explorer:
    """The fastest against the slowest, span by span."""
    frame = frame_of(samples, lambda network: network["ablation"]["by span"], "condition", "span", "which")
    frame = frame[frame["which"].isin(["slowest", "fastest"])]
    options = beside(samples, line_dash="which", line_dash_map={"slowest": "solid", "fastest": "dot"})
    figure = averaged_lines(frame, "value", {"value": LEFT}, x="span", **options)
    networks = networks_of(samples.largest)

    def words(condition: str) -> str:
        ends = last_ends(networks, condition)
        return (
            f"a {condition} network keeps {spread(ends['fastest'])} of its skill without one of its fastest neurons "
            f"(mean τ {ends['tau of the fastest'].mean():.2f} bits) and {spread(ends['slowest'])} without one of its "
            f"slowest ({ends['tau of the slowest'].mean():.2f})"
        )

    return explore.show(
        arranged(figure, height=400),
        name="lesions-ablation-spans",
        caption=f"At {span_words(networks, 'ablation')} in {samples.told} {'; '.join(map(words, CONDITIONS))}.",
        alt="Relative accuracy against span, four lines: each curriculum without one of its fastest and without one of "
        "its slowest neurons.",
    )


def gap_by_span(networks: Networks, condition: str) -> str:
    """Slowest less fastest at every span, for a note."""
    gaps = pd.DataFrame([slow_less_fast(network["ablation"], condition) for network in networks]).mean()
    return ", ".join(f"{span}: {gaps[span]:+.2f}" for span in sorted(gaps.index, key=int))


def after_push(networks: Networks, what: str, condition: str, strength: float) -> list[float]:
    return [network["perturbation"][what][condition][str(strength)] for network in networks]


def difference_by_strength(networks: Networks, what: str) -> str:
    """Multi-head less single-head, for a note."""
    single, multi = (pd.DataFrame([n["perturbation"][what][c] for n in networks]).mean() for c in CONDITIONS)
    return ", ".join(f"{strength}: {gap:+.2f}" for strength, gap in (multi - single).items())


def perturbation(samples: Samples) -> Explorer:
    """Relative accuracy against the strength of a perturbation."""
    frame = frame_of(
        samples, lambda n: {what: n["perturbation"][what] for what in PUSHED}, "what", "condition", "strength"
    ).assign(source="here")
    official = pd.DataFrame(rows(OFFICIAL["perturbation"], "what", "condition", "strength")).astype({"strength": float})
    official = official.merge(pd.DataFrame({"sample": list(samples.contents)}), how="cross")
    official["source"] = "result files"
    frame = pd.concat([frame, official]).replace({"what": PUSHED})
    order = {"sample": list(samples.contents), "what": list(PUSHED.values())}
    options = beside(
        samples, facet_col="what", facet_row="sample", line_dash="source", category_orders=order, log_x=True
    )
    options |= {"line_dash_map": {"here": "solid", "result files": "dot"}, "range_y": [-0.15, 1.15]}
    figure = averaged_lines(frame, "value", {"value": LEFT, "strength": "strength ε"}, x="strength", **options)
    networks = networks_of(samples.largest)

    def words(name: str, what: str, strength: float) -> str:
        single, multi = (spread(after_push(networks, what, c, strength)) for c in CONDITIONS)
        return (
            f"{name} moved by {strength} of their norm leave {single} of the skill of single-head and {multi} of "
            "multi-head networks"
        )

    return explore.show(
        arranged(figure, height=140 + 280 * len(samples.contents)),
        name="lesions-perturbation",
        caption=f"At {span_words(networks, 'perturbation')} in {samples.told}, "
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
        perturbed=list(PUSHED.values()),
        strength=[0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5],
        start={"strength": 0.1},
        caption=f"Margins of the two networks at span {span}, in this run; right of the dashed line the answer is "
        "right. Four perturbations of the chosen strength are thrown together.",
        alt="Two histograms of margins, one for each curriculum. At strength zero both lie to the right of zero; with "
        "growing strength they widen and cross it.",
    )


def draw_margins(pair: Mapping[str, TrainedNetwork], span: int, perturbed: str, strength: float) -> go.Figure:
    push = perturbed_weight if perturbed == PUSHED["weight"] else perturbed_tau
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


def retraining(samples: Samples) -> Explorer:
    """Right answers after a few epochs of a longer span."""
    frame = frame_of(samples, lambda n: {c: n["retraining"][c] for c in CONDITIONS}, "condition", "span")
    frame["value"] *= 100
    options = beside(samples, range_y=[45, 102])
    figure = averaged_lines(frame, "value", {"value": RIGHT, "span": "span taught anew"}, x="span", **options)
    networks = networks_of(samples.largest)
    single, multi = (mean_percent([list(n["retraining"][c].values()) for n in networks]) for c in CONDITIONS)
    return explore.show(
        arranged(figure, height=380),
        name="lesions-retraining",
        caption=f"In {samples.told}, {SETTINGS[samples.profile].lesions.retraining_epochs} epochs of a longer span "
        f"bring networks that had solved span {networks[0]['retraining']['from']} to {single} % if they come "
        f"from a single head and to {multi} % if from many (means over the spans; the bits are those of the school, so "
        "that guessing an even span gives a little over 50 %).",
        alt="Right answers after retraining against the new span, for networks from both curricula.",
    )


def full_size(samples: Samples) -> pd.DataFrame:
    """The result files' numbers at the paper's size, and ours."""
    index = [
        *(f"{c}: {what}" for c in CONDITIONS for what in ("τ of the fastest / slowest", "without one of them")),
        f"W moved by {WEIGHT_STRENGTH}: single / multi",
        f"τ moved by {TAU_STRENGTH}: single / multi",
    ]
    columns = dict(OFFICIAL["lesions"])
    for sample, contents in samples.contents.items():
        networks = networks_of(contents)
        means = [last_ends(networks, condition).mean() for condition in CONDITIONS]
        pairs = [(ends[f"{tau}fastest"], ends[f"{tau}slowest"]) for ends in means for tau in ("tau of the ", "")]
        for what, strength in (("weight", WEIGHT_STRENGTH), ("tau", TAU_STRENGTH)):
            pairs.append([np.mean(after_push(networks, what, c, strength)) for c in CONDITIONS])
        columns[f"{sample}, {span_words(networks, 'ablation')}"] = [f"{a:.2f} / {b:.2f}" for a, b in pairs]
    return pd.DataFrame(columns, index=index)
