"""Parent, clones, merges and growth: what is trained in the chapter on surgery, and for how long."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brainlib import data, runs
from brainlib.bdh import BDH
from brainlib.bdh.surgery import grow, merge
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, new_model, schedule, trained
from chapters.bdh.shakespeare import bigram_loss
from chapters.bdh.translation import FRENCH, ITALIAN, SPANISH, Run, begin, learn

PAIRS = (SPANISH, FRENCH, ITALIAN)
DIRECTIONS = ("es→en", "fr→en", "it→en", "en→es", "en→fr", "en→it")
FAMILY = ("base", "french", "italian", "spanish")
MENDED = ("mended", "retaught")
GROWN = ("grown-as-it-was", "grown-split-off", "grown-merely-silent")
SHARES = tuple(step / 8 for step in range(9))  # of the Italian clone in a merge


@dataclass(frozen=True)
class Plan:
    """`whole` is how a model learns a pair of languages, the parent from random weights and each clone from the
    parent; an operation is followed by training for `short_steps`. `held_out` is how many bytes (a direction) judge
    one of many merges; `whole.held_out` judge a model."""

    whole: Experiment
    short_steps: int
    held_out: int

    def runs(self, *names: str) -> dict[str, Run]:
        """By name: the parent, and clones that go on for as long (FAMILY); a little training on all pairs, of the
        merge and of one clone for comparison (MENDED); a little training of the parent as it is and with half as many
        neurons more, in two ways (GROWN); the parent without gradients through time ("present"). Without names: all."""
        short = replace(self.whole, training=schedule(self.short_steps, self.whole.training.learning_rate / 2))
        base = Run(self.whole)
        clones = [Run(self.whole, (pair,), (base,)) for pair in (FRENCH, ITALIAN, SPANISH)]
        once, more = Run(short, start=(base,)), self.whole.model.neurons // 2
        every = dict(zip(FAMILY, (base, *clones), strict=True)) | {
            "mended": Run(short, PAIRS, tuple(clones[:2])),
            "retaught": Run(short, PAIRS, tuple(clones[:1])),
            "grown-as-it-was": once,
            "grown-split-off": replace(once, new_neurons=more),
            "grown-merely-silent": replace(once, new_neurons=more, silent=True),
            "present": replace(base, bptt=False),
        }
        return {name: every[name] for name in names or every}


CI, LAPTOP, PAPER = translation.EXPERIMENTS.values()
SMALLER = replace(CI.model, neurons=512)
PLANS = {
    "ci": Plan(replace(CI, model=SMALLER, training=schedule(60, 8e-3), held_out=6_000), 9, held_out=4_000),
    "laptop": Plan(replace(LAPTOP, training=schedule(800, 4e-3), held_out=30_000), 80, held_out=12_000),
    "paper": Plan(PAPER, 1000, held_out=200_000),
}


def judge(plan: Plan, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """The loss in every direction of the family, of its merges, and of what a little training makes of them."""
    base, french, italian, spanish = (model for model, _ in trained(learn, plan.runs(*FAMILY), seed, device).values())
    mended, retaught = (model for model, _ in trained(learn, plan.runs(*MENDED), seed, device).values())
    merged = merge([french, italian])
    judged = {
        "parent: Spanish": base,
        "clone: French": french,
        "clone: Italian": italian,
        "clone: Spanish": spanish,
        "merged": merged,
        "French and Spanish merged": merge([french, spanish]),
        "Italian and Spanish merged": merge([italian, spanish]),
        "all three merged": merge([french, italian, spanish]),
        "merged, new frequencies": recomputed(merged),
        "merged, then all pairs": mended,
        "French clone, then all pairs": retaught,
    }
    return {name: losses(model, plan.whole) for name, model in judged.items()}


def table(plan: Plan, seed: int, device: str = "auto") -> dict[str, dict[str, float]]:
    """`judge`, kept."""
    return runs.study(judge, {"merging": plan}, [seed], device=device)["merging"][0]


def losses(model: BDH, experiment: Experiment) -> dict[str, float]:
    """The loss on the translation alone, in the six directions."""
    found = translation.direction_losses(model, experiment, PAIRS)
    return {direction: found[direction] for direction in DIRECTIONS}


def by_share(plan: Plan, french: BDH, italian: BDH) -> dict[str, dict[str, float]]:
    """The losses of merges in which the Italian clone has more and more of a share."""
    experiment = replace(plan.whole, held_out=plan.held_out)
    return {str(share): losses(merge([french, italian], [1 - share, share]), experiment) for share in SHARES}


def recomputed(model: BDH) -> BDH:
    """The same weights with the frequencies that a fresh model of this size has."""
    other = new_model(model.config, device=str(model.embedding.device))
    other.load_state_dict(model.state_dict() | {"frequencies": other.frequencies})
    return other


def merged_less(judged: dict[str, dict[str, float]], others: dict[str, str]) -> dict[str, float]:
    """The merged model's loss less that of another, by direction."""
    return {direction: judged["merged"][direction] - judged[other][direction] for direction, other in others.items()}


@torch.no_grad()
def distance(model: BDH, other: BDH) -> float:
    """Largest difference of logits, relative to the largest logit."""
    text = data.encode("In the beginning God created the heaven.")[None]
    a, b = (one(text, return_state=False)[0] for one in (model, other))
    return float((a - b).abs().max() / b.abs().max())


def growth_error(plan: Plan, base: BDH, seed: int) -> float:
    """How far a grown model's logits are from what they were, in float64."""
    precise = deepcopy(base).double().cpu()
    return distance(grow(precise, plan.whole.model.neurons // 2, seed), precise)


def growth_table(plan: Plan, seed: int, device: str = "auto") -> dict[str, dict[str, float]]:
    """The held-out loss of the parent as it is and grown in two ways, before and after a little training."""
    table = {"neurons": {}, "loss": {}, "loss after training": {}}
    grown = plan.runs(*GROWN)
    for name, (model, _) in trained(learn, grown, seed, device).items():
        label = name.removeprefix("grown-").replace("-", " ")
        table["neurons"][label] = model.config.neurons
        table["loss"][label] = translation.held_out_loss(begin(grown[name], seed, device), plan.whole)
        table["loss after training"][label] = translation.held_out_loss(model, plan.whole)
    return table


def without_bptt(plan: Plan, seed: int, device: str = "auto") -> tuple[dict[str, dict[str, float]], float]:
    """The losses of the parent and of a model that learned without backpropagation through time, and the bigram loss
    of English."""
    models = trained(learn, plan.runs("base", "present"), seed, device).values()
    losses = (translation.direction_losses(model, plan.whole) for model, _ in models)
    learned = dict(zip(("through time", "present only"), losses, strict=True))
    for found in learned.values():
        found["gain from the translation, English"] = found["en"] - found["es→en"]
        found["gain from the translation, Spanish"] = found["es"] - found["en→es"]
    return learned, bigram_loss(*map(_english, translation.verses(plan.whole.text, SPANISH)))


def gain(learned: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What a model gains from having read the translation, mean of both languages."""
    both = [f"gain from the translation, {language}" for language in ("English", "Spanish")]
    return {name: sum(found[one] for one in both) / 2 for name, found in learned.items()}


def _english(verses: list[data.Pair]) -> Tensor:
    """The bytes of the English side."""
    stream = data.translation_stream(verses, SPANISH, source="en")
    return stream.tokens[(stream.language == 0) & ~stream.target]
