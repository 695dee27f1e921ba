"""The figures and tables of the chapter on anatomy: who fires, what repeats, the wiring, a text's synapses."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from brainlib.ledger import interval
from chapters.bdh import anatomy, repetition
from chapters.bdh.figures import GREY, Found, Sample, tidy
from chapters.bdh.repetition import LAYER, MEMORISING, NEVER, REPEATING, REPEATS

COPIES = {"1": MEMORISING, "2 to 8": REPEATING}


def average(found: Found, *path: str) -> np.ndarray:
    """Over models, of what stands there."""
    parts = list(found)
    for name in path:
        parts = [part[name] for part in parts]
    return np.mean(parts, axis=0)


def density(sample: Sample) -> explore.Explorer:
    """x and y above zero by layer, for three texts, and before training."""
    found = sample.content["anatomy"]
    texts = [text for text in found[0]["density"] if text.endswith(", trained") or text.startswith("Shakespeare")]
    frame = pd.concat(
        pd.DataFrame(average(found, "density", text, part)).agg(["mean", "sem"]).T.assign(text=text, part=part)
        for text in texts
        for part in "xy"
    )
    frame = frame.assign(layer=frame.index + 1, bar=2 * frame["sem"])
    figure = px.line(
        frame, x="layer", y="mean", error_y="bar", color="text", facet_col="part", facet_col_spacing=0.1,
        markers=True, labels={"mean": "above zero (%)"},
    )  # fmt: skip
    figure.update_yaxes(matches=None, showticklabels=True, rangemode="tozero").update_xaxes(dtick=1)
    means = frame[frame["part"] == "y"].groupby("text", sort=False)["mean"].mean()
    return explore.show(
        tidy(figure, height=400),
        name="anatomy-density",
        caption="Entries of y above zero, mean over layers: "
        + "; ".join(f"{text} {share:.1f} %" for text, share in means.items())
        + f". Bars: two standard errors over passages, after the mean over models ({sample.told}).",
        alt="Two panels, one for x and one for y: percent above zero in every layer, one line for each text read by "
        "the trained model and one for the untrained model.",
    )


def silence(sample: Sample) -> explore.Explorer:
    """The loss and the share of layer 2's y above zero over the letters of a period."""
    found = sample.content["repetition"]
    loss, y = ({kind: average(found, "read", kind, part) for kind in (REPEATS, NEVER)} for part in ("loss", "y"))
    lines = {("loss (nats)", kind): values for kind, values in loss.items()}
    lines |= {("y above zero (%)", kind): values[LAYER] for kind, values in y.items()}
    frame = pd.DataFrame(lines, index=range(1, repetition.PERIOD + 1)).rename_axis("letter of the period")
    frame = frame.melt(ignore_index=False, var_name=["panel", "text"]).reset_index()
    figure = px.line(frame, x="letter of the period", y="value", color="text", facet_row="panel", labels={"value": ""})
    figure.add_vrect(x0=MEMORISING.start + 0.5, x1=MEMORISING.stop + 0.5, fillcolor=GREY, opacity=0.2, line_width=0)
    figure.update_yaxes(matches=None, rangemode="tozero")
    first, later = ([one[LAYER][where].mean() for one in y.values()] for where in (MEMORISING, REPEATING))
    return explore.show(
        tidy(figure, height=460),
        name="anatomy-repetition",
        caption=f"At the first copy (grey), {first[0]:.1f} % of layer 2's neurons speak where the text will repeat and "
        f"{first[1]:.1f} % where it will not; after it {later[0]:.1f} % where it repeats and {later[1]:.1f} % where "
        f"every word is new. The loss falls from {loss[REPEATS][MEMORISING].mean():.2f} to "
        f"{loss[REPEATS][REPEATING].mean():.2f} nats where it repeats (chance is {np.log(repetition.LETTERS):.2f}). "
        f"Mean over {len(found)} models, {sample.told}.",
        alt="Two panels over the 77 letters of a period, with the letters of the first word shaded: the loss, and the "
        "share of layer 2's y above zero, in texts that repeat and in texts that never do.",
    )


def silence_by_layer(sample: Sample) -> pd.DataFrame:
    """Who falls silent, by layer."""
    found = sample.content["repetition"]
    places = {f"{kind}: copy {copy} (%)": (kind, where) for kind in (REPEATS, NEVER) for copy, where in COPIES.items()}
    table = {name: average(found, "read", kind, "y")[:, at].mean(1).round(2) for name, (kind, at) in places.items()}
    for copy, where in COPIES.items():
        by_layer = np.transpose([repetition.silenced(one, where) for one in found]).tolist()
        table[f"fewer by, copy {copy} (%)"] = [str(interval(layer)) for layer in by_layer]
    table["pairs with fewer (%)"] = (100 * average(found, "pairs with fewer")).round(1)
    return pd.DataFrame(table).rename(lambda layer: f"layer {layer + 1}").T


def silence_by_pace(sample: Sample) -> pd.DataFrame:
    """Which neurons of layer 2 fall silent, from the fastest turning to the slowest."""
    found = sample.content["repetition"]
    fewer = np.mean([repetition.silenced(one, REPEATING, "y by pace") for one in found], axis=0)
    names = [f"{4**group:,} to {4 ** (group + 1):,}" for group in range(repetition.PACES)]
    return pd.DataFrame({"fewer by (%)": fewer.round(1)}, pd.Index(names, name="letters for a turn of one radian")).T


def modularity(sample: Sample) -> explore.Explorer:
    """Modularity against edges a neuron: mean and range over heads and models."""
    found, per_neuron = sample.content["anatomy"], sample.content["per neuron"]
    frame = pd.concat(
        pd.DataFrame(rows, columns=per_neuron).assign(graph=graph)
        for one in found
        for graph, rows in one["modularity"].items()
    )
    frame = frame.melt("graph", var_name="edges").groupby(["graph", "edges"], sort=False)["value"]
    frame = frame.agg(Q="mean", low="min", top="max").reset_index()
    frame = frame.assign(above=frame["top"] - frame["Q"], below=frame["Q"] - frame["low"])
    figure = px.line(
        frame, x="edges", y="Q", error_y="above", error_y_minus="below", color="graph", line_dash="graph",
        markers=True, log_x=True, labels={"edges": "edges a neuron, m / n", "Q": "modularity Q"},
    )  # fmt: skip
    figure.update_xaxes(tickvals=per_neuron).update_yaxes(range=[0, 1])
    most = frame[frame["edges"] == per_neuron[-1]].itertuples()
    means = "; ".join(f"{row.graph} {row.Q:.2f} ({row.low:.2f} to {row.top:.2f})" for row in most)
    return explore.show(
        tidy(figure, height=420),
        name="anatomy-modularity",
        caption=f"Modularity with {per_neuron[-1]} edges a neuron, mean and range over heads and models: {means} "
        f"({sample.told}). With one edge a neuron a random graph is nearly a forest, and forests cut well.",
        alt="Modularity against the number of edges on a logarithmic axis, for G after and before training, its most "
        "negative entries, its senders shuffled, and two baselines; bars show the range over heads.",
    )


def blocks(sample: Sample) -> pd.DataFrame:
    """Of the first model: how far each block of G reaches to the right and to the left."""
    found = sample.content["anatomy"]
    cells = [[f"{right:.1f} / {left:.1f}" for right, left in row] for row in found[0]["tails"]["trained"]]
    heads = range(1, len(cells) + 1)
    return pd.DataFrame(cells, [f"to head {head}" for head in heads], [f"from head {head}" for head in heads])


def heavy_blocks(sample: Sample) -> str:
    """In how many blocks the right tail is the heavier one and heavier than any before training, in words."""
    found = sample.content["anatomy"]
    after, before = (np.array([one["tails"][which] for one in found]) for which in ("trained", "untrained"))
    heavy = (after[..., 0] > after[..., 1]) & (after[..., 0] > before.max())
    return f"{heavy.sum()} of the {heavy.size} blocks of {len(found)} models"


def degrees(sample: Sample) -> pd.DataFrame:
    """Hubs, all models together, and what a power law's rivals say of the tails of the degrees of the first model."""
    found = sample.content["anatomy"]
    import powerlaw

    def row(graph: str, way: str) -> dict[str, Any]:
        counts = found[0]["degrees"][graph][way]
        fit = powerlaw.Fit(np.repeat(np.arange(len(counts)), counts)[counts[0] :], discrete=True, verbose=False)

        def better(other: str) -> str:
            ratio, p = fit.distribution_compare("power_law", other, normalized_ratio=True)
            return "not decided" if p > 0.05 else "power law" if ratio > 0 else other

        return {
            "edges at the top tenth (%)": np.mean([anatomy.top_share(one["degrees"][graph][way]) for one in found]),
            "largest": len(counts) - 1,
            "exponent": fit.power_law.alpha,
            "tail begins at": fit.power_law.xmin,
            "or exponential?": better("exponential"),
            "or lognormal?": better("lognormal"),
        }

    graphs = (anatomy.TRAINED, anatomy.UNTRAINED, anatomy.RANDOM)
    with warnings.catch_warnings(action="ignore"):  # of the guesses from which the fits start
        table = pd.DataFrame({f"{graph}: {way}-degree": row(graph, way) for graph in graphs for way in ("out", "in")}).T
    return table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.3g}")


def sigma(sample: Sample) -> explore.Explorer:
    """How many neurons of the first model have at least so many edges in sigma after a text (Figure 11)."""
    found = sample.content["anatomy"]
    frame = pd.concat(
        pd.DataFrame({"neurons": np.cumsum(counts[:0:-1])[::-1]}).assign(way=f"{way}-degree", model=model)
        for model, ways in found[0]["sigma"].items()
        for way, counts in ways.items()
    )
    frame = frame.assign(degree=frame.index + 1).drop_duplicates(["way", "model", "neurons"], keep="last")
    figure = px.line(
        frame, x="degree", y="neurons", color="model", facet_col="way", log_x=True, log_y=True, line_shape="hv",
        labels={"degree": "edges, at least"},
    )  # fmt: skip
    figure.update_xaxes(dtick=1).update_yaxes(dtick=1)
    top = "; ".join(
        f"{model}, {way}-degree {np.mean([anatomy.top_share(one['sigma'][model][way]) for one in found]):.0f} %"
        for model in found[0]["sigma"]
        for way in ("out", "in")
    )
    return explore.show(
        tidy(figure, height=400),
        name="anatomy-sigma",
        caption=f"Edges of σ at the top tenth of the neurons, mean over models: {top} ({sample.told}; the lines are "
        "the first model's).",
        alt="Two panels on logarithmic axes, for out-degree and in-degree: the number of neurons with at least so many "
        "edges, before and after training.",
    )
