"""The figures of the chapter on surgery, of the largest run there is."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd
import plotly.express as px

from brainlib import explore, ledger
from chapters.bdh.cipher_lessons import alone, gain, gap_closed
from chapters.bdh.figures import BLUE, DOTTED, GREEN, GREY, RED, Sample, averaged, tidy

Losses = Mapping[str, Mapping[str, float]]
NATS = "nats a word"
BELOW = {"margin_t": 40, "legend": {"y": 0, "yref": "container", "yanchor": "bottom"}}  # above stand the panels' titles


def table(found: Sequence[Losses]) -> pd.DataFrame:
    """Losses, the mean over seeds: into A, from A, and of each language alone."""
    mean = sum(map(pd.DataFrame, found)).T / len(found)
    return mean[sorted(mean, key=lambda way: (-len(way), not way.endswith("→A"), way))]


def by_rule(sample: Sample) -> explore.Explorer:
    """What a translation spares by every rule, of both texts, and what words alone cost more present only."""
    texts = {"sentences of the grammar": sample.content["rules"], "real verses": sample.content["verses"]}
    rows = [
        {"text": text, "rule": rule, "spared": gain(losses)}
        for text, found in texts.items()
        for one in found
        for rule, losses in one.items()
    ]
    figure = px.bar(
        averaged(pd.DataFrame(rows), "spared"),
        y="rule", x="spared", error_x="half", facet_col="text", color_discrete_sequence=[BLUE],
        labels={"spared": f"spared ({NATS})", "rule": ""},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    words = [
        f"{name} " + ", ".join(f"{fmean(gain(one[rule]) for one in found):.2f} ({rule})" for rule in found[0])
        for name, found in texts.items()
    ]
    dearer = fmean(alone(one["present only"]) - alone(one["through time"]) for one in sample.content["rules"])
    return explore.show(
        tidy(figure, height=440, **BELOW),
        name="surgery-rules",
        caption=f"In {sample.told}, the sentence read in the other language spares, in nats a word: "
        f"{'; '.join(words)}. Words alone cost {dearer:+.2f} nats more learned present only than through time "
        "(grammar). Bars are 95 % intervals.",
        alt="Bars of nats a word spared, for five rules of learning, in two panels: a made grammar and real verses.",
    )


def closed(content: Mapping[str, Any]) -> str:
    """How much of the lost gain the rules between bring back, on the grammar, in words."""
    found = [{rule: gain(losses) for rule, losses in one.items()} for one in content["rules"]]
    between = [rule for rule in found[0] if rule not in ("through time", "present only")]
    shares = {rule: ledger.interval([100 * gap_closed(one, rule) for one in found]).mean for rule in between}
    return ", ".join(f"{share:.0f} % {rule}" for rule, share in shares.items())


def words_alone(sample: Sample) -> explore.Explorer:
    """Words without a translation on real verses, by every rule, beside a bigram model."""
    found, bigram = sample.content["verses"], sample.content["bigram"]
    rows = [{"rule": rule, NATS: alone(one[rule])} for one in found for rule in one]
    frame = averaged(pd.DataFrame(rows), NATS)
    figure = px.scatter(frame, x="rule", y=NATS, error_y="half", labels={"rule": ""}, color_discrete_sequence=[BLUE])
    figure.add_hline(bigram, line=DOTTED, annotation_text="bigram model")
    mean = frame.set_index("rule")[NATS]
    return explore.show(
        tidy(figure, height=360),
        name="surgery-words",
        caption=f"Words of real verses that nothing translates, in {sample.told}: {mean['through time']:.2f} nats a "
        f"word learned through time, {mean['present only']:.2f} present only, {bigram:.2f} for a bigram model.",
        alt="Points of nats a word for five rules of learning, and a dotted line for the bigram model.",
    )


def mergeability(sample: Sample) -> explore.Explorer:
    """Losses of clones and of their merge against the steps they share and against their width."""
    found = sample.content["mergeability"]
    titles = {"shared": "steps of the parent", "neurons": "neurons of each"}
    rows = [
        {"what": titles[what], "size": size, "model": key.split(", ")[0], "way": key.split(", ")[1], NATS: loss}
        for one in found
        for what, sizes in one.items()
        for size, losses in sizes.items()
        for key, loss in losses.items()
    ]
    figure = px.line(
        averaged(pd.DataFrame(rows), NATS),
        x="size", y=NATS, error_y="half", color="model", facet_col="what", facet_row="way", markers=True,
        color_discrete_map={"taught": GREEN, "not taught": GREY, "merged": RED}, labels={"size": ""},
    )  # fmt: skip
    figure.update_xaxes(matches=None, type="category")
    for column, title in enumerate(titles.values(), start=1):
        figure.update_xaxes(title=title, row=1, col=column, showticklabels=True)
    figure.for_each_annotation(lambda note: note.update(visible=not note.text.startswith("what")))
    into = table([one["shared"] for one in found])["merged, into A"]
    return explore.show(
        tidy(figure, height=560, **BELOW),
        name="surgery-mergeability",
        caption=f"In {sample.told}, the merged model translates its new languages into A at "
        + ", ".join(f"{loss:.2f} after {steps}" for steps, loss in into.items())
        + " steps of a common parent, in nats a word. Bars are 95 % intervals over seeds.",
        alt="Four panels of loss against the steps of the common parent and against the number of neurons, into A and "
        "from A: a line each for clones that were taught the language, clones that were not, and their merge.",
    )
