"""The figures of the chapter on anatomy: who is active, what repeats, and the wiring."""

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from brainlib import bdh, explore, runs
from brainlib.bdh import BDH
from brainlib.bdh.anatomy import wiring
from brainlib.explore import COLOURS
from brainlib.runs import Run
from chapters.bdh import anatomy, repetition
from chapters.bdh.anatomy import HUBS, MANY, PER_NEURON

BLUE, ORANGE, GREEN, GREY = (COLOURS[name] for name in ("blue", "vermillion", "green", "grey"))
PALETTE = [BLUE, ORANGE, GREEN, COLOURS["purple"], COLOURS["sky"], COLOURS["orange"]]
STYLES = {
    "G, trained": (ORANGE, "solid"),
    "G, untrained": (ORANGE, "dot"),
    "random edges": (GREY, "solid"),
    "low-rank Gaussian": (BLUE, "solid"),
}
TOP = "edges at the top tenth (%)"
FAINT = "rgba({}, {}, {}, {})".format(*(int(GREY[place : place + 2], 16) for place in (1, 3, 5)), "{}")


def recorded(profile: str) -> list[Run]:
    """The recorded runs of larger profiles."""
    return [run for run in runs.kept("anatomy") if run.profile != profile]


def earlier(profile: str, *keys: str) -> np.ndarray:
    """What the recorded larger runs measured under these keys, one row a seed; empty if there are none."""
    found = []
    for run in recorded(profile):
        content: Any = run.content
        for key in keys:
            content = content[key]
        found.append(content)
    return np.array(found)


def _spread(rows: np.ndarray) -> dict[str, Any]:
    """Bars from the lowest to the highest row."""
    mean = rows.mean(0)
    return {"symmetric": False, "array": rows.max(0) - mean, "arrayminus": mean - rows.min(0)}


def _seeds(profile: str) -> str:
    kept = recorded(profile)
    return f"recorded {kept[0].profile} runs ({len(kept)} seeds)"


def densities(model: BDH, untrained: BDH, windows: Tensor) -> dict[str, dict[str, list[float]]]:
    """Percent of x and y above zero, layer by layer."""
    return {
        name: {part: (bdh.density(getattr(activity, part)).cpu() * 100).tolist() for part in ("x", "y")}
        for name, activity in (
            ("untrained", bdh.record_activity(untrained, windows.to(model.embedding.device))),
            ("trained", bdh.record_activity(model, windows.to(model.embedding.device))),
        )
    }


def density(found: Mapping[str, Mapping[str, list[float]]], profile: str) -> explore.Explorer:
    """Who is active, before and after training, beside the recorded runs."""
    figure = go.Figure()
    for part, colour in (("x", BLUE), ("y", ORANGE)):
        for name, dash in (("untrained", "dot"), ("trained", "solid")):
            values = found[name][part]
            figure.add_scatter(
                x=list(range(1, len(values) + 1)), y=values, name=f"{part}, {name}", mode="lines+markers",
                line={"color": colour, "dash": dash},
            )  # fmt: skip
        if len(kept := earlier(profile, "density", part)):
            figure.add_scatter(
                x=list(range(1, kept.shape[1] + 1)), y=kept.mean(0), error_y=_spread(kept), mode="markers",
                name=f"{part}, recorded ({recorded(profile)[0].profile})",
                marker={"color": colour, "symbol": "diamond-open", "size": 11},
            )  # fmt: skip
    figure.update_layout(explore.WIDE, height=380)
    figure.update_xaxes(title="layer", dtick=1)
    figure.update_yaxes(title="entries above zero (%)", rangemode="tozero")
    mean = {(name, part): np.mean(found[name][part]) for name in found for part in ("x", "y")}
    larger = ""
    if recorded(profile):
        both = [earlier(profile, "density", part).mean() for part in ("x", "y")]
        larger = f" The {_seeds(profile)} have {both[0]:.0f} % and {both[1]:.1f} %."
    return explore.show(
        figure,
        name="anatomy-density",
        caption=f"On held-out verses {mean['trained', 'x']:.0f} % of x and {mean['trained', 'y']:.1f} % of y are above "
        f"zero (means over layers); before training it was {mean['untrained', 'x']:.0f} % and "
        f"{mean['untrained', 'y']:.0f} %.{larger}",
        alt="Lines over the layers: the share of x and of y above zero, before and after training. The lines of y lie "
        "below those of x, and the trained below the untrained.",
    )


def silence(reading: repetition.Reading, control: repetition.Reading, profile: str) -> explore.Explorer:
    """Loss and the share of y above zero over the letters of a period."""
    share = repetition.shares(reading, control)
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.35, 0.65], vertical_spacing=0.06)
    place, below = list(range(1, repetition.PERIOD + 1)), {"row": 2, "col": 1}
    figure.add_scatter(x=place, y=reading.loss, name="loss", line_color=GREY, showlegend=False, row=1, col=1)
    for layer, (values, colour) in enumerate(zip(reading.y * 100, (GREY, ORANGE, BLUE, GREEN), strict=True), 1):
        line = {"color": colour, "width": 3 if layer == 2 else 1.5}
        figure.add_scatter(x=place, y=values, name=f"layer {layer}", line=line, **below)
    line = {"color": ORANGE, "dash": "dash", "width": 1.5}
    figure.add_scatter(x=place, y=control.y[1] * 100, name="layer 2, nothing repeats", line=line, **below)
    larger = ""
    if kept := recorded(profile):
        mean, line = earlier(profile, "repetition", "y")[:, 1].mean(0), {"color": ORANGE, "dash": "dot"}
        figure.add_scatter(x=place, y=mean, name=f"layer 2, recorded ({kept[0].profile})", line=line, **below)
        before, after, other = (
            earlier(profile, "repetition", "share", name)[:, 1].mean()
            for name in ("memorising", "repeating", "never repeating")
        )
        loss = earlier(profile, "repetition", "loss")[:, repetition.REPEATING].mean()
        larger = (
            f" In the {_seeds(profile)} layer 2 goes from {before:.1f} % to {after:.1f} % (never repeating: "
            f"{other:.1f} %), and the loss while repeating is {loss:.2f} nats."
        )
    new = {"x0": repetition.WARM_UP + 0.5, "x1": repetition.WARM_UP + repetition.WORD + 0.5}
    new |= {"fillcolor": FAINT.format(0.2), "line_width": 0}
    figure.add_vrect(**new, row=1, col=1)
    figure.add_vrect(**new, annotation_text="new word", annotation_position="top left", **below)
    figure.update_yaxes(title="loss (nats)", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="y above zero (%)", rangemode="tozero", **below)
    figure.update_xaxes(title="letter of the period", **below)
    figure.update_layout(explore.WIDE, height=500)
    learned, repeated = (reading.loss[where].mean() for where in (repetition.MEMORISING, repetition.REPEATING))
    return explore.show(
        figure,
        name="anatomy-repetition",
        caption=f"While it memorises, {share['memorising'][1]:.1f} % of layer 2's neurons speak; while the word "
        f"repeats, {share['repeating'][1]:.1f} %; in the same places of a text that never repeats, "
        f"{share['never repeating'][1]:.1f} %. The loss falls from {learned:.2f} to {repeated:.2f} nats between the "
        f"two (chance is {np.log(26):.2f}).{larger}",
        alt="Two panels over the 77 letters of a period. Above, the loss, high while the word is new. Below, the share "
        "of y above zero for each of four layers, with the letters of the new word shaded.",
    )


def pace(ratio_by_pace: Sequence[float], profile: str) -> explore.Explorer:
    """Which neurons fall silent, from the fastest turning to the slowest."""
    names = [f"{4**group:,}–{4 ** (group + 1):,}" for group in range(repetition.PACES)]
    figure = go.Figure()
    figure.add_bar(x=names, y=ratio_by_pace, name=f"this run ({profile})", marker_color=BLUE)
    larger = ""
    if len(kept := earlier(profile, "repetition", "ratio_by_pace")):
        which = recorded(profile)[0].profile
        figure.add_bar(
            x=names, y=kept.mean(0), error_y=_spread(kept), name=f"recorded ({which}, {len(kept)} seeds)",
            marker_color=ORANGE,
        )  # fmt: skip
        larger = f" Recorded ({which}): {kept[:, :4].mean():.2f} and {kept[:, 4:].mean():.2f}."
    figure.add_hline(1, line={"dash": "dot", "color": GREY})
    figure.update_layout(explore.WIDE, barmode="group")
    figure.update_xaxes(title="letters for a turn of one radian", type="category")
    figure.update_yaxes(title="memorising / repeating")
    fast, slow = np.mean(ratio_by_pace[:4]), np.mean(ratio_by_pace[4:])
    return explore.show(
        figure,
        name="anatomy-pace",
        caption="How many times more neurons of layer 2 speak while memorising than while repeating: "
        f"{fast:.2f} in the fast half and {slow:.2f} in the slow half (means of four groups).{larger}",
        alt="Bars for eight groups of neurons from fast to slow: the ratio of the share that speaks while memorising "
        "to that while repeating, with a dotted line at one.",
    )


def weights(model: BDH, untrained: BDH, moments: Mapping[str, Mapping[str, float]]) -> explore.Explorer:
    """Histograms of the weights of each block, split in a symmetric and a skew part."""
    blocks, blank = anatomy.blocks(model), anatomy.blocks(untrained)
    limit, n = max(float(block.abs().max() / block.std()) for block in blocks), len(blocks[0])
    edges = torch.linspace(-limit, limit, 82)
    middles = ((edges[1:] + edges[:-1]) / 2).numpy().round(2)

    def histogram(head):
        counts, before = (
            torch.histc(block[head - 1].flatten() / block[head - 1].std(), 81, -limit, limit).long()
            for block in (blocks, blank)
        )
        symmetric = wiring.symmetric_part(counts)
        figure = go.Figure()
        for name, values, colour, dash in (
            ("trained", counts, ORANGE, "solid"),
            ("symmetric part", symmetric, BLUE, "solid"),
            ("skew part", counts - symmetric, GREEN, "solid"),
            ("untrained", before, GREY, "dot"),
        ):
            figure.add_scatter(
                x=middles, y=values.double().where(values > 0, torch.nan), name=name,
                line={"color": colour, "dash": dash, "width": 1.5},
            )  # fmt: skip
        figure.update_xaxes(title="weight (standard deviations)", range=[-limit, limit])
        figure.update_yaxes(title="number of edges", type="log", range=[-0.1, np.log10(n * n / 5)], dtick=1)
        return figure.update_layout(explore.WIDE, height=380)

    skewness, kurtosis, start = (
        [column[name] for column in moments.values()]
        for name in ("skewness", "kurtosis (Gaussian: 3)", "skewness, untrained")
    )
    return explore.explorer(
        histogram,
        name="anatomy-weights",
        head=range(1, len(blocks) + 1),
        caption=f"The skewness of the trained blocks is {min(skewness):.2f} to {max(skewness):.2f}, their kurtosis "
        f"{min(kurtosis):.1f} to {max(kurtosis):.1f}; before training it is {max(map(abs, start)):.2f} at most, and 3.",
        alt="Histograms of the weights of one block on a logarithmic axis: before training a narrow symmetric hill; "
        "after training wider tails, split in a symmetric and a skew part.",
    )


def _modularity(figure: go.Figure, found: Mapping[str, Sequence], **place: int) -> go.Figure:
    """Modularity against edges a neuron, mean and range over heads."""
    for name, rows in found.items():
        colour, dash = STYLES[name]
        rows = np.array(rows)
        figure.add_scatter(
            x=PER_NEURON, y=rows.mean(0), error_y=_spread(rows), name=name, mode="lines+markers",
            line={"color": colour, "dash": dash}, **place,
        )  # fmt: skip
    figure.update_xaxes(title="edges a neuron, m / n", type="log", dtick=np.log10(2), **place)
    return figure.update_yaxes(title="modularity Q", range=[0, 1], **place)


def modularity(kept: Mapping[str, Any], profile: str) -> explore.Explorer:
    figure = _modularity(go.Figure(), kept["modularity"])
    for name in ("G, trained", "low-rank Gaussian") if recorded(profile) else ():
        figure.add_scatter(
            x=recorded(profile)[0].content["edges a neuron"], y=earlier(profile, "modularity", name).mean((0, 1)),
            name=f"{name}, recorded ({recorded(profile)[0].profile})", mode="markers",
            marker={"color": STYLES[name][0], "symbol": "diamond-open", "size": 11},
        )  # fmt: skip
    figure.update_layout(explore.WIDE, height=420)
    above = np.array(kept["above baselines"])
    return explore.show(
        figure,
        name="anatomy-modularity",
        caption=f"With 8 edges a neuron and more, G's modularity is {above[:, MANY].min():+.2f} to "
        f"{above[:, MANY].max():+.2f} from the higher baseline's (all heads); with one edge a neuron it is "
        f"{above[:, 0].min():+.2f} to {above[:, 0].max():+.2f}: there random edges are nearly a forest, and forests "
        "cut well.",
        alt="Modularity against the number of edges on a logarithmic axis. All curves fall as edges are added; bars "
        "show the spread over heads.",
    )


def threshold(model: BDH, kept: Mapping[str, Any], seed: int) -> explore.Explorer:
    """The neurons of the most modular head under a falling threshold."""
    head = int(np.argmax(np.array(kept["above baselines"])[:, MANY].mean(1)))
    block = anatomy.blocks(model)[head]
    n = len(block)
    graph = nx.Graph(wiring.strongest_edges(block, 4 * n).tolist())
    graph.add_nodes_from(range(n))
    spring = nx.spring_layout(graph, seed=seed)
    places = np.array([spring[neuron] for neuron in range(n)])
    places = (places.argsort(0).argsort(0) / (n - 1) * 2 - 1).round(2)  # ranks: spread evenly

    def draw(edges):
        found = wiring.strongest_edges(block, n * edges)
        quality, labels = wiring.communities(found, n, seed)
        degree = wiring.degrees(found, n).sum(0)
        beta = float(block[found[-1, 1], found[-1, 0]] / block.std())
        figure = make_subplots(1, 2, column_widths=[0.55, 0.45], horizontal_spacing=0.12)
        lines = np.full((min(250, len(found)), 3, 2), None)
        lines[:, :2] = places[found[:250].numpy()]
        still = {"hoverinfo": "skip", "showlegend": False, "row": 1, "col": 1}
        figure.add_scatter(
            x=lines[:, :, 0].ravel(), y=lines[:, :, 1].ravel(), mode="lines",
            line={"color": FAINT.format(0.5), "width": 0.7}, **still,
        )  # fmt: skip
        colours = [PALETTE[label] if label < len(PALETTE) else GREY for label in labels.tolist()]
        dots = {"color": colours, "size": (3 + 11 * degree / degree.max()).numpy().round(1)}
        figure.add_scatter(x=places[:, 0], y=places[:, 1], mode="markers", marker=dots, **still)
        _modularity(figure, kept["modularity"], row=1, col=2)
        figure.add_vline(edges, line={"dash": "dot", "color": GREY}, row=1, col=2)
        figure.update_xaxes(visible=False, range=[-1.1, 1.1], row=1, col=1)
        figure.update_yaxes(visible=False, range=[-1.1, 1.1], row=1, col=1)
        figure.add_annotation(
            text=f"threshold β = {beta:.1f} standard deviations, {n * edges:,} edges, Q = {quality:.2f}",
            x=0, y=1.0, xref="paper", yref="paper", yanchor="bottom", xanchor="left", showarrow=False,
        )  # fmt: skip
        return figure.update_layout(width=760, height=470, legend={"y": -0.2, "yanchor": "top"})

    found = kept["modularity"]
    return explore.explorer(
        draw,
        name="anatomy-threshold",
        edges=list(PER_NEURON),
        start={"edges": 4},
        caption=f"The {n} neurons of head {head + 1} under a falling threshold. With {PER_NEURON[-1]} edges a neuron G "
        f"still has a modularity of {found['G, trained'][head][-1]:.2f}, random edges "
        f"{np.mean(found['random edges'], 0)[-1]:.2f}.",
        alt="Left, the neurons of a head as dots, coloured by community and sized by degree, with the strongest edges "
        "as lines. Right, modularity against edges a neuron for G and the baselines, with a dotted line at the chosen "
        "threshold.",
    )


def degrees(kept: Mapping[str, Any], profile: str) -> explore.Explorer:
    """The share of neurons with at least k edges, out and in."""
    figure = make_subplots(1, 2, shared_yaxes=True, subplot_titles=("out-degree", "in-degree"), horizontal_spacing=0.06)
    for name, (colour, dash) in STYLES.items():
        for column, degree in enumerate(torch.as_tensor(kept["degrees"][name]), start=1):
            values, counts = degree[degree > 0].unique(return_counts=True)
            at_least = counts.flip(0).cumsum(0).flip(0) / len(degree)
            figure.add_scatter(
                x=values, y=at_least.numpy().round(5), name=name, mode="lines",
                line={"color": colour, "dash": dash}, showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title="degree k", type="log", dtick=1)
    figure.update_yaxes(type="log", dtick=1)
    figure.update_yaxes(title="share of neurons with at least k", row=1, col=1)
    figure.update_layout(explore.WIDE, height=400, legend={"y": -0.2, "yanchor": "top"})
    both = [kept["tails"][f"G, trained: {direction}-degree"][TOP] for direction in ("out", "in")]
    chance = kept["tails"]["random edges: out-degree"][TOP]
    larger = ""
    if runs := recorded(profile):
        out, into = (earlier(profile, "tails", f"G, trained: {way}-degree", TOP).mean() for way in ("out", "in"))
        larger = f" Recorded ({runs[0].profile}, {len(runs)} seeds): {out:.0f} % out, {into:.0f} % in."
    return explore.show(
        figure,
        name="anatomy-degrees",
        caption=f"With {HUBS} edges a neuron, the tenth of the neurons with the highest degrees holds {both[0]:.0f} % "
        f"of the edges out and {both[1]:.0f} % of the edges in (random edges: {chance:.0f} %): the "
        f"{more_concentrated(kept)}-degree is the more concentrated.{larger}",
        alt="Two panels on logarithmic axes, out-degree and in-degree: the share of neurons with at least k edges, for "
        "G trained and untrained and for two baselines. The random graph's curve falls first and steeply.",
    )


def more_concentrated(kept: Mapping[str, Any]) -> str:
    """ "out" or "in"."""
    out, into = (kept["tails"][f"G, trained: {direction}-degree"][TOP] for direction in ("out", "in"))
    return "out" if out > into else "in"
