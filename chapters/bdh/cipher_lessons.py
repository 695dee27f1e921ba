"""What is learned of cipher languages: translating, by which path of the gradient, and what a merge keeps of it."""

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
from brainlib.bdh.surgery import merge
from brainlib.training import TrainingConfig
from chapters.bdh.ciphers import SOURCE, TRANSLATION, CipherBatches, Ciphers, Languages, Rows, rows
from chapters.bdh.credit import RULES, loss_along
from chapters.bdh.experiments import fit, new_model, schedule, trained

PARENT, SECOND, THIRD = (0, 1), (0, 2), (0, 3)  # pairs; all clones know the parent's first language
TUNING = 1000  # the seed on which rates are chosen, not used for anything else


@dataclass(frozen=True)
class Lesson:
    """How a model comes about: its rows of sentences, and where it starts.

    `start`: none for random weights (other ones for another `origin`), one to go on from its copy, several to merge
    them first. `rule` is one of `credit.RULES`.
    """

    ciphers: Ciphers
    model: BDHConfig
    training: TrainingConfig
    pairs: tuple[Languages, ...] = (PARENT,)
    start: tuple["Lesson", ...] = ()
    origin: int = 0
    rule: str = "through time"
    batch: int = 16
    sentences: int = 5


@dataclass(frozen=True)
class Plan:
    """`steps` of a parent, `clone_steps` of what goes on from it; every rule has the best of `rates` by its own; the
    last of the losses is measured on `test_rows`. Mergeability: parents of so many `shared` steps, models of so many
    `widths` in neurons."""

    ciphers: Ciphers
    model: BDHConfig
    steps: int
    clone_steps: int
    rates: tuple[float, ...]
    test_rows: int
    shared: tuple[int, ...]
    widths: tuple[int, ...]

    def parent(self, rate: float, rule: str = "through time") -> Lesson:
        return Lesson(self.ciphers, self.model, schedule(self.steps, rate, precision="float32"), rule=rule)


def begin(lesson: Lesson, seed: int, device: str = "auto") -> BDH:
    """The model before its training, in eval mode."""
    if not lesson.start:
        return new_model(lesson.model, 100 * seed + lesson.origin, device)
    starts = [model for model, _ in trained(learn, dict(zip("123", lesson.start, strict=False)), seed, device).values()]
    return merge(starts) if len(starts) > 1 else starts[0]


def learn(lesson: Lesson, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """Trains it; what comes next is drawn by `seed`."""
    batches = CipherBatches(lesson.ciphers, lesson.pairs, lesson.batch, lesson.sentences, seed)
    model = begin(lesson, seed, device)
    return fit(model, batches, lesson, seed, folder, loss=partial(row_loss, rule=lesson.rule))


def row_loss(model: BDH, batch: tuple[Tensor, Tensor], state: None, rule: str) -> tuple[Tensor, None]:
    """Every row is a text of its own. brainlib's layer knows the rules that send gradients along all paths or none."""
    if len(paths := RULES[rule]) == 1:
        return loss_along(model, *batch, paths), None
    return model(*batch, return_state=False, bptt=bool(paths))[1], None


@torch.no_grad()
def losses(model: BDH, plan: Plan, pair: Languages, matched: bool = True) -> dict[str, float]:
    """Nats a word of held-out sentences: of each language alone, as "0", and as a translation, as "1→0"."""
    generator = seeded(TUNING + 1)
    text = rows(plan.ciphers, pair, plan.test_rows, 5, generator, held_out=True, matched=matched)
    text = Rows(*(part.to(model.embedding.device) for part in text))
    logits = model(text.tokens[:, :-1], return_state=False)[0]
    at_word = cross_entropy(logits.mT, text.tokens[:, 1:], reduction="none")
    language, kind = text.language[:, 1:], text.kind[:, 1:]
    found = {}
    for target, source in (pair, pair[::-1]):
        found[f"{target}"] = float(at_word[(language == target) & (kind == SOURCE)].mean())
        found[f"{source}→{target}"] = float(at_word[(language == target) & (kind == TRANSLATION)].mean())
    return found


def gain(found: Mapping[str, float], pair: Languages = PARENT) -> float:
    """What a translation spares: nats a word alone less as a translation, mean of both languages."""
    return sum(found[f"{b}"] - found[f"{a}→{b}"] for a, b in (pair, pair[::-1])) / 2


def best_rates(plan: Plan, device: str = "auto") -> dict[str, float]:
    """For each rule the rate with the least loss over all words, on a seed of its own.

    Raises `ValueError` where the best rate is the smallest or largest of all.
    """
    found = {}
    for rule in RULES:
        models = trained(learn, {str(rate): plan.parent(rate, rule) for rate in plan.rates}, TUNING, device)
        total = {rate: sum(losses(model, plan, PARENT).values()) for rate, (model, _) in models.items()}
        found[rule] = float(min(total, key=total.__getitem__))
    return found


def by_rule(plan: Plan, seed: int, device: str = "auto") -> dict[str, dict[str, float]]:
    """The losses of a parent by each rule, and of its translations where they translate another sentence."""
    lessons = {rule: plan.parent(rate, rule) for rule, rate in best_rates(plan, device).items()}
    found = {}
    for rule, (model, _) in trained(learn, lessons, seed, device).items():
        unmatched = losses(model, plan, PARENT, matched=False)
        found[rule] = losses(model, plan, PARENT) | {f"unmatched {key}": value for key, value in unmatched.items()}
    return found


def family(plan: Plan, rate: float, shared: int | None = None, neurons: int | None = None) -> dict[str, Lesson]:
    """A parent of `shared` steps and three clones that go on: on two new pairs, and on the parent's own.

    Without shared steps the clones start from random weights, each from its own.
    """
    parent = plan.parent(rate)
    if neurons:
        parent = replace(parent, model=replace(parent.model, neurons=neurons))
    if shared is not None:
        parent = replace(parent, training=replace(parent.training, steps=shared))
    training = schedule(plan.clone_steps, rate, precision="float32")
    start = {"start": (parent,)} if parent.training.steps else {}
    clones = {
        name: replace(parent, training=training, pairs=(pair,), origin=0 if start else number, **start)
        for number, (name, pair) in enumerate({"second": SECOND, "third": THIRD, "first": PARENT}.items(), start=1)
    }
    return {"parent": parent} | clones


def merging(plan: Plan, rate: float, seed: int, device: str = "auto", **of_family: int) -> dict[str, dict[str, float]]:
    """The losses of clones and of their merges in the directions of the two new pairs."""
    lessons = family(plan, rate, **of_family)
    del lessons["parent"]
    second, third, first = (model for model, _ in trained(learn, lessons, seed, device).values())
    judged = {
        "second": second,
        "third": third,
        "merged": merge([second, third]),
        "second and first merged": merge([second, first]),
        "third and first merged": merge([third, first]),
    }
    return {name: losses(model, plan, SECOND) | losses(model, plan, THIRD) for name, model in judged.items()}


def small_bdh(ciphers: Ciphers, dim: int = 48, neurons: int = 512) -> BDHConfig:
    return BDHConfig(layers=3, dim=dim, heads=4, neurons=neurons, vocab=ciphers.vocab, dropout=0.0)


GRAMMAR = Ciphers()
PLANS = {
    "ci": Plan(GRAMMAR, small_bdh(GRAMMAR), 150, 100, (2e-3, 6e-3, 2e-2), 32, (0,), ()),
    "laptop": Plan(
        GRAMMAR, small_bdh(GRAMMAR), 300, 200, (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2), 128, (0, 30, 100), (256, 1024)
    ),
}
