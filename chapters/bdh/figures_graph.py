"""The figures of the chapter that leads from the graph to the tensor program."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.express as px
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.bdh import graph
from brainlib.explore import COLOURS
from chapters.bdh import capacity, lesson
from chapters.bdh.capacity import PowerLaw
from chapters.bdh.figures import spread, tidy

FACTS = [("leaf", "green"), ("plum", "red"), ("pond", "blue")]


def lessons(rounds: graph.Graphs, model: graph.LowRank) -> explore.Explorer:
    """The four rounds of each word of a lesson, step by step."""
    moments = {
        thing: graph.run(rounds, *lesson.enters(model, lesson.encode(FACTS, thing).numpy())) for thing in lesson.THINGS
    }
    every = [moment for run in moments.values() for moment in run]
    most = np.log10(max(np.max((m.X, m.Y, m.A)) for m in every)) + 0.1
    strongest = max(m.sigma.max() for m in every)

    def watch(question, step):
        moment = moments[question][step - 1]
        word = [*(" ".join(fact) for fact in FACTS), f"{question}?"][moment.token]
        titles = (f"“{word}”, round {moment.round}: {graph.ROUNDS[moment.round]}", "synapses σ")
        figure = make_subplots(2, 1, row_heights=[0.36, 0.64], vertical_spacing=0.2, subplot_titles=titles)
        for name, colour in (("X", "blue"), ("Y", "vermillion"), ("A", "green")):
            bars = {"x": lesson.NAMES, "y": getattr(moment, name), "marker_color": COLOURS[colour]}
            figure.add_bar(name=name, row=1, col=1, **bars)
        bar = {"title": "σ", "len": 0.55, "y": 0.25}
        cells = {"x": lesson.NAMES, "y": lesson.NAMES, "z": moment.sigma[0], "zmin": 0, "zmax": strongest}
        figure.add_heatmap(colorbar=bar, row=2, col=1, **cells)
        figure.update_xaxes(type="category", tickangle=-60)
        figure.update_xaxes(title="from neuron", row=2, col=1)
        figure.update_yaxes(title="amount (logarithmic)", type="log", dtick=1, range=[-1.3, most], row=1, col=1)
        figure.update_yaxes(title="to neuron", type="category", autorange="reversed", row=2, col=1)
        return figure.update_layout(width=760, height=760, margin_t=70, legend_y=1.07, barmode="group")

    asked = next(m for m in moments["leaf"] if (m.token, m.round) == (3, 0))
    recalled = dict(zip(lesson.COLOURS, asked.A[lesson.ANSWERS], strict=True))
    excited = dict(zip(lesson.COLOURS, moments["leaf"][-1].X[lesson.ANSWERS], strict=True))
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


def facts_held(profile: str, held: Mapping[str, list[list[float]]], laws: Mapping[str, PowerLaw]) -> explore.Explorer:
    """Capacity against the number of neurons for the six kinds of keys, and what theory expects."""
    kinds = capacity.all_memories(profile)
    sizes = kinds["independent"].sizes
    points = pd.concat(pd.DataFrame(rows, columns=sizes).assign(keys=name) for name, rows in held.items())
    points = spread(points.melt("keys", var_name="n", value_name="facts"), "facts", "keys", "n")
    theory = points.assign(facts=[kinds[name].expected(n) for name, n in zip(points["keys"], points["n"], strict=True)])
    axes = {"x": "n", "y": "facts", "color": "keys", "log_x": True, "log_y": True}
    labels = {"n": "neurons n", "facts": "capacity (facts)"}
    figure = px.scatter(points, error_y="above", error_y_minus="below", symbol="keys", labels=labels, **axes)
    figure.add_traces(px.line(theory, **axes).update_traces(showlegend=False, line_dash="dot").data)
    figure.update_traces(marker_size=9).update_xaxes(tickvals=sizes)
    law, quarter = laws["independent"], np.mean(held["positive, 25 %"], 0)
    return explore.show(
        tidy(figure, height=460),
        name="bdh-capacity",
        caption=f"With independent keys the capacity grows like n to the power {law.exponent:.2f} ({law.low:.2f} to "
        f"{law.high:.2f}), with adversarial ones like n to the power {laws['adversarial'].exponent:.2f}. Positive keys "
        f"of density 25 % hold {quarter[0]:.0f} facts with {sizes[0]} neurons and {quarter[-1]:.0f} with "
        f"{sizes[-1]:,}: what they have in common limits them. Points are means of three seeds, bars their range, "
        "dotted lines what the arguments above predict (none for turned keys).",
        alt="Capacity against the number of neurons, both axes logarithmic. Independent and centred keys lie on one "
        "steep straight line, adversarial keys on a line half as steep; positive keys of 5 % bend away from the steep "
        "line as n grows, turned ones less so, and positive keys of 25 % are almost level. All points lie on their "
        "dotted lines.",
    )
