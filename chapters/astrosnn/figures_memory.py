"""The figures and tables of the chapter on memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.astrosnn import memory
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.figures import ABOVE, BARS, GREY, Source, over_seeds, spread
from chapters.astrosnn.memory_profiles import FIELD, PLANS, Plan
from chapters.astrosnn.networks import CAUSES, untrained

BLUE, VERMILLION, GREEN = (explore.COLOURS[name] for name in ("blue", "vermillion", "green"))
COLOURS = {
    "LIF": explore.COLOURS["grey"],
    "PLIF": GREEN,
    "ALIF": explore.COLOURS["purple"],
    "calcium": explore.COLOURS["orange"],
    **dict.fromkeys(("AM-SU", "AM-SU, gated", "AM-SU, delta"), BLUE),
    **dict.fromkeys(FIELD, VERMILLION),
    **dict(zip(CAUSES, (BLUE, BLUE, VERMILLION, VERMILLION), strict=True)),
}
DASHES = {
    "AM-SU, gated": "dash", "AM-SU, delta": "dot", "RWKV": "dash", "GRU": "dot", "transformer": "dashdot",
    "normalised, fast": "dash", "raw, fast": "dash",
}  # fmt: skip
RANGE = "Bars reach from the lowest to the highest seed."
LESIONS = {
    "none": "intact",
    "astrocyte": "astrocytes emptied",
    "membrane": "membranes emptied",
    "frozen": "astrocytes frozen",
}


def table_of(source: Source, name: str, own: Mapping[str, Any]) -> pd.DataFrame:
    """What the figures show of the experiment `name`; `own` is what this run found."""
    return pd.concat([memory.tidy(found[name]) for found in source.recorded] or [memory.tidy(own)])


def listed(table: pd.DataFrame, value: int | str, models: Iterable[str] = ()) -> str:
    """The accuracies of several models in words; all by default."""
    scores = {name: memory.accuracies(table, name, value) for name in list(models) or table.model.unique()}
    return "; ".join(f"{name} {spread(found)}" for name, found in scores.items())


def means(table: pd.DataFrame, name: str = "{}") -> pd.DataFrame:
    """Accuracies, mean over seeds: a row a model, a column a value."""
    found = table.groupby(["model", "value"], sort=False).accuracy.mean().unstack().round(2)
    return found.rename(columns=name.format).rename_axis(index=None, columns=None)


def curves(table: pd.DataFrame, what: str, **options: Any):
    """Mean accuracy against a number, a line a model."""
    scores = over_seeds(table.astype({"value": int}), ["model", "value", *table.columns[7:]], "accuracy")
    looks = {
        "color": "model",
        "color_discrete_map": COLOURS,
        "line_dash": "model",
        "line_dash_map": DASHES,
        "line_dash_sequence": ["solid"],
    }
    labels = {"value": what, "model": ""}
    figure = px.line(scores, "value", "accuracy", **BARS, **looks, markers=True, labels=labels, **options)
    figure.update_traces(error_y={"width": 0, "thickness": 1})
    figure.update_yaxes(range=[0, 1.04])
    figure.update_xaxes(tickvals=sorted(scores.value.unique()))
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return figure.update_layout(explore.WIDE, height=430, margin_t=110, **ABOVE)


def sizes_table(plan: Plan) -> pd.DataFrame:
    """Parameters and state of the memories."""
    first = plan.retention.values[0]
    conditions = {name: memory.Condition(name, plan.retention, plan.frame) for name in plan.retention.models}
    models = {name: untrained(condition.config(first)) for name, condition in conditions.items()}
    rows = [(m.config.dim, m.config.parameters, m.state_size(10), m.state_size(1000)) for m in models.values()]
    columns = ["channels", "parameters", "numbers kept after 10 tokens", "after 1,000"]
    return pd.DataFrame(rows, list(models), columns)


def retention(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Accuracy by delay, a panel a mechanism, and what is left of its slowest trace: (1 - 1 / tau)^(delay + 1)."""
    longest, delays = max(PLANS[source.profile].retention.values), table.value.astype(int)
    chance = PLANS[source.profile].retention.chance(longest)
    left = table.assign(accuracy=(1 - 1 / table.slowest.astype(float)) ** (delays + 1), curve="left of slowest trace")
    both = pd.concat([table.assign(curve="accuracy"), left.dropna()]).assign(value=lambda t: t.value.astype(int))
    scores = over_seeds(both, ["model", "value", "curve"], "accuracy")
    figure = px.line(
        scores, "value", "accuracy", **BARS, color="curve", line_dash="curve", facet_col="model", facet_col_wrap=4,
        log_x=True, color_discrete_sequence=[BLUE, VERMILLION], line_dash_sequence=["solid", "dot"],
        facet_row_spacing=0.09, labels={"value": "delay (tokens)", "accuracy": "share", "curve": ""},
    )  # fmt: skip
    figure.update_traces(error_y={"width": 0, "thickness": 1})
    figure.add_hline(chance, line=GREY | {"width": 1})
    figure.add_vline(longest, line=GREY | {"width": 1})
    figure.update_xaxes(tickvals=sorted(scores.value.unique())[::2])
    figure.update_yaxes(range=[0, 1.04])
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    figure.update_layout(explore.WIDE, height=560, margin_t=70, **ABOVE)
    return explore.show(
        figure,
        name="retention-by-mechanism",
        caption=f"In {source.words}, accuracy at delay {longest}, the longest that was taught (dashed upright): "
        f"{listed(table, longest)}. Chance is {chance:.3f} (dashed). Dotted: what a trace with the slowest time "
        f"constant that was learned keeps of the cue. {RANGE}",
        alt="A panel for each mechanism: accuracy against delay on a logarithmic axis, with its theoretical trace as a "
        "dotted curve and chance as a dashed line.",
    )


def alone_table(alone: pd.DataFrame, together: pd.DataFrame) -> pd.DataFrame:
    """One delay alone in training, and all together; mean over seeds."""
    taught = {"this delay alone": alone, "with all others": together[together.value.isin(alone.value)]}
    return pd.concat({name: means(table, "delay {}") for name, table in taught.items()}, axis=1)


def causes(source: Source, together: pd.DataFrame, alone: pd.DataFrame) -> explore.Explorer:
    """What normalising and slow decays bring."""
    plan = PLANS[source.profile]
    both = pd.concat([together.assign(taught="all delays"), alone.assign(taught="one alone")])
    figure = curves(both, "delay (tokens)", facet_col="taught", log_x=True)
    figure.add_hline(plan.causes.chance(4), line=GREY)
    longest, single = max(plan.causes.tested), max(plan.causes_alone.values)
    return explore.show(
        figure,
        name="retention-causes",
        caption=f"In {source.words}, at a delay of {longest}: {listed(together, longest)}. Taught the "
        f"delay {single} and no other: {listed(alone, single)}. {RANGE}",
        alt="Two panels of accuracy against delay. Left, four curves of the unit with normalised or raw read-out and "
        "slow or fast decays, taught all delays. Right, the same four taught one delay each.",
    )


def pairs(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Associative recall by the number of pairs."""
    experiment = PLANS[source.profile].pairs
    figure = curves(table, "pairs")
    chances = [experiment.chance(count) for count in experiment.tested]
    figure.add_scatter(x=experiment.tested, y=chances, mode="lines", line=GREY, name="chance")
    return explore.show(
        figure,
        name="associative-recall",
        caption=f"In {source.words}, accuracy at 4 pairs: {listed(table, 4)}. Who knows the values but not "
        f"their keys gets {experiment.chance(4):.2f} (dashed). {RANGE}",
        alt="Accuracy against the number of pairs for all mechanisms, with chance as a dashed line.",
    )


def state_table(table: pd.DataFrame) -> pd.DataFrame:
    """Associative recall with as much state; mean over seeds."""
    sizes = (
        table.groupby("model", sort=False)[["state", "parameters"]].first().rename(columns={"state": "numbers kept"})
    )
    return sizes.join(means(table, "{} pairs")).rename_axis(index=None)


def head_sizes(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """How many pairs networks hold with heads of several sizes."""
    most = max(PLANS[source.profile].capacity.values)
    return explore.show(
        curves(
            table, "pairs", color_discrete_sequence=[explore.COLOURS[c] for c in ("sky", "green", "blue", "purple")]
        ),
        name="memory-capacity",
        caption=f"In {source.words}, at {most} pairs: {listed(table, most)}. {RANGE}",
        alt="Accuracy against pairs, a line for each size of heads.",
    )


def bare_matrices(sizes: Sequence[int], seeds: Iterable[int]) -> explore.Explorer:
    """How many pairs bare matrices of several sizes hold."""
    seeds, rules = list(seeds), ("Hebbian", "delta")
    rows = [(size, *(np.mean([capacity(size, rule, of) for of in seeds]) for rule in rules)) for size in sizes]
    table = pd.DataFrame(rows, columns=["size", "Hebbian rule", "delta rule"])
    table["d² / (2 ln N)"] = table["size"] ** 2 / (2 * np.log(table["Hebbian rule"].clip(lower=2)))
    labels = {"size": "size of a head, d", "value": "pairs recalled to 90 %", "variable": ""}
    figure = px.line(table.round(2), x="size", y=table.columns[1:], markers=True, log_x=True, log_y=True, labels=labels)
    figure.update_traces(line=GREY, selector={"name": "d² / (2 ln N)"})
    figure.update_xaxes(tickvals=list(sizes))
    last = table.iloc[-1]
    return explore.show(
        figure.update_layout(explore.WIDE),
        name="memory-bare-matrices",
        caption=f"In this run, a bare matrix of size {sizes[-1]} recalls {last['Hebbian rule']:.3g} random pairs by "
        f"the Hebbian rule and {last['delta rule']:.3g} by the delta rule; the argument above says {last.iloc[-1]:.3g}.",
        alt="On logarithmic axes, the number of pairs recalled against the size of a head, for both rules and by the "
        "theory: the Hebbian rule follows it, the delta rule grows more slowly.",
    )


def digits(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Digits told, by the order in which their pixels are read."""
    table = table.replace({"value": {"permuted": "permuted pixels"}}).assign(told=100 * table.accuracy)
    figure = px.bar(
        over_seeds(table, ["model", "value"], "told"), "value", "told", **BARS, color="model", barmode="group",
        color_discrete_map=COLOURS | {"GRU": explore.COLOURS["sky"]},
        labels={"value": "read by", "told": "digits told (%)", "model": ""},
    )  # fmt: skip
    figure.update_traces(error_y={"width": 3, "thickness": 1})
    figure.update_layout(explore.WIDE, height=380, yaxis_range=[0, 100])
    return explore.show(
        figure,
        name="memory-digits",
        caption=f"In {source.words}, share of held-out digits told, of which chance is 10 %. "
        + " ".join(f"By {order}: {listed(table, order)}." for order in table.value.unique())
        + f" {RANGE}",
        alt="Grouped bars: the share of digits told by each mechanism, read row by row and, where it was run, pixel by "
        "pixel and in a permuted order.",
    )


def ablations(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Associative recall of the unit with one switch turned."""
    experiment = PLANS[source.profile].ablations
    most = max(experiment.values)
    ranked = memory.by_seed(table, most).mean().sort_values(ascending=False).index
    figure = px.scatter(
        table, "accuracy", "model", facet_col="value", color_discrete_sequence=[BLUE], labels={"model": ""},
        category_orders={"model": ranked}, range_x=[0, 1.04],
    )  # fmt: skip
    for column, count in enumerate(experiment.values, start=1):
        figure.add_vline(experiment.chance(count), line=GREY, col=column)
    figure.for_each_annotation(lambda note: note.update(text=f"{note.text.split('=')[-1]} pairs"))
    figure.update_xaxes(tickvals=[0, 1])
    figure.update_layout(explore.WIDE, height=120 + 28 * len(ranked), margin_t=40)
    return explore.show(
        figure,
        name="memory-ablations",
        caption=f"In {source.words}, accuracy at {most} pairs, from the highest: {listed(table, most, ranked)}. Every "
        "dot is a network; dashed is chance.",
        alt="Dots for each variation of the unit, one panel for each number of pairs: accuracy of the whole unit and "
        "of the unit with one part changed.",
    )


def lesions(source: Source, studies: Sequence[Mapping[str, Any]]) -> explore.Explorer:
    """Accuracy by the place of a lesion, and by pair."""
    delay, pairs = studies[0]["delay"], studies[0]["pairs"]
    half, titles = pairs["at"] // 2, (f"a cue, {delay['delay']} distractors", f"{pairs['pairs']} pairs")
    places = {"delay": delay["at"], "pairs": range(1, pairs["pairs"] + 1)}
    rows = [
        (title, lesion, x, score)
        for title, (part, at) in zip(titles, places.items(), strict=True)
        for kind, lesion in LESIONS.items()
        for study in studies
        for x, score in zip(at, study[part][kind], strict=True)
    ]
    table = pd.DataFrame(rows, columns=["part", "lesion", "x", "accuracy"])
    scores = over_seeds(table, ["part", "lesion", "x"], "accuracy")
    figure = px.line(
        scores, "x", "accuracy", color="lesion", line_dash="lesion", facet_col="part", markers=True,
        color_discrete_sequence=[explore.COLOURS[c] for c in ("grey", "vermillion", "green", "blue")],
        line_dash_sequence=["dash", "solid", "solid", "dot"], labels={"lesion": ""}, range_y=[0, 1.04],
    )  # fmt: skip
    figure.add_vline(half + 0.5, line=GREY, col=2)
    figure.update_xaxes(matches=None)
    figure.update_xaxes(title="lesion before token t₀", col=1)
    figure.update_xaxes(title="pair, in the order told", dtick=1, col=2)
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    figure.update_layout(explore.WIDE, height=380, margin_t=80, **ABOVE)
    middle = table[(table.part == titles[0]) & (table.x == delay["delay"] // 2)].groupby("lesion").accuracy
    told = table[table.part == titles[1]].assign(early=lambda t: t.x <= half)
    told = told.groupby(["lesion", "early"]).accuracy.mean().unstack()
    below = {lesion: f"{told.loc[lesion, True]:.2f} and {told.loc[lesion, False]:.2f}" for lesion in LESIONS.values()}
    return explore.show(
        figure,
        name="memory-lesions",
        caption=f"In {source.words}. Left, lesions half-way between cue and probe: "
        + "; ".join(f"{lesion} {spread(middle.get_group(lesion))}" for lesion in LESIONS.values())
        + ". Right, pairs told before and after the lesion (dashed upright): "
        + "; ".join(f"{lesion} {scores}" for lesion, scores in below.items() if "membranes" not in lesion)
        + ".",
        alt="Left, accuracy against the place of the lesion, for intact networks and three lesions. Right, the same "
        "four by pair, with the lesion marked half-way through the pairs.",
    )


def heads_table(studies: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What is left at the longest delay without one head, and with one alone; mean over seeds."""
    heads = [study["heads"] for study in studies]
    found = {
        "time constant (tokens)": np.mean([one["time_constants"] for one in heads], axis=(0, 1)).round(),
        "emptied": np.mean([one["without"] for one in heads], axis=0).round(2),
        "all others emptied": np.mean([one["alone"] for one in heads], axis=0).round(2),
    }
    return pd.DataFrame(found).rename(lambda head: f"head {head + 1}").T
