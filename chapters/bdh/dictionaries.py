"""A stream whose dictionary changes: does a model use what was said before the step that it was trained on?

Every word of the stream is a fact or a question about one (`recall.Facts`), drawn at random; the values are paired anew
with the keys every `every` words. A model that has learned to recall from short texts goes on with this stream in two
ways, by the same pieces: with the synapses of the piece before, or without any.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from brainlib.arguments import seeded
from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.training import TrainingConfig
from chapters.bdh import recall
from chapters.bdh.experiments import fit, schedule, trained
from chapters.bdh.recall import TEST_TEXTS, TUNING_TEXTS, FactBatches, Facts, Recall, share

UNASKED = -1  # in the place of an answer, where the word is a fact
PIECE = 64  # words that are learned from at once
WAYS = {"carried": True, "begun anew": False}


@dataclass(frozen=True)
class Stream:
    """How a model that has learned to recall (`start`) learns from the stream, piece by piece of `rows` streams side by
    side, carried on or not."""

    start: Recall
    training: TrainingConfig
    every: int
    carried: bool
    rows: int = 16


def draw(
    facts: Facts, rows: int, words: int, every: int, generator: torch.Generator
) -> tuple[Int[Tensor, "rows words"], Int[Tensor, "rows words"]]:
    """The words, half of them questions, and the answer to each; UNASKED where the word is a fact."""
    dictionary = torch.randint(facts.values, (rows, -(-words // every), facts.keys), generator=generator)
    keys = torch.randint(facts.keys, (rows, words), generator=generator)
    values = dictionary[torch.arange(rows)[:, None], torch.arange(words) // every, keys]
    asked = torch.rand(rows, words, generator=generator) < 0.5
    tokens = torch.where(asked, facts.question(keys), facts.fact(keys, values))
    return tokens, torch.where(asked, values, UNASKED)


class Pieces(FactBatches):
    """The stream's next PIECE words, and their answers, as `brainlib.training` takes them."""

    def __init__(self, stream: Stream, seed: int):
        words = PIECE * stream.training.steps
        self._stream, self._read = draw(stream.start.facts, stream.rows, words, stream.every, seeded(seed)), 0

    def next_batch(self) -> tuple[Tensor, Tensor]:
        start, self._read = PIECE * self._read, self._read + 1
        tokens, answers = (part[:, start : start + PIECE] for part in self._stream)
        return tokens, answers


def piece_loss(
    model: BDH, batch: tuple[Tensor, Tensor], state: BDHState | None, carried: bool
) -> tuple[Tensor, BDHState | None]:
    """The loss on the answers, nats each, and what is carried on."""
    tokens, answers = batch
    logits, _, state = model(tokens, state=state, return_state=carried)
    return cross_entropy(logits.flatten(0, 1), answers.flatten(), ignore_index=UNASKED), state


def learn(stream: Stream, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    ((model, _),) = trained(recall.learn, {"start": stream.start}, seed, device).values()
    return fit(model, Pieces(stream, seed), stream, seed, folder, loss=piece_loss, carried=stream.carried)


def from_before(facts: Facts, tokens: Int[Tensor, "rows words"], every: int) -> Bool[Tensor, "rows words"]:
    """Where a question is about a fact that was told since the dictionary changed, but not in the same piece."""
    first = facts.values + facts.keys  # of the facts; the words before are questions
    asked = tokens < first
    key = torch.where(asked, tokens - facts.values, (tokens - first) // facts.values)
    told = one_hot(key, facts.keys) * ~asked[..., None]

    def known(words: int) -> Tensor:
        so_far = told.unflatten(1, (-1, words)).cumsum(2).flatten(1, 2)
        return so_far.gather(2, key[..., None])[..., 0] > 0

    return asked & known(every) & ~known(PIECE)


@torch.no_grad()
def losses(
    model: BDH, plan: "Plan", every: int, carried: bool, *, whole: bool, texts: int = TEST_TEXTS
) -> Float[Tensor, " pieces"]:
    """Nats an answer in each piece after the dictionary has changed, over the five dictionaries after the first: the
    whole loss, or in the second piece and later that of the questions `from_before`."""
    tokens, answers = draw(plan.facts, plan.rows, 6 * 512, every, seeded(texts))
    kept = answers != UNASKED if whole else from_before(plan.facts, tokens, every)
    state, parts = None, []
    for piece in tokens.to(model.embedding.device).split(PIECE, dim=1):
        logits, _, after = model(piece, state=state)
        state = after if carried else None
        parts.append(logits.cpu())
    at_word = cross_entropy(torch.cat(parts, 1).mT, answers, ignore_index=UNASKED, reduction="none")
    at_word = at_word.masked_fill(~kept, torch.nan)[:, 512:].unflatten(1, (-1, every // PIECE, PIECE))
    return at_word.nanmean(dim=(0, 1, 3))[0 if whole else 1 :]


@dataclass(frozen=True)
class Plan:
    """`steps` of training, each way at a rate of its own by `best_rate`; judged on `rows` streams, and on facts that
    were planted `distances` words ago. `every` is when the dictionary changes: for the question, and for the
    control."""

    steps: int
    rates: tuple[float, ...]
    rows: int
    distances: tuple[int, ...]
    model: BDHConfig
    facts: Facts
    every: tuple[int, int] = (512, PIECE)

    def stream(self, every: int, way: str, rate: float) -> Stream:
        """Both ways begin with the same model, which has learned from as many short texts."""
        start = Recall(self.facts, self.model, schedule(self.steps, 6e-3, precision="float32"), most=self.facts.keys)
        return Stream(start, schedule(self.steps, rate, precision="float32"), every, WAYS[way])


FADING = (0.002, 0.004, 0.008, 0.016)  # e-folds a word, a head: each forgets half in 43 to 350 words
DICTIONARY = Facts(keys=24)
SMALL = BDHConfig(layers=2, dim=32, heads=4, neurons=128, vocab=DICTIONARY.vocab, dropout=0.0, decay=FADING)
PLANS = {
    "ci": Plan(150, (6e-3,), 8, (10, 100, 1000), SMALL, DICTIONARY),
    "laptop": Plan(800, (3e-3, 6e-3, 1.2e-2), 64, (10, 30, 100, 300, 1000, 3000, 10_000), SMALL, DICTIONARY),
}
PLANS["paper"] = PLANS["laptop"]  # the paper has no such experiment


def best_rate(plan: Plan, way: str, device: str = "auto") -> float:
    """The rate of least loss on all questions, read as it was taught."""
    every = plan.every[0]

    def loss(model: BDH) -> float:
        return float(losses(model, plan, every, WAYS[way], whole=True, texts=TUNING_TEXTS).mean())

    return recall.best_rate(learn, partial(plan.stream, every, way), loss, plan.rates, device)


def measure(plan: Plan, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """By interval, by way of learning and by way of reading, the loss of each piece (the whole where the dictionary
    changes with the piece); and how often a fact that was planted is still known, by distance."""
    rates = {way: best_rate(plan, way, device) for way in WAYS}
    found: dict[str, Any] = {"rates": rates}
    for every in plan.every:
        streams = {way: plan.stream(every, way, rate) for way, rate in rates.items()}
        for way, (model, _) in trained(learn, streams, seed, device).items():
            for reading, carried in WAYS.items():
                curve = losses(model, plan, every, carried, whole=every == PIECE)
                found[f"{every}: taught {way}, read {reading}"] = curve.tolist()
            if every == plan.every[0]:
                found[f"planted: taught {way}"] = planted(model, plan)
    return found


@torch.no_grad()
def planted(model: BDH, plan: Plan) -> list[float]:
    """The share of right answers about a fact told once, so many words of other facts and questions ago."""
    facts, found = plan.facts, []
    for distance in plan.distances:
        generator = seeded(TEST_TEXTS + distance)
        value = torch.randint(facts.values, (plan.rows,), generator=generator)
        last = torch.full((plan.rows,), facts.keys - 1)  # the key that is planted; the others fill the distance
        filler = draw(Facts(facts.keys - 1, facts.values), plan.rows, distance, distance, generator)[0]
        filler = torch.where(filler < facts.values + facts.keys - 1, filler, filler + 1)  # one question more here
        tokens = torch.cat([facts.fact(last, value)[:, None], filler, facts.question(last)[:, None]], 1)
        said = model(tokens.to(model.embedding.device), return_state=False)[0][:, -1].argmax(-1)
        found.append(share(said.cpu() == value))
    return found


def gain(found: Mapping[str, list[float]], every: int) -> float:
    """What carrying spares: the loss of the model taught to begin anew, in the better of both readings, less that of
    the one taught to carry, in nats an answer, mean over pieces."""

    def mean(way: str, reading: str) -> float:
        return float(np.mean(found[f"{every}: taught {way}, read {reading}"]))

    return min(mean("begun anew", reading) for reading in WAYS) - mean("carried", "carried")
