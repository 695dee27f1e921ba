"""The figures of single synapses for single concepts, in the chapter on anatomy."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from brainlib import bdh, explore
from brainlib.bdh import BDH
from brainlib.bdh.anatomy import synapses
from brainlib.bdh.anatomy.synapses import Synapse
from brainlib.explore import COLOURS
from chapters.bdh.concepts import CONCEPTS, passages
from chapters.bdh.figures_anatomy import recorded

LANGUAGES = {"English": "en", "Spanish": "es"}
BLUE, ORANGE, GREEN = (COLOURS[name] for name in ("blue", "vermillion", "green"))


def words(
    model: BDH, found: Mapping[str, Synapse], test: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]]
) -> explore.Explorer:
    """The value of a concept's synapse after every passage of the other half, word by word."""

    def by_word(concept, language):
        tested = passages(test[LANGUAGES[language]], CONCEPTS[concept], LANGUAGES[language])
        where = model.embedding.device
        values = synapses.synapse_values(model, tested.tokens.to(where), found[concept]).cpu()
        scale = float(values.abs().max()) or 1.0
        frame = pd.DataFrame({"word": tested.words, "concept": tested.concept, "value": values / scale})
        order = frame.groupby(["concept", "word"])["value"].agg(["size", "median"]).reset_index()
        order = order.sort_values("size", ascending=False).groupby("concept").head(9)
        order = order.sort_values(["concept", "median"], ascending=False)
        figure = go.Figure()
        for is_concept, colour, name in ((True, ORANGE, "concept"), (False, BLUE, "contrast")):
            shown = order[order["concept"] == is_concept]["word"].tolist()
            part = frame[(frame["concept"] == is_concept) & frame["word"].isin(shown)]
            part = part.set_index("word").loc[shown].reset_index()
            figure.add_scatter(
                x=part["word"], y=part["value"].round(3), mode="markers", name=name,
                marker={"color": colour, "size": 7, "opacity": 0.6},
            )  # fmt: skip
        figure.update_xaxes(title="word that the passage ends with", tickangle=-45)
        figure.update_yaxes(title="synapse σ(i, j) (of the largest)", range=[-1.1, 1.1])
        return figure.update_layout(explore.WIDE, height=420)

    shares = (
        f"the synapse for {row['concept']} tells {row['other half'] * 100:.0f} % of the pairs apart in English and "
        f"{row['Spanish'] * 100:.0f} % in Spanish"
        for row in rows
    )
    return explore.explorer(
        by_word,
        name="anatomy-words",
        concept=list(found),
        language=list(LANGUAGES),
        caption=f"Every point is a passage of the other half: {'; '.join(shares)}.",
        alt="Points in columns, one column a word, concept words first and then contrast words: the value of the "
        "concept's synapse after each passage.",
    )


def at_work(model: BDH, found: Mapping[str, Synapse], test: Mapping[str, Sequence[str]]) -> explore.Explorer:
    """A concept's synapse and its two neurons while a passage is read."""
    options = {}
    for concept, synapse in found.items():
        for label, language in LANGUAGES.items():
            tested = passages(test[language], CONCEPTS[concept], language)
            for is_concept in (True, False):
                kind = [place for place, own in enumerate(tested.concept.tolist()) if own == is_concept]
                place = kind[len(kind) // 2]
                word = f"{'' if is_concept else 'not '}{tested.words[place]}"
                options[f"{concept}, {label}: {word}"] = synapse, tested.tokens[place]

    def draw(passage):
        synapse, tokens = options[passage]
        tokens = tokens[None].to(model.embedding.device)
        activity = bdh.record_activity(model, tokens)
        below = activity.y[synapse.layer - 1, 0].movedim(0, 1).flatten(1).cpu()
        loud = [n for n in below.sum(0).topk(12).indices.tolist() if n != synapse.target]
        loud = [*loud[:11][::-1], synapse.target]
        head, neuron = divmod(synapse.source, model.config.head_neurons)
        x = activity.x[synapse.layer, 0, head, :, neuron].cpu()
        sigma = synapses.synapse_trace(model, tokens, synapse)[0].cpu()
        letters = [chr(byte) if 32 < byte < 127 else "␣" if byte == 32 else "·" for byte in tokens[0].tolist()]
        figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.5, 0.5], vertical_spacing=0.05)
        largest = below[:, loud].amax(0).clamp_min(1e-12)
        figure.add_heatmap(
            z=(below[:, loud] / largest).T.numpy().round(2),
            y=[*(str(n) for n in loud[:-1]), f"{synapse.target} (i)"],
            colorscale=[[0, "rgba(127,127,127,0.08)"], [1, ORANGE]], zmin=0, zmax=1, showscale=False, row=1, col=1,
        )  # fmt: skip
        for name, values, colour in (
            (f"y of neuron i = {synapse.target}", below[:, synapse.target], ORANGE),
            (f"x of neuron j = {synapse.source}", x, BLUE),
            ("σ(i, j)", sigma, GREEN),
        ):
            scaled = (values / values.abs().max().clamp_min(1e-12)).numpy().round(3)
            figure.add_scatter(y=scaled, name=name, line_color=colour, row=2, col=1)
        figure.update_yaxes(title="neuron below", type="category", tickfont={"size": 10}, row=1, col=1)
        figure.update_yaxes(title="share of its largest", range=[-1.1, 1.1], row=2, col=1)
        figure.update_xaxes(tickvals=list(range(len(letters))), ticktext=letters, tickangle=0, tickfont={"size": 10})
        return figure.update_layout(width=760, height=560, legend={"y": -0.08, "yanchor": "top"})

    return explore.explorer(
        draw,
        name="anatomy-synapse",
        passage=list(options),
        caption="The synapse changes only at bytes at which its first neuron speaks and its second is excited, and "
        "turns and fades a little between them. All lines are shares of their own largest value in the passage.",
        alt="Above, a raster of twelve neurons over the bytes of the passage, dark where they speak. Below, three "
        "lines: the two neurons of the synapse, mostly at zero with peaks, and the synapse, which moves at the bytes "
        "where both have peaks.",
    )


def note(rows: Sequence[Mapping[str, Any]], profile: str) -> str:
    """What stands beside the claim: both languages, the controls, and the recorded larger runs."""

    def shares(rows):
        return ", ".join(f"{row['concept']} {row['other half']:.2f} / {row['Spanish']:.2f}" for row in rows)

    frame = pd.DataFrame(rows)
    before = ", ".join(f"{share:.2f}" for share in frame["before the word"])
    kept = "".join(f"Seed {run.seed} ({run.profile}): {shares(run.content['concepts'])}. " for run in recorded(profile))
    return (
        f"Share of pairs of passages told apart on the other half, English / Spanish: {shares(rows)}. Just before the "
        f"word: {before}. With shuffled labels the search half shows {frame['coin: search half'].mean():.2f} all the "
        f"same, the other half {frame['coin: other half'].mean():.2f}. {kept}"
    )
