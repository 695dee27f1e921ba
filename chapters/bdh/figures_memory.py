"""The figures and tables of the chapter on working memory, of the largest run there is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.express as px
import torch

from brainlib import explore
from brainlib.bdh import BDH, BDHState
from brainlib.ledger import interval
from chapters.bdh import concepts, dictionaries, recall
from chapters.bdh.figures import BLUE, DOTTED, GREEN, GREY, RED, Found, Sample, tidy
from chapters.bdh.recall import COUNTS, Facts

NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve")
DRINKS = ("tea", "milk", "water", "juice", "coffee", "cocoa", "cider", "beer")
RIGHT, PAIRS = "right answers (%)", "pairs ordered rightly (%)"
BY_TEACHING = {"color": "taught", "color_discrete_map": dict(zip(dictionaries.WAYS, (RED, BLUE), strict=True))}


def curves(found: Found, keys: Mapping[Any, str], *names: str) -> pd.DataFrame:
    """The mean over models of the curve under each key, in long form: places, the `names` that key has, and `value`."""
    frame = pd.DataFrame({name: np.mean([one[key] for one in found], axis=0) for name, key in keys.items()})
    return frame.rename_axis(columns=list(names), index="place").unstack().rename("value").reset_index()


def by_hand(model: BDH, facts: Facts, edits: Mapping[str, torch.Tensor], state: BDHState) -> pd.DataFrame:
    """What is answered about each name, as the text was read and after each edit, with its probability."""
    questions = facts.question(torch.arange(len(NAMES)))[:, None].to(model.embedding.device)
    table = {}
    for name, edit in edits.items():
        synapses = (state.synapses + edit).expand(-1, len(NAMES), -1, -1, -1)
        logits = model(questions, state=BDHState(state.position + 1, synapses), return_state=False)[0][:, 0]
        best, value = logits[:, : facts.values].softmax(-1).detach().cpu().max(-1)
        table[name] = [f"{DRINKS[v]} ({p:.0%})" for v, p in zip(value.tolist(), best.tolist(), strict=True)]
    return pd.DataFrame(table, index=[f"{name}?" for name in NAMES])


def edits(sample: Sample) -> pd.DataFrame:
    """Percent of answers as predicted, mean over models, after each edit and after as large ones elsewhere."""
    mean = pd.DataFrame(sample.content["edits"]).mean() * 100
    parts = {"edited": "edited facts, as predicted", "others": "other facts, rightly"}
    columns = {
        (where[2:] or "at its synapses", title): [mean[f"{edit}{where}: {part}"] for edit in ("swap", "erase", "write")]
        for where in ("", ", elsewhere")
        for part, title in parts.items()
    }
    return pd.DataFrame(columns, index=["swap two", "erase one", "write a new one"]).round(1)


def capacity(sample: Sample) -> explore.Explorer:
    """Right answers against facts told, for each size, beside a GPT whose state has as many numbers."""
    found, plan = sample.content["capacity"], recall.PLANS[sample.profile]
    keys = {(f"{n:,}", model): f"{model}, {n}" for n in plan.sizes for model in (recall.BDHS, recall.GPTS)}
    frame = curves(found, keys, "neurons", "model")
    frame = frame.assign(told=frame["place"].map(dict(enumerate(COUNTS))), right=100 * frame["value"])
    labels = {"told": "facts told", "right": RIGHT}
    looks = {"color": "neurons", "line_dash": "model", "markers": True}
    figure = px.line(frame, x="told", y="right", log_x=True, labels=labels, **looks)
    figure.add_hline(y=recall.ENOUGH * 100, line=DOTTED)
    held = {family: [_held(found, f"{family}, {n}") for n in plan.sizes] for family in (recall.BDHS, recall.GPTS)}
    power = interval([recall.exponent(plan, one) for one in found])
    inside = all(recall.room(plan, one) > 0 for one in found)
    growth = f"; facts held by BDH grow as the power {power} of the neurons" if inside else ""
    return explore.show(
        tidy(figure, height=420),
        name="memory-capacity",
        caption=f"Facts about which nine answers of ten are right, with {', '.join(map(str, plan.sizes))} neurons: "
        f"{'; '.join(f'{family} ' + ', '.join(facts) for family, facts in held.items())}; GPT with all of its past "
        f"{_held(found, 'GPT')}{growth} ({sample.told}).",
        alt="Share of right answers against the number of facts told, a line for each number of neurons; dashed lines "
        "of the transformer.",
    )


def _held(found: Found, name: str) -> str:
    """Mean over models; a bound, if one of them lies beyond what was asked."""
    facts = [recall.held(one[name]) for one in found]
    bound = "at least " if max(facts) == COUNTS[-1] else "fewer than " if min(facts) == 1 else ""
    return f"{bound}{np.mean(np.maximum(facts, COUNTS[0])):.1f}"


def after_the_change(sample: Sample) -> explore.Explorer:
    """Loss by piece after the dictionary has changed, by how the model was taught and how it reads."""
    found, every = sample.content["dictionaries"], dictionaries.PLANS[sample.profile].every[0]
    keys = {(t, r): f"{every}: taught {t}, read {r}" for t in dictionaries.WAYS for r in dictionaries.WAYS}
    frame = curves(found, keys, "taught", "read")
    frame["words"] = dictionaries.PIECE * (frame["place"] + 1.5)
    labels = {"words": "words after the change", "value": "loss (nats an answer)"}
    figure = px.line(frame, x="words", y="value", line_dash="read", markers=True, labels=labels, **BY_TEACHING)
    figure.add_hline(y=np.log(8), line=DOTTED)
    carried = np.mean([one[f"{every}: taught carried, read carried"] for one in found])
    anew = carried + np.mean([dictionaries.gain(one, every) for one in found])
    return explore.show(
        tidy(figure.update_yaxes(rangemode="tozero"), height=400),
        name="memory-carried",
        caption="On questions about facts of earlier steps the model taught to carry loses "
        f"{carried:.2f} nats an answer, the one taught to begin anew {anew:.2f} in its better "
        f"reading, a guess {np.log(8):.2f} (dotted; {sample.told}).",
        alt="Loss against words after the dictionary's change, four lines: two ways of teaching, each read in two.",
    )


def planted(sample: Sample) -> explore.Explorer:
    """How often a fact is known that was told once, so many words ago."""
    distances = dictionaries.PLANS[sample.profile].distances
    keys = {way: f"planted: taught {way}" for way in dictionaries.WAYS}
    frame = curves(sample.content["dictionaries"], keys, "taught")
    frame = frame.assign(ago=frame["place"].map(dict(enumerate(distances))), right=100 * frame["value"])
    labels = {"ago": "words ago", "right": RIGHT}
    figure = px.line(frame, x="ago", y="right", log_x=True, markers=True, labels=labels, **BY_TEACHING)
    figure.add_hline(y=100 / 8, line=DOTTED).update_yaxes(range=[0, 102])
    near, far = (frame.loc[frame["ago"] == distances[end], "right"] for end in (0, -1))
    return explore.show(
        tidy(figure, height=380),
        name="memory-planted",
        caption=f"A fact told once is known after {distances[0]} words in {near.iloc[0]:.0f} % of texts by the model "
        f"taught to carry and in {near.iloc[1]:.0f} % by the other, after {distances[-1]:,} words in "
        f"{far.iloc[0]:.0f} % and {far.iloc[1]:.0f} %; a guess is 12.5 % (dotted; {sample.told}).",
        alt="Share of right answers about one fact against the words since it was told, on a logarithmic axis.",
    )


def concept_shares(sample: Sample) -> explore.Explorer:
    """Pairs of passages with unseen words ordered rightly, by concept, language and judge."""
    judges = dict(zip(concepts.JUDGES, ("synapse, trained", "synapse, untrained", "last 16 bytes"), strict=True))
    frame = pd.DataFrame(
        {"concept": concept, "language": concepts.LANGUAGES[language], "judge": judges[judge], PAIRS: share * 100}
        for one in sample.content["concepts"]
        for judge in judges
        for (concept, language), share in concepts.by_concept(one, judge).items()
    )
    figure = px.strip(
        frame, x="concept", y=PAIRS, color="judge", facet_col="language",
        color_discrete_sequence=[RED, GREY, GREEN],
    )  # fmt: skip
    figure.add_hline(y=50, line=DOTTED)
    mean = frame.groupby("judge")[PAIRS].mean()
    return explore.show(
        tidy(figure, height=420),
        name="memory-concepts",
        caption="Of pairs with words that the search did not see, mean over concepts and languages, the trained "
        f"model's synapses order {mean['synapse, trained']:.0f} % rightly, the untrained model's "
        f"{mean['synapse, untrained']:.0f} %, a classifier of the last 16 bytes {mean['last 16 bytes']:.0f} %; a coin "
        f"50 % (dotted; {sample.told}, a mark for each model).",
        alt="Share of pairs ordered rightly for three concepts in English and Spanish, marks of trained and untrained "
        "synapses and of a classifier.",
    )
