"""The figures of the chapter that leads from the graph to the tensor program."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
from plotly.subplots import make_subplots

from brainlib import explore
from brainlib.bdh import graph
from brainlib.explore import COLOURS
from brainlib.ledger.intervals import Interval, interval
from chapters.bdh import lesson
from chapters.bdh.figures import DOTTED, Sample, tidy

Row = Mapping[str, Any]  # of variants.compare

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


def behind(row: Row, rows: Sequence[Row]) -> Interval:
    """Loss less that of Appendix E, paired by seed."""
    return interval([own - listing for own, listing in zip(row["losses"], rows[0]["losses"], strict=True)])


def variants_table(sample: Sample) -> pd.DataFrame:
    """A row for each variant."""
    rows = sample.content["rows"]
    table = {
        row["variant"]: {
            "held-out loss": f"{np.mean(row['losses']):.3f}",
            "less Appendix E": "" if row is rows[0] else str(behind(row, rows)),
            "start": row["start"],
            "rate": f"{row['rate']:.2g}",
            **dict(zip(("gradient: first", "median", "largest"), map("{:.2g}".format, row["gradient"]), strict=False)),
            "learned nothing": row["learned nothing"],
        }
        for row in rows
    }
    return pd.DataFrame(table).T.fillna("")


def variants(sample: Sample) -> explore.Explorer:
    """How far each variant is behind the model of Appendix E."""
    rows = sample.content["rows"]
    others = [(row["variant"], behind(row, rows)) for row in rows[1:]]
    frame = pd.DataFrame(
        [(name, gap.mean, gap.high - gap.mean) for name, gap in others], columns=["model", "x", "half"]
    )
    labels = {"x": "nats a byte above<br>Appendix E", "model": ""}
    figure = px.scatter(frame, x="x", y="model", error_x="half", labels=labels)
    figure.add_vline(0, line=DOTTED).update_traces(marker_size=9)
    figure.update_yaxes(autorange="reversed")
    said = {"worse": [], "better": [], "not told apart": []}
    for name, gap in others:
        side = "worse" if gap.low > 0 else "better" if gap.high < 0 else "not told apart"
        said[side].append(f"{name} ({gap.mean:+.2f})")
    found = "; ".join(f"{side}: {', '.join(names)}" for side, names in said.items() if names)
    return explore.show(
        tidy(figure, height=480, showlegend=False),
        name="bdh-variants",
        caption=f"Beside the model of Appendix E, {found}. Means and 95 % intervals over "
        f"{len(rows[0]['losses'])} seeds, paired; {sample.told}.",
        alt="A row for each variant with a dot for how much larger its held-out loss is than that of Appendix E, and a "
        "bar for the interval; a dotted line at 0. The caption says which lie on either side.",
    )
