"""What is learned of cipher languages, and by which paths of the gradient."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.bdh import BDH, BDHConfig
from brainlib.training import TrainingConfig
from chapters.bdh.ciphers import DICTIONARIES, NAMES, SOURCE, TRANSLATION, CipherBatches, Ciphers, Languages, Rows, rows
from chapters.bdh.credit import RULES, loss_along
from chapters.bdh.experiments import fit, new_model, schedule, trained
from chapters.bdh.tuning import search

PARENT = (0, 1)  # all clones know the parent's first language
TUNING = 1000  # the seed on which rates are chosen, not used for anything else
JUDGING, CHOOSING = DICTIONARIES + 2, DICTIONARIES + 3  # the seeds of the sentences that judge, and choose a rate


@dataclass(frozen=True)
class Lesson:
    """How a model comes about: its rows of sentences, and where it starts.

    `start`: none for random weights (other ones for another `origin`), else the lesson whose model goes on. `rule` is
    one of `credit.RULES`.
    """

    ciphers: Ciphers
    model: BDHConfig
    training: TrainingConfig
    pair: Languages = PARENT
    start: "Lesson | None" = None
    origin: int = 0
    rule: str = "through time"
    batch: int = 16
    sentences: int = 5


@dataclass(frozen=True)
class Plan:
    """A parent has `steps`, what goes on from it `clone_steps`. A rule's rate is the best of `rates`, which are widened
    while it is at their edge, up to eight; a single one is taken as it is. Losses are measured on `test_rows`.

    `seeds` models each, for what only figures show `few`: on `verses`, and mergeability for parents of so many `shared`
    steps and models of so many `widths` in neurons.
    """

    ciphers: Ciphers
    model: BDHConfig
    steps: int
    clone_steps: int
    rates: tuple[float, ...]
    test_rows: int
    models: int
    few: int
    verses: Ciphers
    sentences: int = 5
    shared: tuple[int, ...] = ()
    widths: tuple[int, ...] = ()

    def seeds(self, seed: int) -> range:
        """Of the run of a chapter."""
        return range(self.models * seed, self.models * (seed + 1))

    def parent(self, rate: float, rule: str = "through time") -> Lesson:
        training = schedule(self.steps, rate, precision="float32")
        return Lesson(self.ciphers, self.model, training, rule=rule, sentences=self.sentences)

    def on_verses(self) -> "Plan":
        """A few with real sentences."""
        model = replace(self.model, vocab=self.verses.vocab)
        return replace(self, ciphers=self.verses, model=model, models=self.few)


def learn(lesson: Lesson, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains it; what comes next is drawn by `seed`, for clones with other languages each by its own."""
    if lesson.start:
        model = trained(learn, {"start": lesson.start}, seed, device)["start"][0]
    else:
        model = new_model(lesson.model, 100 * seed + lesson.origin, device)
    batches = CipherBatches(lesson.ciphers, (lesson.pair,), lesson.batch, lesson.sentences, 100 * seed + lesson.pair[1])
    return fit(model, batches, lesson, seed, folder, loss=partial(row_loss, rule=lesson.rule))


def row_loss(model: BDH, batch: tuple[Tensor, Tensor], state: None, rule: str) -> tuple[Tensor, None]:
    """Every row is a text of its own. Where all or no gradients go through time, brainlib's layer is the faster."""
    if rule in ("through time", "present only"):
        return model(*batch, return_state=False, bptt=rule == "through time")[1], None
    return loss_along(model, *batch, RULES[rule]), None


@torch.no_grad()
def losses(model: BDH, plan: Plan, pair: Languages, seed: int = JUDGING) -> dict[str, float]:
    """Nats a word of held-out sentences: of each language alone, as "A", and as a translation, as "B→A"."""
    text = rows(plan.ciphers, pair, plan.test_rows, 5, seeded(seed), held_out=True)
    text = Rows(*(part.to(model.embedding.device) for part in text))
    logits = model(text.tokens[:, :-1], return_state=False)[0]
    at_word = cross_entropy(logits.mT, text.tokens[:, 1:], reduction="none")
    language, kind = text.language[:, 1:], text.kind[:, 1:]
    found = {}
    for target, source in (pair, pair[::-1]):
        one, other = NAMES[target], NAMES[source]
        found[one] = float(at_word[(language == target) & (kind == SOURCE)].mean())
        found[f"{other}→{one}"] = float(at_word[(language == target) & (kind == TRANSLATION)].mean())
    return found


def alone(found: Mapping[str, float]) -> float:
    """Nats a word that nothing translates, mean of the parent's languages."""
    return (found["A"] + found["B"]) / 2


def gain(found: Mapping[str, float]) -> float:
    """What a translation spares: nats a word alone less as a translation, mean of the parent's languages."""
    return alone(found) - (found["B→A"] + found["A→B"]) / 2


def attempt(tried: tuple[Plan, str, float], seed: int, *, device: str = "auto", folder: Path | None = None) -> dict:
    """For tuning: the loss over all words of a parent by a rule at a rate; infinite where numbers overflow."""
    plan, rule, rate = tried
    try:
        model, _ = trained(learn, {"": plan.parent(rate, rule)}, seed, device)[""]
    except FloatingPointError:
        return {"tuning": math.inf}
    return {"tuning": sum(losses(model, plan, PARENT, CHOOSING).values())}


def best_rate(plan: Plan, rule: str, device: str = "auto") -> float:
    """The rate with the least loss over all words, on a seed and sentences of their own."""
    if len(plan.rates) == 1:
        return plan.rates[0]
    found = search(attempt, lambda rate: (plan, rule, rate), plan.rates, TUNING, device)
    return min(found, key=found.__getitem__)


def rates(plan: Plan, device: str = "auto") -> dict[str, float]:
    """Of every rule its own."""
    return {rule: best_rate(plan, rule, device) for rule in RULES}


def rules(plan: Plan, seed: int, device: str = "auto") -> list[dict[str, dict[str, float]]]:
    """For each seed the losses of a parent by each rule."""
    lessons = {rule: plan.parent(rate, rule) for rule, rate in rates(plan, device).items()}
    found = []
    for one in plan.seeds(seed):
        models = {rule: model for rule, (model, _) in trained(learn, lessons, one, device).items()}
        found.append({rule: losses(model, plan, PARENT) for rule, model in models.items()})
    return found


def gap_closed(gains: Mapping[str, float], rule: str) -> float:
    """How much of what present-only learning loses against backpropagation through time a rule brings back."""
    lost = gains["through time"] - gains["present only"]
    return (gains[rule] - gains["present only"]) / lost
