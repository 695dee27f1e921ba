"""The figures of the chapter that leads from the graph to the tensor program."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.bdh import graph
from brainlib.explore import COLOURS
from chapters.bdh import capacity, lesson
from chapters.bdh.power_law import PowerLaw

FACTS = [("leaf", "green"), ("plum", "red"), ("pond", "blue")]
ANSWERS = slice(3, 6)  # the neurons of the colours
KINDS = {
    "independent": "blue",
    "adversarial": "vermillion",
    "positive, 25 %": "green",
    "positive, 5 %": "purple",
    "positive, 5 %, centred": "grey",
    "positive, 5 %, turned": "orange",
}


def lessons(rounds: graph.Graphs, model: graph.LowRank) -> explore.Explorer:
    """The four rounds of each word of a lesson, step by step."""
    words = [*(" ".join(fact) for fact in FACTS), "?"]
    names = [*lesson.WORDS, *lesson.REST]
    moments = {
        thing: graph.run(rounds, *lesson.enters(model, lesson.encode(FACTS, thing).numpy())) for thing in lesson.THINGS
    }
    every = [moment for run in moments.values() for moment in run]
    most = np.log10(max(np.max((m.X, m.Y, m.A)) for m in every)) + 0.1
    strongest = max(m.sigma.max() for m in every)

    def watch(question, step):
        moment = moments[question][step - 1]
        word = [*words[:3], f"{question}?"][moment.token]
        titles = (f"“{word}”, round {moment.round}: {graph.ROUNDS[moment.round]}", "synapses σ")
        figure = make_subplots(2, 1, row_heights=[0.36, 0.64], vertical_spacing=0.2, subplot_titles=titles)
        for name, colour in (("X", "blue"), ("Y", "vermillion"), ("A", "green")):
            values = getattr(moment, name)
            figure.add_bar(x=names, y=values, name=name, marker_color=COLOURS[colour], row=1, col=1)
        figure.add_heatmap(
            x=names, y=names, z=moment.sigma[0], zmin=0, zmax=strongest,
            colorbar={"title": "σ", "len": 0.55, "y": 0.25}, row=2, col=1,
        )  # fmt: skip
        figure.update_xaxes(type="category", tickangle=-60)
        figure.update_xaxes(title="from neuron", row=2, col=1)
        figure.update_yaxes(title="amount (logarithmic)", type="log", dtick=1, range=[-1.3, most], row=1, col=1)
        figure.update_yaxes(title="to neuron", type="category", autorange="reversed", row=2, col=1)
        return figure.update_layout(width=760, height=760, margin_t=70, legend_y=1.07, barmode="group")

    asked = next(m for m in moments["leaf"] if (m.token, m.round) == (3, 0))
    recalled = dict(zip(lesson.COLOURS, asked.A[ANSWERS], strict=True))
    excited = dict(zip(lesson.COLOURS, moments["leaf"][-1].X[ANSWERS], strict=True))
    return explore.explorer(
        watch,
        name="bdh-rounds",
        start={"step": 14},
        question=list(lesson.THINGS),
        step=range(1, 17),
        caption="Each fact strengthens the synapses between the neurons that its words make speak and those they "
        "excite; the question sends activity back through them. "
        f"Asked for the leaf, A is {recalled['green']:.2f} at green, {recalled['red']:.2f} at red and "
        f"{recalled['blue']:.2f} at blue, and after the last round X is {excited['green']:.2f}, {excited['red']:.2f} "
        f"and {excited['blue']:.2f}.",
        alt="Two panels for each of sixteen rounds. Above, bars of X, Y and A for sixteen neurons, six of them named "
        "after words. Below, a heat map of the synapses among them: empty at first, with new bright cells in the rows "
        "of a thing and its colour after the second round of every fact, and a little paler after each first round.",
    )


def factors(model: graph.LowRank, seed: int) -> explore.Explorer:
    """A small matrix of rank 2 as a graph through hidden nodes, and what that saves in the lesson."""
    draw = np.random.default_rng(seed)
    D, E = draw.normal(size=(5, 2)), draw.normal(size=(2, 5))
    parts = graph.factorise(D, E)
    left, middle, right = (
        {index: (column, row) for index, row in enumerate(np.linspace(1, 0, count))}
        for column, count in enumerate((5, 4, 5))
    )
    figure = go.Figure(
        [
            *_edges(parts.inward, left, middle, "grey", "to the hidden nodes", 0),
            *_edges(parts.excites, middle, right, "blue", "excite", 0.006),
            *_edges(parts.inhibits, middle, right, "vermillion", "inhibit", -0.006),
        ]
    )
    numbers = [f"{n + 1}" for n in range(5)]
    for places, text, side in (
        (left, numbers, "middle left"),
        (middle, ["1 +", "2 +", "1 −", "2 −"], "top center"),
        (right, numbers, "middle right"),
    ):
        figure.add_scatter(
            x=[x for x, _ in places.values()], y=[y for _, y in places.values()], text=text, textposition=side,
            mode="markers+text", marker={"size": 12, "color": COLOURS["grey"]}, showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    columns = ["neurons that send", "hidden nodes (channel and sign)", "neurons that receive"]
    figure.update_xaxes(tickvals=[0, 1, 2], ticktext=columns, range=[-0.25, 2.25], showline=False, ticks="")
    figure.update_yaxes(visible=False, range=[-0.12, 1.16])
    figure.update_layout(explore.WIDE, height=400)
    big = graph.factorise(model.Dx, model.E)
    error = np.abs((big.excites - big.inhibits) @ big.inward - model.Dx @ model.E).max()
    return explore.show(
        figure,
        name="bdh-factors",
        caption=f"A random 5 × 5 matrix of rank 2 as a graph: {parts.edges} edges through 4 hidden nodes, none of them "
        f"negative. In the lesson's sixteen neurons with {lesson.DIM} channels {big.edges} edges replace the "
        f"{2 * 16**2} of two dense graphs, and D E is met to {error:.0e}.",
        alt="Three columns of nodes: five neurons, four hidden nodes, five neurons. Grey lines lead from the first to "
        "the hidden nodes; blue lines that excite and orange lines that inhibit lead on to the second five. Every "
        "hidden node both excites and inhibits.",
    )


def _edges(weights, senders: Mapping, receivers: Mapping, colour: str, name: str, shift: float) -> Iterator[Any]:
    """One line for every weight above zero, the wider the stronger."""
    yield go.Scatter(x=[None], y=[None], mode="lines", name=name, line={"color": COLOURS[colour], "width": 3})
    for to, source in np.argwhere(weights):
        (x0, y0), (x1, y1) = senders[source], receivers[to]
        yield go.Scatter(
            x=[x0, x1], y=[y0 + shift, y1 + shift], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": COLOURS[colour], "width": 0.5 + 2.5 * weights[to, source]},
        )  # fmt: skip


def capacity_table(profile: str, held: Mapping[str, list[list[float]]], laws: Mapping[str, PowerLaw]) -> pd.DataFrame:
    """Facts held by the most neurons, what theory expects, and the exponents."""
    n = capacity.SIZES[profile][-1]
    theory = {name: memories.expected(n) for name, memories in capacity.all_memories(profile).items()}
    return pd.DataFrame(
        {
            f"facts at n = {n:,}": [f"{np.mean(rows, 0)[-1]:.0f}" for rows in held.values()],
            "expected": ["no formula" if facts is None else f"{facts:.0f}" for facts in theory.values()],
            "exponent": [f"{law.exponent:.2f}" for law in laws.values()],
            "95 % interval": [f"{law.low:.2f} to {law.high:.2f}" for law in laws.values()],
        },
        index=list(held),
    )


def facts_held(profile: str, held: Mapping[str, list[list[float]]], laws: Mapping[str, PowerLaw]) -> explore.Explorer:
    """Capacity against the number of neurons for the six kinds of keys."""
    sizes = capacity.SIZES[profile]
    figure = go.Figure()
    for name, colour in KINDS.items():
        rows, law = np.array(held[name]), laws[name]
        mean, fitted = rows.mean(0), name in ("independent", "adversarial")
        figure.add_scatter(
            x=sizes,
            y=mean,
            error_y={"array": rows.max(0) - mean, "arrayminus": mean - rows.min(0), "thickness": 1},
            name=name,
            mode="markers" if fitted else "lines+markers",
            line={"color": COLOURS[colour], "width": 2},
            marker={"size": 8 if fitted else 10, "symbol": "circle" if fitted else "circle-open"},
        )
        if fitted:
            figure.add_scatter(
                x=sizes, y=[law(n) for n in sizes], name=f"{name}: n^{law.exponent:.2f}", mode="lines",
                line={"color": COLOURS[colour], "width": 1.5, "dash": "dot"},
            )  # fmt: skip
    figure.update_xaxes(type="log", title="neurons n", tickvals=list(sizes), showgrid=False)
    figure.update_yaxes(type="log", title="capacity (facts)", tickvals=[5, 10, 20, 50, 100, 200, 500, 1000, 2000])
    figure.update_layout(explore.WIDE, height=460)
    law, quarter = laws["independent"], np.mean(held["positive, 25 %"], 0)
    return explore.show(
        figure,
        name="bdh-capacity",
        caption=f"With independent keys the capacity grows like n to the power {law.exponent:.2f} ({law.low:.2f} to "
        f"{law.high:.2f}), with adversarial ones like n to the power {laws['adversarial'].exponent:.2f}. Positive keys "
        f"of density 25 % hold {quarter[0]:.0f} facts with {sizes[0]} neurons and {quarter[-1]:.0f} with "
        f"{sizes[-1]:,}: what they have in common limits them. Points are means of three seeds, bars their range.",
        alt="Capacity against the number of neurons, both axes logarithmic. Independent and centred keys lie on one "
        "steep straight line, adversarial keys on a line half as steep; positive keys of 5 % bend away from the steep "
        "line as n grows, turned ones less so, and positive keys of 25 % are almost level.",
    )
