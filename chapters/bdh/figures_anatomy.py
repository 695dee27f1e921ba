"""The figures and tables of the chapter on anatomy: who fires, what repeats, the wiring, a text's synapses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from brainlib.ledger import interval
from chapters.bdh import anatomy, repetition
from chapters.bdh.anatomy import MANY
from chapters.bdh.figures import GREY, recorded, spread, tidy
from chapters.bdh.repetition import LAYER, MEMORISING, NEVER, REPEATING, REPEATS

Found = Sequence[Mapping[str, Any]]  # what was found in each model of a run


def shown(content: Mapping[str, Any], profile: str) -> tuple[Mapping[str, Any], str]:
    """What the figures show, and its name: the largest recorded run, or this one."""
    for run in recorded("anatomy", profile):
        return run.content, f"the recorded {run.profile} run"
    return content, f"this {profile} run"


def density(found: Found, told: str) -> explore.Explorer:
    """x and y above zero by layer, for three texts, and before training."""
    rows = [
        {"text": text.removesuffix(", trained"), "part": part, "layer": layer, "share": interval(passages)}
        for text in found[0]["density"]
        if text.endswith(", trained") or text.startswith("Shakespeare")
        for part in "xy"
        for layer, passages in enumerate(np.mean([one["density"][text][part] for one in found], axis=0).T.tolist(), 1)
    ]
    frame = pd.DataFrame(rows)
    frame["half"] = [one.high - one.mean for one in frame["share"]]
    frame["share"] = [one.mean for one in frame["share"]]
    figure = px.line(
        frame, x="layer", y="share", error_y="half", color="text", facet_col="part", markers=True,
        labels={"share": "above zero (%)"},
    )  # fmt: skip
    figure.update_yaxes(matches=None, showticklabels=True, rangemode="tozero").update_xaxes(dtick=1)
    mean = frame[frame["part"] == "y"].groupby("text", sort=False)["share"].mean()
    after = ", ".join(f"{share:.1f} % ({text})" for text, share in mean.items() if "untrained" not in text)
    return explore.show(
        tidy(figure, height=400),
        name="anatomy-density",
        caption=f"Entries of y above zero after training, mean over layers: {after}; before training "
        f"{mean['Shakespeare, untrained']:.0f} %. Bars: 95 % over the passages of a text, after the mean over "
        f"{len(found)} models ({told}).",
        alt="Two panels, one for x and one for y: percent above zero in every layer, one line for each text read by "
        "the trained model and one for the untrained model.",
    )


def silence(found: Found, told: str) -> explore.Explorer:
    """The loss and the share of layer 2's y above zero over the letters of a period."""
    mean = {
        kind: {part: np.mean([one["read"][kind][part] for one in found], axis=0) for part in ("loss", "y")}
        for kind in (REPEATS, NEVER)
    }
    lines = {("loss (nats)", kind): one["loss"] for kind, one in mean.items()}
    lines |= {("y above zero (%)", kind): one["y"][LAYER] for kind, one in mean.items()}
    frame = pd.DataFrame(lines, index=range(1, repetition.PERIOD + 1)).rename_axis("letter of the period")
    frame = frame.melt(ignore_index=False, var_name=["panel", "text"]).reset_index()
    figure = px.line(frame, x="letter of the period", y="value", color="text", facet_row="panel", labels={"value": ""})
    word = {"x0": repetition.WARM_UP + 0.5, "x1": repetition.WARM_UP + repetition.WORD + 0.5}
    figure.add_vrect(**word, fillcolor=GREY, opacity=0.2, line_width=0)
    figure.update_yaxes(matches=None, rangemode="tozero")
    new, old = ([one["y"][LAYER][where].mean() for one in mean.values()] for where in (MEMORISING, REPEATING))
    loss = mean[REPEATS]["loss"]
    return explore.show(
        tidy(figure, height=460),
        name="anatomy-repetition",
        caption=f"At the first copy (grey), {new[0]:.1f} % of layer 2's neurons speak where the text will repeat and "
        f"{new[1]:.1f} % where it will not; after it {old[0]:.1f} % where it repeats and {old[1]:.1f} % where every "
        f"word is new. The loss falls from {loss[MEMORISING].mean():.2f} to {loss[REPEATING].mean():.2f} nats where it "
        f"repeats (chance is {np.log(repetition.LETTERS):.2f}). Mean over {len(found)} models, {told}.",
        alt="Two panels over the 77 letters of a period, with the letters of the first word shaded: the loss, and the "
        "share of layer 2's y above zero, in texts that repeat and in texts that never do.",
    )


def silence_by_layer(found: Found) -> pd.DataFrame:
    """Who falls silent, by layer."""

    def mean(kind: str, where: slice) -> list[float]:
        return np.mean([np.array(one["read"][kind]["y"])[:, where].mean(1) for one in found], axis=0).round(2).tolist()

    def fewer(where: slice) -> list[str]:
        by_layer = zip(*(repetition.silenced(one, where).tolist() for one in found), strict=True)
        return [str(interval(layer)) for layer in by_layer]

    columns = {
        "repeats: first copy (%)": mean(REPEATS, MEMORISING),
        "repeats: later copies (%)": mean(REPEATS, REPEATING),
        "never repeats, same places (%)": mean(NEVER, REPEATING),
        "fewer by (%)": fewer(REPEATING),
        "at the first copy (%)": fewer(MEMORISING),
        "pairs with fewer (%)": np.mean([one["pairs with fewer"] for one in found], axis=0).round(3) * 100,
    }
    layers = pd.RangeIndex(1, len(found[0]["pairs with fewer"]) + 1, name="layer")
    return pd.DataFrame(columns, layers)


def silence_by_pace(found: Found) -> pd.DataFrame:
    """Which neurons of layer 2 fall silent, from the fastest turning to the slowest."""
    fewer = np.mean([repetition.silenced(one, REPEATING, "y by pace") for one in found], axis=0)
    names = [f"{4**group:,} to {4 ** (group + 1):,}" for group in range(repetition.PACES)]
    return pd.DataFrame({"fewer by (%)": fewer.round(1)}, pd.Index(names, name="letters for a turn of one radian")).T


def modularity(found: Found, per_neuron: Sequence[int], told: str) -> explore.Explorer:
    """Modularity against edges a neuron: mean and range over heads and models."""
    frame = pd.concat(
        pd.DataFrame(rows, columns=per_neuron).assign(graph=graph)
        for one in found
        for graph, rows in one["modularity"].items()
    )
    frame = spread(frame.melt("graph", var_name="edges", value_name="Q"), "Q", "graph", "edges")
    figure = px.line(
        frame, x="edges", y="Q", error_y="above", error_y_minus="below", color="graph", line_dash="graph",
        markers=True, log_x=True, labels={"edges": "edges a neuron, m / n", "Q": "modularity Q"},
    )  # fmt: skip
    figure.update_xaxes(tickvals=per_neuron).update_yaxes(range=[0, 1])
    most = frame[frame["edges"] == per_neuron[-1]].set_index("graph")
    trained, untrained = (most.loc[graph] for graph in (anatomy.TRAINED, anatomy.UNTRAINED))
    return explore.show(
        tidy(figure, height=420),
        name="anatomy-modularity",
        caption=f"With {per_neuron[-1]} edges a neuron, the modularity of G is {trained['Q']:.2f} after training, mean "
        f"over heads and {len(found)} models ({trained['Q'] - trained['below']:.2f} to "
        f"{trained['Q'] + trained['above']:.2f}), {untrained['Q']:.2f} before, and "
        f"{most.loc[anatomy.NEGATIVE, 'Q']:.2f} in its most negative entries ({told}). With one edge a neuron every "
        "graph is nearly a forest, and forests cut well.",
        alt="Modularity against the number of edges on a logarithmic axis, for G after and before training, its most "
        "negative entries, and two baselines. All curves fall as edges are added; bars show the range over heads.",
    )


def blocks(found: Found) -> pd.DataFrame:
    """Of the first model: how far each block of G reaches to the right and to the left."""
    tails = found[0]["tails"]["trained"]
    heads = [f"head {head + 1}" for head in range(len(tails))]
    cells = [[f"{right:.1f} / {left:.1f}" for right, left in row] for row in tails]
    return pd.DataFrame(cells, [f"to {head}" for head in heads], [f"from {head}" for head in heads])


def heavy_blocks(found: Found) -> str:
    """In how many blocks the right tail is the heavier one and heavier than any before training, in words."""

    def tails(which: str) -> np.ndarray:
        return np.array([one["tails"][which] for one in found]).reshape(-1, 2)

    right, left = tails("trained").T
    heavy = (right > left) & (right > tails("untrained").max())
    return f"{heavy.sum()} of the {len(heavy)} blocks of {len(found)} models"


def degrees(found: Found) -> pd.DataFrame:
    """Hubs, all models together, and what a power law's rivals say of the tails of the degrees of the first model."""
    import powerlaw

    def row(graph: str, way: str) -> dict[str, Any]:
        counts = found[0]["degrees"][graph][way]
        fit = powerlaw.Fit(np.repeat(np.arange(len(counts)), counts)[counts[0] :], discrete=True, verbose=False)

        def better(other: str) -> str:
            ratio, p = fit.distribution_compare("power_law", other, normalized_ratio=True)
            return "not decided" if p > 0.05 else "power law" if ratio > 0 else other.replace("_", " ")

        return {
            "edges at the top tenth (%)": np.mean([anatomy.top_share(one["degrees"][graph][way]) for one in found]),
            "largest": len(counts) - 1,
            "exponent": fit.power_law.alpha,
            "tail begins at": int(fit.power_law.xmin),
            "neurons in the tail": sum(counts[int(fit.power_law.xmin) :]),
            "or exponential?": better("exponential"),
            "or log-normal?": better("lognormal"),
        }

    graphs = (anatomy.TRAINED, anatomy.UNTRAINED, anatomy.RANDOM)
    return pd.DataFrame({f"{graph}: {way}-degree": row(graph, way) for graph in graphs for way in ("out", "in")}).T


def sigma(found: Found, told: str) -> explore.Explorer:
    """How many neurons have at least so many edges in sigma after a text (Figure 11)."""
    frame = pd.concat(
        pd.DataFrame({"degree": range(1, len(counts)), "neurons": np.cumsum(counts[::-1])[-2::-1]}).assign(
            way=f"{way}-degree", model=which
        )
        for which, ways in found[0]["sigma"].items()
        for way, counts in ways.items()
    )
    frame = frame[frame["neurons"] > 0].drop_duplicates(["way", "model", "neurons"], keep="last")
    figure = px.line(
        frame, x="degree", y="neurons", color="model", facet_col="way", log_x=True, log_y=True, line_shape="hv",
        labels={"degree": "edges, at least", "neurons": "neurons"},
    )  # fmt: skip
    top = {
        which: " and ".join(
            f"{np.mean([anatomy.top_share(one['sigma'][which][way]) for one in found]):.0f} % of the edges {words}"
            for way, words in (("out", "that leave"), ("in", "that arrive"))
        )
        for which in found[0]["sigma"]
    }
    return explore.show(
        tidy(figure, height=400),
        name="anatomy-sigma",
        caption=f"The {MANY} n largest synapses within one head after one text: the tenth of the neurons with most "
        f"edges has {top['trained']}; in the untrained model {top['untrained']} (means over {len(found)} models, "
        f"{told}; the lines are the first model's).",
        alt="Two panels on logarithmic axes, for out-degree and in-degree: the number of neurons with at least so many "
        "edges, before and after training.",
    )
