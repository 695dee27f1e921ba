"""The figures and tables of the chapter on anatomy: what repeats, the wiring, single synapses for concepts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px

from brainlib import explore
from brainlib.bdh import BDH
from brainlib.bdh.anatomy.synapses import Synapse, synapse_values
from chapters.bdh import anatomy, repetition
from chapters.bdh.anatomy import MANY, PER_NEURON
from chapters.bdh.concepts import CONCEPTS, passages
from chapters.bdh.figures import BLUE, GREY, RED, beside, recorded, spread, tidy, whose

LANGUAGES = {"English": "en", "Spanish": "es"}


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


def pace(ratio_by_pace: Sequence[float], profile: str) -> pd.DataFrame:
    """Which neurons fall silent, from the fastest turning to the slowest, beside the recorded runs."""
    kept = recorded("anatomy", profile)
    names = pd.Index([f"{4**group:,} to {4 ** (group + 1):,}" for group in range(repetition.PACES)])
    here, *larger = (
        pd.DataFrame({"memorising / repeating": ratios}, names.rename("letters for a turn of one radian"))
        for ratios in (ratio_by_pace, *(run.content["repetition"]["ratio_by_pace"] for run in kept))
    )
    return beside(here, larger, kept).round(2)


def modularity(here: Mapping[str, Any], profile: str) -> explore.Explorer:
    """Modularity against edges a neuron, mean and range over heads, of the recorded runs if there are any."""
    kept = recorded("anatomy", profile)
    shown = [run.content for run in kept] or [here]
    rows = {name: np.concatenate([content["modularity"][name] for content in shown]) for name in anatomy.GRAPHS}
    frame = pd.concat(pd.DataFrame(heads, columns=PER_NEURON).assign(graph=name) for name, heads in rows.items())
    frame = spread(frame.melt("graph", var_name="edges", value_name="Q"), "Q", "graph", "edges")
    figure = px.line(
        frame, x="edges", y="Q", error_y="above", error_y_minus="below", color="graph", line_dash="graph",
        markers=True, log_x=True, labels={"edges": "edges a neuron, m / n", "Q": "modularity Q"},
    )  # fmt: skip
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


def words(
    model: BDH, found: Mapping[str, Synapse], test: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]]
) -> explore.Explorer:
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

    shares = (
        f"{row['other half'] * 100:.0f} % and {row['Spanish'] * 100:.0f} % of the pairs apart ({row['concept']})"
        for row in rows
    )
    return explore.explorer(
        by_word,
        name="anatomy-words",
        concept=list(found),
        language=list(LANGUAGES),
        caption="Every point is a passage of the other half, in the column of its last word. The synapse tells, in "
        f"English and in Spanish, {'; '.join(shares)}.",
        alt="Points in columns, one column a word, concept words first and then contrast words: the value of the "
        "concept's synapse after each passage.",
    )
