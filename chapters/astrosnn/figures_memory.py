"""The figures and tables of the chapter on memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
from IPython.display import Markdown

from brainlib import explore
from chapters.astrosnn import memory
from chapters.astrosnn.capacity import capacity
from chapters.astrosnn.figures import ABOVE, BARS, GREY, Source, captioned, over_seeds, spread
from chapters.astrosnn.memory_profiles import FIELD, PLANS
from chapters.astrosnn.networks import CAUSES

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


def table_of(source: Source, name: str, own: pd.DataFrame) -> pd.DataFrame:
    """What the figures show of the experiment `name`; `own` is what this run found."""
    return pd.concat([memory.tidy(found[name]) for found in source.recorded] or [own])


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


def retention(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Accuracy by delay of one mechanism before all others, and what is left of its slowest trace:
    (1 - 1 / tau)^(delay + 1)."""
    experiment, own = PLANS[source.profile].retention, {"color": BLUE, "width": 3}
    longest, chance = max(experiment.values), experiment.chance(max(experiment.values))
    traces = table.astype({"value": int, "slowest": float})
    traces["left"] = (1 - 1 / traces.slowest) ** (traces.value + 1)

    def mechanism_retains(mechanism):
        figure = curves(table, "delay (tokens)", log_x=True)
        figure.update_traces(line=GREY | {"dash": "solid", "width": 1}, marker_size=1, error_y_visible=False)
        figure.update_traces(selector={"name": mechanism}, line=own, marker={"color": BLUE, "size": 7})
        chosen = over_seeds(traces[traces.model == mechanism], ["value"], "left")
        figure.add_scatter(x=chosen.value, y=chosen.left, line=own | {"dash": "dot"}, name="left of its slowest trace")
        figure.add_hline(chance, line=GREY)
        figure.add_vline(longest, line=GREY)
        return figure.update_layout(showlegend=False, margin_t=20)

    return explore.explorer(
        mechanism_retains,
        name="retention-by-mechanism",
        start={"mechanism": "AM-SU"},
        mechanism=list(table.model.unique()),
        caption=f"In {source.words}, accuracy at delay {longest}, the longest that was taught (dashed upright): "
        f"{listed(table, longest)}. Chance is {chance:.3f} (dashed). Dotted: what a trace with "
        "the slowest time constant that was learned keeps of the cue. Grey: the other mechanisms.",
        alt="Accuracy against delay on a logarithmic axis for the chosen mechanism, before grey curves of the others, "
        "with its theoretical trace as a dotted curve and chance as a dashed line.",
    )


def alone_table(alone: pd.DataFrame, together: pd.DataFrame) -> pd.DataFrame:
    """One delay alone in training, and all together; mean over seeds."""
    taught = {"this delay alone": alone, "with all others": together[together.value.isin(alone.value)]}
    return pd.concat({name: means(table, "delay {}") for name, table in taught.items()}, axis=1)


def compared(source: Source, name: str, table: pd.DataFrame, what: str, at: int, **options: Any) -> explore.Explorer:
    """Mean accuracy of the models of an experiment against `what` varies, and chance; in words where it is `at`."""
    experiment = getattr(PLANS[source.profile], name)
    figure = curves(table, what, **options)
    chances = [experiment.chance(value) for value in experiment.tested]
    figure.add_scatter(x=experiment.tested, y=chances, mode="lines", line=GREY, name="chance")
    return explore.show(
        figure,
        name=f"memory-{name}",
        caption=f"In {source.words}, accuracy at {what} = {at}: {listed(table, at)}. Chance there is "
        f"{experiment.chance(at):.2f} (dashed). {RANGE}",
        alt=f"Accuracy against {what}, a line for each of {', '.join(experiment.models)}, and a dashed one for chance.",
    )


def state_table(source: Source, table: pd.DataFrame):
    """Associative recall with as much state; mean over seeds."""
    if table.empty:
        return Markdown(f"*Not run at the {source.profile} profile.*")
    sizes = (
        table.groupby("model", sort=False)[["state", "parameters"]].first().rename(columns={"state": "numbers kept"})
    )
    return captioned(sizes.join(means(table, "{} pairs")).rename_axis(index=None), source)


def bare_matrices(sizes: Sequence[int], seeds: Iterable[int]) -> pd.DataFrame:
    """How many pairs bare matrices of several sizes recall, mean over seeds, and by the argument."""
    seeds = list(seeds)
    rules = {f"{rule} rule": rule for rule in ("Hebbian", "delta")}
    found = {
        name: [np.mean([capacity(size, rule, of) for of in seeds]) for size in sizes] for name, rule in rules.items()
    }
    table = pd.DataFrame(found, pd.Index(sizes, name="size of a head, d"))
    table["d² / (2 ln N)"] = table.index**2 / (2 * np.log(table["Hebbian rule"].clip(lower=2)))
    return table.T.round(1)


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
    return explore.show(
        figure,
        name="memory-lesions",
        caption=f"In {source.words}. Left, lesions half-way between cue and probe: "
        + "; ".join(f"{lesion} {spread(middle.get_group(lesion))}" for lesion in LESIONS.values())
        + ". Right, each pair that was told, before the lesion and after it (dashed upright).",
        alt="Left, accuracy against the place of the lesion, for intact networks and three lesions. Right, the same "
        "four by pair, with the lesion marked half-way through the pairs.",
    )
