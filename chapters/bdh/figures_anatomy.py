"""The figures of the chapter on anatomy: what repeats, the wiring, and single synapses for single concepts."""

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import plotly.express as px
import torch

from brainlib import explore
from brainlib.bdh import BDH
from brainlib.bdh.anatomy import wiring
from brainlib.bdh.anatomy.synapses import Synapse, synapse_values
from chapters.bdh import anatomy, repetition
from chapters.bdh.anatomy import HUBS, MANY, PER_NEURON, TOP
from chapters.bdh.concepts import CONCEPTS, passages
from chapters.bdh.figures import BLUE, DOTTED, GREY, PURPLE, RED, recorded, spread, tidy, whose

LANGUAGES = {"English": "en", "Spanish": "es"}
LOOK = {
    "color": "graph",
    "line_dash": "graph",
    "color_discrete_map": dict(zip(anatomy.GRAPHS, (RED, PURPLE, GREY, BLUE), strict=True)),
    "line_dash_map": dict(zip(anatomy.GRAPHS, ("solid", "dot", "dash", "solid"), strict=True)),
    "category_orders": {"graph": anatomy.GRAPHS, "direction": ("out-degree", "in-degree")},
    "labels": {
        "edges": "edges a neuron, m / n",
        "Q": "modularity Q",
        "degree": "degree k",
        "share": "share of neurons with at least k",
    },
}


def silence(reading: repetition.Reading, control: repetition.Reading) -> explore.Explorer:
    """The loss and the share of layer 2's y above zero over the letters of a period."""
    lines = {
        ("loss (nats)", "repeating"): reading.loss.tolist(),
        ("y above zero (%)", "repeating"): (reading.y[1] * 100).tolist(),
        ("y above zero (%)", "nothing repeats"): (control.y[1] * 100).tolist(),
    }
    frame = pd.DataFrame(lines, index=range(1, repetition.PERIOD + 1)).rename_axis("letter of the period")
    frame = frame.melt(ignore_index=False, var_name=["panel", "text"]).reset_index()
    figure = px.line(frame, x="letter of the period", y="value", color="text", facet_row="panel", labels={"value": ""})
    word = {"x0": repetition.WARM_UP + 0.5, "x1": repetition.WARM_UP + repetition.WORD + 0.5}
    figure.add_vrect(**word, fillcolor=GREY, opacity=0.2, line_width=0)
    figure.update_yaxes(matches=None, rangemode="tozero")
    share = repetition.shares(reading, control)
    learned, repeated = (reading.loss[where].mean() for where in (repetition.MEMORISING, repetition.REPEATING))
    return explore.show(
        tidy(figure, height=460),
        name="anatomy-repetition",
        caption=f"While it memorises (grey), {share['memorising'][1]:.1f} % of layer 2's neurons speak; while the word "
        f"repeats, {share['repeating'][1]:.1f} %; in the same places of a text that never repeats, "
        f"{share['never repeating'][1]:.1f} %. The loss falls from {learned:.2f} to {repeated:.2f} nats between the "
        f"two (chance is {np.log(26):.2f}).",
        alt="Two panels over the 77 letters of a period, with the letters of the new word shaded: the loss, high while "
        "the word is new, and the share of layer 2's y above zero, in texts that repeat and in texts that do not.",
    )


def pace(ratio_by_pace: Sequence[float], profile: str) -> explore.Explorer:
    """Which neurons fall silent, from the fastest turning to the slowest, of the recorded runs if there are any."""
    kept = recorded("anatomy", profile)
    ratios = np.array([run.content["repetition"]["ratio_by_pace"] for run in kept] or [ratio_by_pace])
    names = [f"{4**group:,}–{4 ** (group + 1):,}" for group in range(repetition.PACES)]
    frame = spread(pd.DataFrame(ratios, columns=names).melt(var_name="pace", value_name="ratio"), "ratio", "pace")
    labels = {"pace": "letters for a turn of one radian", "ratio": "memorising / repeating"}
    figure = px.bar(frame, x="pace", y="ratio", error_y="above", error_y_minus="below", labels=labels)
    return explore.show(
        tidy(figure.add_hline(1, line=DOTTED).update_traces(error_y_visible=len(ratios) > 1)),
        name="anatomy-pace",
        caption="How many times more neurons of layer 2 speak while memorising than while repeating: "
        f"{ratios[:, :4].mean():.2f} in the fast half and {ratios[:, 4:].mean():.2f} in the slow half (means of four "
        f"groups; {whose(kept, profile)}).",
        alt="Bars for eight groups of neurons from fast to slow: the ratio of the share that speaks while memorising "
        "to that while repeating, with a dotted line at one.",
    )


def weights(model: BDH, untrained: BDH) -> explore.Explorer:
    """Histograms of the weights of each block, split in a symmetric and a skew part."""
    pairs = list(zip(anatomy.blocks(model), anatomy.blocks(untrained), strict=True))
    limit = max(float(block.abs().max() / block.std()) for block, _ in pairs)
    frames = []
    for head, pair in enumerate(pairs, start=1):
        counts, before = (torch.histc(block.flatten() / block.std(), 81, -limit, limit).long() for block in pair)
        symmetric = wiring.symmetric_part(counts)
        parts = {"trained": counts, "symmetric part": symmetric, "skew part": counts - symmetric, "untrained": before}
        middles = np.linspace(-limit, limit, 163)[1::2].round(2)
        frames.append(pd.DataFrame(parts, index=middles).melt(ignore_index=False).assign(head=f"head {head}"))
    frame = pd.concat(frames).rename_axis("w").reset_index()
    figure = px.line(
        frame[frame["value"] > 0], x="w", y="value", color="variable", facet_col="head", facet_col_wrap=2, log_y=True,
        labels={"w": "weight (standard deviations)", "value": "edges"}, color_discrete_sequence=[RED, BLUE, PURPLE, GREY],
    )  # fmt: skip
    return explore.show(
        tidy(figure.update_traces(line_width=1.5).update_yaxes(dtick=1), height=520, legend_y=1.08),
        name="anatomy-weights",
        caption="Training adds large weights on either side of the narrow hill of the start; what is not symmetric "
        "about zero, the skew part, lies where more weights are w than -w.",
        alt="Histograms of the weights of each head's block on a logarithmic axis: before training a narrow symmetric "
        "hill; after training wider tails, split in a symmetric and a skew part.",
    )


def modularity(here: Mapping[str, Any], profile: str) -> explore.Explorer:
    """Modularity against edges a neuron, mean and range over heads, of the recorded runs if there are any."""
    kept = recorded("anatomy", profile)
    shown = [run.content for run in kept] or [here]
    rows = {name: np.concatenate([content["modularity"][name] for content in shown]) for name in anatomy.GRAPHS}
    frame = pd.concat(pd.DataFrame(heads, columns=PER_NEURON).assign(graph=name) for name, heads in rows.items())
    frame = spread(frame.melt("graph", var_name="edges", value_name="Q"), "Q", "graph", "edges")
    figure = px.line(frame, x="edges", y="Q", error_y="above", error_y_minus="below", markers=True, log_x=True, **LOOK)
    figure.update_xaxes(tickvals=PER_NEURON).update_yaxes(range=[0, 1])
    above = np.concatenate([content["above baselines"] for content in shown])
    return explore.show(
        tidy(figure, height=420),
        name="anatomy-modularity",
        caption=f"With 8 edges a neuron and more, G's modularity is {above[:, MANY].min():+.2f} to "
        f"{above[:, MANY].max():+.2f} from the higher baseline's (all heads; {whose(kept, profile)}); with one edge a "
        f"neuron it is {above[:, 0].min():+.2f} to {above[:, 0].max():+.2f}: there random edges are nearly a forest, "
        "and forests cut well.",
        alt="Modularity against the number of edges on a logarithmic axis. All curves fall as edges are added; bars "
        "show the spread over heads.",
    )


def threshold(model: BDH, here: Mapping[str, Any], seed: int) -> explore.Explorer:
    """The neurons of the most modular head under a falling threshold."""
    head = int(np.argmax(np.array(here["above baselines"])[:, MANY].mean(1)))
    block = anatomy.blocks(model)[head]
    n = len(block)
    graph = nx.Graph(wiring.strongest_edges(block, 4 * n).tolist())
    graph.add_nodes_from(range(n))
    spring = nx.spring_layout(graph, seed=seed)
    places = np.array([spring[neuron] for neuron in range(n)]).argsort(0).argsort(0)  # ranks: spread evenly

    def draw(edges):
        found = wiring.strongest_edges(block, n * edges)
        quality, labels = wiring.communities(found, n, seed)
        community = [str(label + 1) if label < 4 else "others" for label in labels.tolist()]
        frame = pd.DataFrame(places, columns=["x", "y"]).assign(
            community=community, degree=wiring.degrees(found, n).sum(0)
        )
        order = {"community": ["1", "2", "3", "4", "others"]}
        figure = px.scatter(frame, x="x", y="y", color="community", size="degree", size_max=14, category_orders=order)
        lines = np.full((min(250, len(found)), 3, 2), None)
        lines[:, :2] = places[found[:250].numpy()]
        x, y = lines.reshape(-1, 2).T
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 0.7}, opacity=0.5, showlegend=False)
        beta = float(block[found[-1, 1], found[-1, 0]] / block.std())
        title = f"threshold β = {beta:.1f} standard deviations, {n * edges:,} edges, Q = {quality:.2f}"
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
        return figure.update_layout(width=620, height=560, margin_t=90, title=title)

    found = here["modularity"]
    return explore.explorer(
        draw,
        name="anatomy-threshold",
        edges=list(PER_NEURON),
        start={"edges": 4},
        caption=f"The {n} neurons of head {head + 1} under a falling threshold. With {PER_NEURON[-1]} edges a neuron G "
        f"still has a modularity of {found['G, trained'][head][-1]:.2f}, random edges "
        f"{np.mean(found['random edges'], 0)[-1]:.2f}.",
        alt="The neurons of a head as dots, coloured by community and sized by degree, with the strongest edges as "
        "lines.",
    )


def degrees(here: Mapping[str, Any]) -> explore.Explorer:
    """The share of neurons with at least k edges, out and in."""
    share = {
        (name, f"{direction}-degree"): pd.Series(degree)
        .value_counts(normalize=True)
        .sort_index(ascending=False)
        .cumsum()
        for name, both in here["degrees"].items()
        for direction, degree in zip(("out", "in"), both, strict=True)
    }
    frame = pd.concat(share, names=["graph", "direction", "degree"]).rename("share").reset_index()
    frame = frame[frame["degree"] > 0]
    figure = px.line(frame, x="degree", y="share", facet_col="direction", log_x=True, log_y=True, **LOOK)
    out, into, chance = (
        here["tails"][f"{name}-degree"][TOP] for name in ("G, trained: out", "G, trained: in", "random edges: out")
    )
    return explore.show(
        tidy(figure.update_xaxes(dtick=1).update_yaxes(dtick=1), height=400, legend_y=1.1),
        name="anatomy-degrees",
        caption=f"With {HUBS} edges a neuron, the tenth of the neurons with the highest degrees holds {out:.0f} % "
        f"of the edges out and {into:.0f} % of the edges in (random edges: {chance:.0f} %): the "
        f"{'out' if out > into else 'in'}-degree is the more concentrated.",
        alt="Two panels on logarithmic axes, out-degree and in-degree: the share of neurons with at least k edges, for "
        "G trained and untrained and for two baselines. The random graph's curve falls first and steeply.",
    )


def words(model: BDH, found: Mapping[str, Synapse], test: Mapping[str, Sequence[str]]) -> explore.Explorer:
    """The value of a concept's synapse after every passage of the other half, word by word."""

    def by_word(concept, language):
        tested = passages(test[LANGUAGES[language]], CONCEPTS[concept], LANGUAGES[language])
        values = synapse_values(model, tested.tokens.to(model.embedding.device), found[concept]).cpu().numpy()
        kind = np.where(tested.concept, "concept", "contrast")
        frame = pd.DataFrame({"word": tested.words, "kind": kind, "value": (values / abs(values).max()).round(3)})
        grouped = frame.groupby(["kind", "word"])["value"]
        frame = frame.assign(size=grouped.transform("size"), median=grouped.transform("median"))
        common = frame.drop_duplicates("word").sort_values("size", ascending=False).groupby("kind").head(9)["word"]
        figure = px.strip(
            frame[frame["word"].isin(common)].sort_values(["kind", "median"], ascending=[True, False]),
            x="word", y="value", color="kind", stripmode="overlay",
            labels={"word": "word that the passage ends with", "value": "synapse σ(i, j) (of the largest)"},
            color_discrete_map={"concept": RED, "contrast": BLUE},
        )  # fmt: skip
        return tidy(figure.update_xaxes(tickangle=-45).update_yaxes(range=[-1.1, 1.1]), height=420)

    return explore.explorer(
        by_word,
        name="anatomy-words",
        concept=list(found),
        language=list(LANGUAGES),
        caption="Every point is a passage of the other half, in a column with those that end in the same word. Where "
        "the synapse stands for the concept, the columns of its words lie apart from those of the contrast.",
        alt="Points in columns, one column a word, concept words first and then contrast words: the value of the "
        "concept's synapse after each passage.",
    )


def note(rows: Sequence[Mapping[str, Any]], profile: str) -> str:
    """What stands beside the claim: both languages, the controls, and the recorded larger runs."""

    def shares(rows):
        return ", ".join(f"{row['concept']} {row['other half']:.2f} / {row['Spanish']:.2f}" for row in rows)

    frame, kept = pd.DataFrame(rows), recorded("anatomy", profile)
    before = ", ".join(f"{share:.2f}" for share in frame["before the word"])
    larger = "".join(f"Seed {run.seed} ({run.profile}): {shares(run.content['concepts'])}. " for run in kept)
    return (
        f"Share of pairs of passages told apart on the other half, English / Spanish: {shares(rows)}. Just before the "
        f"word: {before}. With shuffled labels the search half shows {frame['coin: search half'].mean():.2f} all the "
        f"same, the other half {frame['coin: other half'].mean():.2f}. {larger}"
    )
