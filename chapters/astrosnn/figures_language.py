"""The figures and tables of the chapter on language."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.express as px

from brainlib import explore
from chapters.astrosnn import cost
from chapters.astrosnn.figures import ABOVE, BARS, GREY, Source, captioned, over_seeds, spread
from chapters.astrosnn.language import BASELINE, MAIN, OURS, RIVALS, TRANSFORMER, late, lead, tidy
from chapters.astrosnn.language_profiles import PLANS

COLOURS = explore.COLOURS
KINDS = {"astrocyte": COLOURS["vermillion"], "spiking": COLOURS["blue"], "of the field": COLOURS["green"]}
LOSS = "held-out loss (nats a byte)"


def table_of(source: Source, own: Mapping[str, Any]) -> pd.DataFrame:
    """The results that the figures show; `own` are those of this run."""
    return tidy([content["results"] for content in source.recorded] or [own])


def first_of(table: pd.DataFrame) -> pd.DataFrame:
    """The first study, the models from the lowest loss to the highest."""
    first = table[table.study == MAIN]
    ranks = first.groupby("model").loss.mean()
    return first.sort_values("model", key=lambda names: names.map(ranks), kind="stable")


def kind(name: str) -> str:
    """The group that a model is drawn in."""
    if name.startswith("AM-SU") or name == "calcium":
        return "astrocyte"
    return "spiking" if name.startswith(("LIF", "PLIF", "Spik")) else "of the field"


def losses(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """Held-out losses, a row a model."""
    first = first_of(table).assign(kind=lambda t: t.model.map(kind))
    values = over_seeds(first, ["model", "kind"], "loss")
    figure = px.scatter(
        values, "loss", "model", error_x="up", error_x_minus="down", color="kind", color_discrete_map=KINDS,
        category_orders={"model": values.model}, labels={"loss": LOSS, "model": "", "kind": ""},
    )  # fmt: skip
    figure.update_traces(marker_size=10, error_x_thickness=1)
    figure.update_layout(explore.WIDE, height=440)
    found = first.groupby("model").loss
    said = [OURS, "LIF", BASELINE, "SpikeGPT", TRANSFORMER, "AM-SU, small heads", "PLIF, wide"]
    return explore.show(
        figure,
        name="language-contestants",
        caption=f"In {source.words}, the best is {values.model.iloc[0]}; AM-SU has rank "
        f"{1 + values.model.tolist().index(OURS)} of {len(values)}. Losses: "
        + "; ".join(f"{name} {spread(found.get_group(name), '.3f')}" for name in said)
        + f". Learning rates: {', '.join(f'{rate:g}' for rate in sorted(first.learning_rate.unique()))}. Bars reach "
        "over the seeds.",
        alt="A row for each contestant, sorted by held-out loss, with a dot at its mean: contestants with an "
        "astrocyte, other spiking ones, and memories of the field in three colours.",
    )


def by_position(source: Source, table: pd.DataFrame) -> explore.Explorer:
    """The loss by bytes of context."""
    study, first = PLANS[source.profile].studies[MAIN], table[table.study == MAIN]
    curves = first[["model", "by_context"]]
    silent = first[first.model == OURS].assign(model=f"{OURS}, lesioned", by_context=lambda t: t.lesioned)
    curves = pd.concat([curves[curves.model.isin(("LIF", "GRU", *RIVALS))], silent[curves.columns]])
    curves = curves.assign(context=[study.contexts] * len(curves)).explode(["by_context", "context"])
    losses = over_seeds(curves.astype({"by_context": float}), ["model", "context"], "by_context")
    figure = px.line(
        losses, "context", "by_context", **BARS, color="model", line_dash="model", markers=True, log_x=True,
        color_discrete_map={OURS: COLOURS["vermillion"], f"{OURS}, lesioned": COLOURS["grey"]},
        line_dash_map={f"{OURS}, lesioned": "dot"}, line_dash_sequence=["solid"],
        color_discrete_sequence=[COLOURS[name] for name in ("blue", "green", "purple", "sky", "orange")],
        labels={"context": "bytes of context", "by_context": "loss (nats a byte)", "model": ""},
    )  # fmt: skip
    figure.update_traces(error_y={"width": 0, "thickness": 1})
    figure.add_vline(study.length, line=GREY)
    figure.update_xaxes(tickvals=study.contexts)
    figure.update_layout(explore.WIDE, height=460, margin_t=90, **ABOVE)
    ends = {
        name: spread(map(lambda c: late(study, c), first[first.model == name].by_context), ".3f") for name in RIVALS
    }
    lost = [late(study, one.lesioned) - late(study, one.by_context) for one in first[first.model == OURS].itertuples()]
    return explore.show(
        figure,
        name="language-by-position",
        caption=f"In {source.words}, with {study.length // 2} bytes of context or more: "
        + "; ".join(f"{name} {loss}" for name, loss in ends.items())
        + f". Without its astrocytes AM-SU loses {spread(lost, '.3f')} nats a byte there.",
        alt="Loss against bytes of context on a logarithmic axis: a curve each for AM-SU, AM-SU without its astrocytes "
        "and several rivals, and an upright line at the length of a crop.",
    )


def studies(source: Source, table: pd.DataFrame):
    """By how much AM-SU leads in each study: the mean over seeds, and the range."""
    leads = {
        title: {f"better than {rival}": spread(-lead(table, rival, study=title), "+.3f") for rival in RIVALS[1:]}
        for title in PLANS[source.profile].studies
    }
    return captioned(pd.DataFrame(leads).T, source)


def costs(source: Source, decoded: Mapping[str, list[dict[str, Any]]]) -> explore.Explorer:
    """Time and memory of a byte by the bytes read before; the recorded ones, or those `decoded` in this run."""
    decoded = source.recorded[0]["decoding"] if source.recorded else decoded
    rows = pd.DataFrame([{"model": name} | one for name, found in decoded.items() for one in found])
    names = {"milliseconds": "time of a byte (ms)", "state": "numbers remembered"}
    figure = px.line(
        rows.rename(columns=names).melt(["model", "context"]), "context", "value", color="model", facet_col="variable",
        facet_col_spacing=0.12, markers=True, log_x=True, log_y=True,
        color_discrete_sequence=[COLOURS[name] for name in ("vermillion", "purple", "green")],
        labels={"context": "bytes read before", "value": "", "model": ""},
    )  # fmt: skip
    figure.update_yaxes(matches=None, showticklabels=True)
    figure.update_xaxes(tickvals=[256, 4096, 65_536], tickformat=",")
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    figure.update_layout(explore.WIDE, margin_t=70, **ABOVE)
    (first, *_, last), (short, *_, long) = decoded[OURS], decoded[TRANSFORMER]
    meets = cost.crossover(decoded[OURS], decoded[TRANSFORMER])
    slower = f"From about {meets:,.0f} bytes on the transformer is the slower one"
    return explore.show(
        figure,
        name="language-cost",
        caption=f"From {first['context']:,} to {last['context']:,} bytes of text ({source.words}), a byte of AM-SU "
        f"takes {first['milliseconds']:.2f} to {last['milliseconds']:.2f} ms and its state stays at "
        f"{first['state']:,} numbers; a byte of the transformer goes from {short['milliseconds']:.2f} to "
        f"{long['milliseconds']:.2f} ms and its cache from {short['state']:,} to {long['state']:,}. "
        f"{slower if meets < 1e9 else 'The transformer is never the slower one'}.",
        alt="Two panels on logarithmic axes against the bytes read before: the time of a byte and the numbers "
        "remembered. Lines of AM-SU and the GRU are flat, those of the transformer rise.",
    )


def energy(source: Source, table: pd.DataFrame):
    """The estimate of energy, split into multiplications and spikes, mean over seeds; the lowest first."""
    first = first_of(table).assign(firing=lambda t: 100 * t.firing, multiplications=lambda t: t.nanojoules - t.spikes)
    found = first.groupby("model")[["firing", "multiplications", "spikes", "nanojoules"]].mean()
    columns = ["neurons that fire (%)", "multiplications (nJ a byte)", "spikes (nJ a byte)", "both (nJ a byte)"]
    found = found.sort_values("nanojoules").set_axis(columns, axis=1)
    return captioned(found.rename_axis(index=None), source).format(precision=1, na_rep="none")
