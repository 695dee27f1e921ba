"""The figures and tables of the chapter on memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore, runs
from brainlib.astrosnn import AstroSNN
from chapters.astrosnn import memory
from chapters.astrosnn import memory_results as results
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.figures import bars, means, spread
from chapters.astrosnn.memory_models import CAUSES, model_config
from chapters.astrosnn.memory_profiles import PLANS, Plan

GREY = explore.COLOURS["grey"]
COLOURS = {
    "LIF": GREY,
    "PLIF": explore.COLOURS["green"],
    "ALIF": explore.COLOURS["purple"],
    "calcium": explore.COLOURS["orange"],
    **dict.fromkeys(("AM-SU", "AM-SU, gated", "AM-SU, delta"), explore.COLOURS["blue"]),
    **dict.fromkeys(("SpikeGPT", "RWKV", "GRU", "transformer"), explore.COLOURS["vermillion"]),
}
DASHES = {"AM-SU, gated": "dash", "AM-SU, delta": "dot", "RWKV": "dash", "GRU": "dot", "transformer": "dashdot"}
LEGEND_ABOVE = {"legend": {"yref": "container", "y": 0.99, "yanchor": "top"}}
RANGE = "Bars reach from the lowest to the highest seed."


@dataclass(frozen=True)
class Source:
    """Whose results the figures show: the recorded laptop runs', or where there are none this run's."""

    plan: Plan
    words: str
    recorded: tuple[runs.Run, ...]

    @classmethod
    def of(cls, profile: str) -> "Source":
        recorded = tuple(run for run in runs.kept("memory") if run.profile == "laptop" != profile)
        if recorded:
            return cls(PLANS["laptop"], f"the recorded laptop runs ({len(recorded)} seeds)", recorded)
        return cls(PLANS[profile], f"this {profile} run", ())

    def results(self, name: str, own: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of the experiment `name`; `own` is what this run found."""
        return results.merged(one.content[name] for one in self.recorded) or own

    def lesions(self, own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The lesion studies, one a seed."""
        kept = [study for one in self.recorded for study in one.content["lesions"].values()]
        return kept or list(own.values())


def at(found: results.Found, name: str, value: int | str) -> str:
    """An accuracy in words."""
    return spread(results.accuracies(found, name, value))


def listed(found: results.Found, names: Iterable[str], value: int | str) -> str:
    """The accuracies of several models in words."""
    return "; ".join(f"{name} {at(found, name, value)}" for name in names)


def line(found: results.Found, model: str, values: Sequence[int], colour: str, dash: str = "solid", **style: Any):
    """Mean accuracy over seeds against a value, with bars from the lowest to the highest."""
    scores = {value: numbers for value in values if (numbers := results.accuracies(found, model, value))}
    numbers = list(scores.values())
    return go.Scatter(
        x=list(scores), y=means(numbers), error_y=bars(numbers) | {"width": 0}, mode="lines+markers", marker_size=5,
        line={"color": colour, "dash": dash}, **{"name": model} | style,
    )  # fmt: skip


def sizes_table(plan: Plan) -> pd.DataFrame:
    """Parameters and state of the memories."""
    task = memory.draw_task(plan.retention, plan.retention.values[0], 1, 0)
    models = {name: AstroSNN(model_config(name, plan.frame, task)) for name in plan.retention.models}
    return pd.DataFrame(
        {
            name: {
                "channels": model.config.dim,
                "parameters": f"{model.config.parameters:,}",
                "numbers kept after 10 tokens": f"{model.state_size(10):,}",
                "after 1,000": f"{model.state_size(1000):,}",
            }
            for name, model in models.items()
        }
    ).T


def retention(source: Source, found: results.Found) -> explore.Explorer:
    """Accuracy by delay, for one mechanism before all others."""
    experiment = source.plan.retention
    delays, longest = experiment.tested, max(experiment.values)
    chance = memory.chances(experiment)[str(delays[0])]

    def of_one(mechanism: str) -> go.Figure:
        figure = go.Figure()
        for name in found:
            if name != mechanism:
                other = line(found, name, delays, "rgba(127,127,127,0.35)", showlegend=False, hoverinfo="name")
                other.error_y = None
                figure.add_trace(other)
        figure.add_trace(line(found, mechanism, delays, COLOURS[mechanism], name="accuracy"))
        left = [results.remaining(found, mechanism, delay) for delay in delays]
        if left[0] is not None:
            trace = {"color": COLOURS[mechanism], "dash": "dot"}
            name = "left of the slowest trace"
            figure.add_scatter(x=list(delays), y=np.round(left, 4), mode="lines", line=trace, name=name)
        figure.add_hline(chance, line={"dash": "dash", "color": GREY})
        figure.add_vline(longest, line={"dash": "dot", "color": GREY})
        figure.update_xaxes(title="delay (tokens)", type="log", tickvals=list(delays))
        figure.update_yaxes(title="accuracy; share of the trace", range=[0, 1.04])
        return figure.update_layout(explore.WIDE, height=380)

    return explore.explorer(
        of_one,
        name="retention-by-mechanism",
        caption=f"In {source.words}, accuracy at delay {longest}, the longest that was taught (dotted upright): "
        f"{listed(found, found, longest)}. Chance is {chance:.3f} (dashed). The dotted curve is what a trace with the "
        f"slowest time constant that was learned keeps of the cue. Grey: the other mechanisms. {RANGE}",
        alt="Accuracy against delay on a logarithmic axis for the chosen mechanism, in front of grey curves of the "
        "others, with its theoretical trace as a dotted curve and chance as a dashed line.",
        mechanism=list(found),
        start={"mechanism": "AM-SU"},
    )


def alone_table(source: Source, alone: results.Found, together: results.Found) -> pd.DataFrame:
    """One delay alone in training, and all together."""
    print(f"{source.words}: taught this delay alone / taught with all others")
    return pd.DataFrame(
        {
            f"delay {delay}": {name: f"{at(alone, name, delay)} / {at(together, name, delay)}" for name in alone}
            for delay in source.plan.alone.values
        }
    )


def causes(source: Source, together: results.Found, alone: results.Found) -> explore.Explorer:
    """What normalising and slow decays bring."""
    styles = zip(CAUSES, ("blue", "blue", "vermillion", "vermillion"), ("solid", "dash") * 2, strict=True)
    delays, single = source.plan.causes.tested, source.plan.causes_alone.values
    figure = make_subplots(
        1, 2, shared_yaxes=True, column_widths=[0.65, 0.35], horizontal_spacing=0.04,
        subplot_titles=["all delays", "one alone"],
    )  # fmt: skip
    for name, colour, dash in styles:
        colour = explore.COLOURS[colour]
        figure.add_trace(line(together, name, delays, colour, dash), row=1, col=1)
        figure.add_trace(line(alone, name, single, colour, dash, showlegend=False), row=1, col=2)
    for column, values in enumerate((delays, single), start=1):
        figure.update_xaxes(title="delay (tokens)", type="log", tickvals=list(values), row=1, col=column)
    chance = memory.chances(source.plan.causes)[str(delays[0])]
    figure.add_hline(chance, line={"dash": "dash", "color": GREY})
    figure.update_yaxes(range=[0, 1.04])
    figure.update_yaxes(title="accuracy", row=1, col=1)
    figure.update_layout(explore.WIDE, height=400, margin_t=90, **LEGEND_ABOVE)
    return explore.show(
        figure,
        name="retention-causes",
        caption=f"In {source.words}, at a delay of {max(delays)}: {listed(together, CAUSES, max(delays))}. Taught the "
        f"delay {max(single)} and no other: {listed(alone, CAUSES, max(single))}. {RANGE}",
        alt="Two panels of accuracy against delay. Left, four curves of the unit with normalised or raw read-out and "
        "slow or fast decays, taught all delays. Right, the same four taught one delay each.",
    )


def pairs(source: Source, found: results.Found) -> explore.Explorer:
    """Associative recall by the number of pairs."""
    numbers, chances = source.plan.pairs.tested, memory.chances(source.plan.pairs)
    figure = go.Figure()
    for name in found:
        figure.add_trace(line(found, name, numbers, COLOURS[name], DASHES.get(name, "solid")))
    dashed = {"color": GREY, "dash": "dash"}
    figure.add_scatter(x=list(numbers), y=[chances[str(n)] for n in numbers], mode="lines", line=dashed, name="chance")
    figure.update_xaxes(title="pairs", tickvals=list(numbers))
    figure.update_yaxes(title="accuracy", range=[0, 1.04])
    figure.update_layout(explore.WIDE, height=470, margin_t=120, **LEGEND_ABOVE)
    return explore.show(
        figure,
        name="associative-recall",
        caption=f"In {source.words}, accuracy at 4 pairs: {listed(found, found, 4)}. Who knows the values but not "
        f"their keys gets {chances['4']:.2f} (dashed). {RANGE}",
        alt="Accuracy against the number of pairs for all mechanisms, with chance as a dashed line.",
    )


def state_table(source: Source, found: results.Found) -> pd.DataFrame:
    """Associative recall with as much state."""
    return pd.DataFrame(
        {
            name: {
                "numbers kept": f"{results.facts(found, name, 'state')[0]:,}",
                "parameters": f"{results.facts(found, name, 'parameters')[0]:,}",
                **{f"{count} pairs": at(found, name, count) for count in source.plan.state.values},
            }
            for name in found
        }
    ).T


def head_sizes(source: Source, found: results.Found, sizes: Sequence[int], seeds: Iterable[int]) -> explore.Explorer:
    """How many pairs heads of several sizes hold, in networks and as bare matrices."""
    seeds = list(seeds)
    bare = {
        rule: np.mean([[capacity(size, rule, seed) for size in sizes] for seed in seeds], axis=0)
        for rule in ("Hebbian", "delta")
    }
    theory = [round(d**2 / (2 * np.log(max(2.0, n))), 2) for d, n in zip(sizes, bare["Hebbian"], strict=True)]
    heads = sorted(found, key=lambda name: int(name.split()[-1]))
    figure = make_subplots(1, 2, horizontal_spacing=0.12, subplot_titles=["taught networks", "bare matrices"])
    for name, colour in zip(heads, ("sky", "green", "blue", "purple"), strict=False):
        trace = line(found, name, source.plan.capacity.tested, explore.COLOURS[colour])
        figure.add_trace(trace, row=1, col=1)
    for (rule, counts), colour in zip(bare.items(), ("blue", "vermillion"), strict=True):
        figure.add_scatter(
            x=list(sizes), y=counts.tolist(), mode="lines+markers", line_color=explore.COLOURS[colour],
            name=f"{rule} rule", row=1, col=2,
        )  # fmt: skip
    dotted = {"dash": "dot", "color": GREY}
    figure.add_scatter(x=list(sizes), y=theory, mode="lines", line=dotted, name="d² / (2 ln N)", row=1, col=2)
    figure.update_xaxes(title="pairs", row=1, col=1)
    figure.update_yaxes(title="accuracy", range=[0, 1.04], row=1, col=1)
    figure.update_xaxes(title="size of a head, d", type="log", tickvals=list(sizes), row=1, col=2)
    figure.update_yaxes(title="pairs recalled to 90 %", type="log", row=1, col=2)
    figure.update_layout(explore.WIDE, height=430, margin_t=110, **LEGEND_ABOVE)
    most = max(source.plan.capacity.values)
    return explore.show(
        figure,
        name="memory-capacity",
        caption=f"Left, in {source.words}, at {most} pairs: {listed(found, heads, most)}. Right, this run: a bare "
        f"matrix of size {sizes[-1]} recalls {bare['Hebbian'][-1]:.3g} random pairs by the Hebbian rule and "
        f"{bare['delta'][-1]:.3g} by the delta rule.",
        alt="Left, accuracy against pairs for each size of heads. Right, on logarithmic axes, the number of pairs "
        "recalled against the size of a head, for both rules and by the theory.",
    )


def copying_table(source: Source, found: results.Found) -> pd.DataFrame:
    """Rows of symbols."""
    print(f"{source.words}: share of symbols right; chance {1 / 8:.3f}")
    lengths = source.plan.copying.tested
    return pd.DataFrame({f"length {length}": {name: at(found, name, length) for name in found} for length in lengths})


def digits(source: Source, found: results.Found) -> explore.Explorer:
    """Digits told, by the order in which their pixels are read."""
    labels = {"rows": "rows", "pixels": "pixels", "permuted": "permuted pixels"}
    orders = source.plan.digits.values
    figure = go.Figure()
    for name in found:
        scores = [[100 * score for score in results.accuracies(found, name, order)] for order in orders]
        figure.add_bar(
            x=[labels[order] for order in orders], y=means(scores, 2), error_y=bars(scores, 2), name=name,
            marker_color={"GRU": "#A34700"}.get(name, COLOURS[name]),
            marker_pattern_shape={"RWKV": "/"}.get(name, ""),
        )  # fmt: skip
    figure.update_xaxes(title="read by")
    figure.update_yaxes(title="digits told (%)", range=[0, 100])
    figure.update_layout(explore.WIDE, height=380, barmode="group", margin_t=60)
    return explore.show(
        figure,
        name="memory-digits",
        caption=f"In {source.words}, share of held-out digits told, of which chance is 10 %. "
        + " ".join(f"By {labels[order]}: {listed(found, found, order)}." for order in orders)
        + f" {RANGE}",
        alt="Grouped bars: the share of digits told by each mechanism, read row by row and, where it was run, pixel by "
        "pixel and in a permuted order.",
    )


def ablations(source: Source, found: results.Found) -> explore.Explorer:
    """Associative recall of the unit with one switch turned."""
    counts, order = source.plan.ablations.values, list(reversed(found))
    chances, most = memory.chances(source.plan.ablations), max(source.plan.ablations.values)
    figure = make_subplots(
        1, len(counts), shared_yaxes=True, horizontal_spacing=0.03,
        subplot_titles=[f"{count} pairs" for count in counts],
    )  # fmt: skip
    for column, count in enumerate(counts, start=1):
        for name in order:
            scores = results.accuracies(found, name, count)
            figure.add_scatter(
                x=scores, y=[name] * len(scores), mode="markers", marker_color=explore.COLOURS["blue"],
                showlegend=False, row=1, col=column,
            )  # fmt: skip
        figure.add_vline(chances[str(count)], line={"dash": "dash", "color": GREY}, row=1, col=column)
    figure.update_xaxes(range=[0, 1.04], tickvals=[0, 1])
    figure.update_xaxes(title="accuracy", col=(len(counts) + 1) // 2)
    figure.update_annotations(font_size=13)
    figure.update_layout(explore.WIDE, height=120 + 28 * len(order), margin_t=40)
    ranked = sorted(found, key=lambda name: -fmean(results.accuracies(found, name, most)))
    return explore.show(
        figure,
        name="memory-ablations",
        caption=f"In {source.words}, accuracy at {most} pairs, from the highest: {listed(found, ranked, most)}. Every "
        "dot is a network; dashed is chance.",
        alt="Dots for each variation of the unit, one panel for each number of pairs: accuracy of the whole unit and "
        "of the unit with one part changed.",
    )


LESION_STYLES = {
    "none": ("intact", "grey", "dash"),
    "astrocyte": ("astrocytes emptied", "vermillion", "solid"),
    "membrane": ("membranes emptied", "green", "solid"),
    "frozen": ("astrocytes frozen", "blue", "dot"),
}


def lesions(source: Source, studies: Sequence[Mapping[str, Any]]) -> explore.Explorer:
    """Accuracy by the place of a lesion, and by pair."""
    delay, pairs = studies[0]["delay"], studies[0]["pairs"]
    half = pairs["at"] // 2
    panels = {"delay": delay["at"], "pairs": list(range(1, pairs["pairs"] + 1))}
    titles = [f"a cue, {delay['delay']} distractors", f"{pairs['pairs']} pairs, lesion half-way"]
    figure = make_subplots(2, 1, vertical_spacing=0.2, subplot_titles=titles)
    for kind, (label, colour, dash) in LESION_STYLES.items():
        for row, (part, x) in enumerate(panels.items(), start=1):
            figure.add_scatter(
                x=x, y=mean_of(studies, part, kind).round(4), mode="lines+markers", name=label, legendgroup=label,
                line={"color": explore.COLOURS[colour], "dash": dash}, showlegend=row == 1, row=row, col=1,
            )  # fmt: skip
    figure.add_vline(half + 0.5, line={"dash": "dot", "color": GREY}, row=2, col=1)
    figure.update_xaxes(title="lesion before token t₀", row=1, col=1)
    figure.update_xaxes(title="pair, in the order told", dtick=1, row=2, col=1)
    figure.update_yaxes(title="accuracy", range=[0, 1.04])
    figure.update_layout(explore.WIDE, height=640, margin_t=130, **LEGEND_ABOVE)
    middle = delay["at"].index(delay["delay"] // 2)
    above = {kind: spread(study["delay"][kind][middle] for study in studies) for kind in LESION_STYLES}
    told = {kind: mean_of(studies, "pairs", kind) for kind in LESION_STYLES}
    below = {kind: f"{told[kind][:half].mean():.2f} and {told[kind][half:].mean():.2f}" for kind in LESION_STYLES}
    return explore.show(
        figure,
        name="memory-lesions",
        caption=f"In {source.words}. Above, lesions half-way between cue and probe: intact {above['none']}; astrocytes "
        f"emptied {above['astrocyte']}; membranes emptied {above['membrane']}; frozen {above['frozen']}. Below, pairs "
        f"told before and after the lesion (dotted upright): intact {below['none']}; emptied {below['astrocyte']}; "
        f"frozen {below['frozen']}.",
        alt="Above, accuracy against the place of the lesion, for intact networks and three lesions. Below, the same "
        "four by pair, with the lesion marked half-way through the pairs.",
    )


def heads_table(source: Source, studies: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What is left without one head, and with one alone."""
    constants = np.mean([np.mean(study["heads"]["time_constants"], axis=0) for study in studies], axis=0)
    without, alone = (mean_of(studies, "heads", kind) for kind in ("without", "alone"))
    print(f"{source.words}: accuracy at delay {studies[0]['delay']['delay']}, mean over seeds")
    return pd.DataFrame(
        {
            f"head {head + 1}": {
                "time constant (tokens)": f"{constant:.0f}",
                "emptied": f"{without[head]:.2f}",
                "all others emptied": f"{alone[head]:.2f}",
            }
            for head, constant in enumerate(constants)
        }
    )


def mean_of(studies: Sequence[Mapping[str, Any]], part: str, field: str) -> np.ndarray:
    """A field of the lesion studies, mean over seeds."""
    return np.mean([study[part][field] for study in studies], axis=0)
