"""Facts, then questions: how many a trained model holds, and what an edit of its synapses changes.

A vocabulary of three kinds of words: values ("tea"), questions ("Ada?"), and facts, each a compound of a question's key
and a value ("Ada-tea"), so that one word is one fact, written into the synapses of a layer as one outer product. Keys
and values are paired anew for every text: nothing can be known but from the text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.baselines import GPT, GPTConfig
from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.bdh.kernels.reference import activities
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation
from brainlib.training import TrainingConfig
from chapters.bdh.experiments import Model, fit, new_model, schedule, trained

TUNING = 1000  # the seed of the models by which rates are chosen, not used for anything else
TUNING_TEXTS, TEST_TEXTS, EDITED_TEXTS = 2000, 3000, 4000  # seeds of texts that nothing is learned from
ENOUGH = 0.9  # of the answers right: then the facts are held
SHORT = 8  # facts of a text whose synapses are edited
BDHS, GPTS = "BDH", "GPT of equal state"
COUNTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # facts told where capacity is measured


@dataclass(frozen=True)
class Facts:
    """`keys` things that can each have one of `values`."""

    keys: int = 64
    values: int = 8

    @property
    def vocab(self) -> int:
        return self.values + self.keys + self.keys * self.values

    def question(self, key: Tensor) -> Tensor:
        return self.values + key

    def fact(self, key: Tensor, value: Tensor) -> Tensor:
        return self.values + self.keys + key * self.values + value

    def draw(
        self, texts: int, told: int, asked: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "texts time"], Int[Tensor, "texts asked"]]:
        """Texts of `told` facts, every key once, and then `asked` questions in another order; and the answers."""
        keys = torch.rand(texts, self.keys, generator=generator).argsort(1)[:, :told]
        values = torch.randint(self.values, keys.shape, generator=generator)
        order = torch.rand(keys.shape, generator=generator).argsort(1)[:, :asked]
        tokens = torch.cat([self.fact(keys, values), self.question(keys.gather(1, order))], dim=1)
        return tokens, values.gather(1, order)

    def new_model(self, config: BDHConfig | GPTConfig, seed: int, device: str = "auto") -> Model:
        """Random weights, but a fact's vector starts as the sum of those of its question and its value."""
        model = new_model(config, seed, device)
        with torch.no_grad():
            values, questions, facts = model.embedding.split([self.values, self.keys, self.keys * self.values])
            facts.copy_((questions[:, None] + values).flatten(0, 1))
        return model


@dataclass(frozen=True)
class Recall:
    """A model that learns to recall from new texts, `batch` a step, of at most `most` facts."""

    facts: Facts
    model: BDHConfig | GPTConfig
    training: TrainingConfig
    most: int = 64
    asked: int = 8
    batch: int = 32


class FactBatches:
    """New texts for every step, as `brainlib.training` takes them: few facts at first, up to `most` after 70 % of the
    steps."""

    def __init__(self, recall: Recall, seed: int):
        self._recall, self._seed, self._read = recall, seed, 0

    def next_batch(self) -> tuple[Tensor, Tensor]:
        recall, generator = self._recall, seeded(10**6 * self._seed + self._read)
        longest = 2 + (recall.most - 2) * min(1.0, self._read / recall.training.steps / 0.7)
        told = int(torch.randint(1, round(longest) + 1, (), generator=generator))
        self._read += 1
        return recall.facts.draw(recall.batch, told, min(told, recall.asked), generator)

    def state_dict(self) -> dict[str, Tensor]:
        """How many batches were read."""
        return {"read": torch.tensor(self._read)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self._read = int(state["read"])


def answer_loss(model: Model, batch: tuple[Tensor, Tensor], state: None) -> tuple[Tensor, None]:
    """The loss on the answers, nats each."""
    tokens, answers = batch
    logits = model(tokens, return_state=False)[0][:, -answers.shape[1] :]
    return cross_entropy(logits.flatten(0, 1), answers.flatten()), None


def learn(recall: Recall, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    model = recall.facts.new_model(recall.model, seed, device)
    return fit(model, FactBatches(recall, seed), recall, seed, folder, loss=answer_loss)


FACTS = Facts()


@dataclass(frozen=True)
class Plan:
    """BDHs of so many neurons (`sizes`, all of `dim` channels and 2 layers) and a GPT of that width and depth, `steps`
    of training, each at a rate of its own by `best_rate`; judged on `texts`. `edited` is the size whose synapses are
    edited."""

    sizes: tuple[int, ...]
    edited: int
    steps: int
    rates: tuple[float, ...]
    texts: int
    facts: Facts = FACTS
    dim: int = 32

    def recall(self, neurons: int | None, rate: float) -> Recall:
        """The training of a BDH, or without neurons of the GPT."""
        sizes = {"layers": 2, "dim": self.dim, "heads": 4, "vocab": self.facts.vocab, "dropout": 0.0}
        model = BDHConfig(**sizes, neurons=neurons) if neurons else GPTConfig(**sizes)
        return Recall(self.facts, model, schedule(self.steps, rate, precision="float32"))


PLANS = {
    "ci": Plan((64, 128), 128, 150, (6e-3,), 64),
    "laptop": Plan((40, 56, 80, 104), 320, 800, (3e-3, 6e-3, 1.2e-2), 512),
}
PLANS["paper"] = PLANS["laptop"]  # the paper has no such experiment


@torch.no_grad()
def accuracies(model: Model, plan: Plan, texts: int = TEST_TEXTS) -> list[float]:
    """The share of right answers to one question, for each of `COUNTS` facts told before it."""
    found = []
    for told in COUNTS:
        tokens, answers = plan.facts.draw(plan.texts, told, 1, seeded(texts + told))
        said = model(tokens.to(model.embedding.device), return_state=False)[0][:, -1].argmax(-1)
        found.append(float((said.cpu() == answers[:, 0]).float().mean()))
    return found


def best_rate(
    learn: Callable[..., dict[str, Any]],
    settings: Callable[[float], Any],
    loss: Callable[[Model], float],
    rates: Sequence[float],
    device: str = "auto",
) -> float:
    """The rate whose model, learned with its settings, loses least. Rates are widened by twofold ones until the best
    lies inside; a single one is taken as it is."""
    rates = list(rates)
    while len(rates) > 1:
        models = trained(learn, {str(rate): settings(rate) for rate in rates}, TUNING, device).values()
        found = [loss(model) for model, _ in models]
        best = found.index(min(found))
        if 0 < best < len(rates) - 1:
            return rates[best]
        rates = [rates[0] / 2, *rates] if best == 0 else [*rates, 2 * rates[-1]]
    return rates[0]


def recall_rate(plan: Plan, neurons: int | None, device: str = "auto") -> float:
    """The rate of most right answers."""

    def wrong(model: Model) -> float:
        return -sum(accuracies(model, plan, TUNING_TEXTS))

    return best_rate(learn, partial(plan.recall, neurons), wrong, plan.rates, device)


def held(accuracy: list[float]) -> float:
    """How many facts are held: where the share of right answers falls to `ENOUGH`, by interpolation along the logarithm
    of their number; 1 if it is lower at once, the largest number asked if it never falls."""
    below = [place for place, share in enumerate(accuracy) if share < ENOUGH]
    if not below or below[0] == 0:
        return float(COUNTS[-1] if not below else 1)
    last = below[0]
    shares, counts = (row[last - 1 : last + 1][::-1] for row in (accuracy, COUNTS))
    return float(np.exp(np.interp(ENOUGH, shares, np.log(counts))))


def measure_capacity(plan: Plan, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """`accuracies` of every BDH, of the GPT, and of the GPT when it keeps no more numbers than each BDH: n d L in
    synapses, or 2 d L for each word in keys and values, that is n / 2 words."""
    rates = {neurons: recall_rate(plan, neurons, device) for neurons in (None, *plan.sizes)}
    recalls = {str(neurons): plan.recall(neurons, rate) for neurons, rate in rates.items()}
    models = {name: model for name, (model, _) in trained(learn, recalls, seed, device).items()}
    gpt = models["None"]
    found: dict[str, Any] = {"rates": {str(neurons): rate for neurons, rate in rates.items()}}
    for neurons in plan.sizes:
        windowed = GPT(replace(gpt.config, memory=neurons // 2)).to(gpt.embedding.device).eval()
        windowed.load_state_dict(gpt.state_dict())
        found[f"{BDHS}, {neurons}"] = accuracies(models[str(neurons)], plan)
        found[f"{GPTS}, {neurons}"] = accuracies(windowed, plan)
    return found | {"GPT": accuracies(gpt, plan)}


def facts_held(plan: Plan, found: Mapping[str, list[float]], family: str) -> list[float]:
    """By size."""
    return [held(found[f"{family}, {neurons}"]) for neurons in plan.sizes]


def exponent(plan: Plan, found: Mapping[str, list[float]]) -> float:
    """Of the facts that BDHs hold against their neurons, least squares."""
    return float(np.polyfit(np.log(plan.sizes), np.log(facts_held(plan, found, BDHS)), 1)[0])


def room(plan: Plan, found: Mapping[str, list[float]]) -> float:
    """How far what is held lies within what was asked, in facts: 0 at either end, where nothing is known of it."""
    facts = [*facts_held(plan, found, BDHS), *facts_held(plan, found, GPTS)]
    return min(COUNTS[-1] - max(facts), min(facts) - 1)


@torch.no_grad()
def writings(
    model: BDH, tokens: Int[Tensor, "texts time"]
) -> tuple[Float[Tensor, "layers texts heads time head_neurons"], Float[Tensor, "layers texts time dim"]]:
    """What every word writes into the synapses of each layer: the outer product of q, its rotated x, and v.

    rho after the text is the sum of q v^T over its words (synapses that fade are not meant here).
    """
    v = norm(model.embedding[tokens])
    rope = rotation(model.frequencies, 0, tokens.shape[1], v.dtype)
    keys, values = [], []
    for _ in range(model.config.layers):
        x, y, _ = activities(v, model.decoder_x, model.decoder_y, rope)
        keys.append(rotate(x, rope))
        values.append(v)
        v = norm(v + norm(torch.einsum("bhtk,hkd->btd", y, model.encoder)))
    return torch.stack(keys), torch.stack(values)


def swap(keys: Tensor, values: Tensor, one: int, other: int) -> Float[Tensor, "layers texts heads head_neurons dim"]:
    """The edit that lets two facts' values change places: each value is taken out, and the other put under its key."""
    return outer(keys[:, :, :, one] - keys[:, :, :, other], values[:, :, other] - values[:, :, one])


def erase(keys: Tensor, values: Tensor, one: int) -> Float[Tensor, "layers texts heads head_neurons dim"]:
    """The edit that takes a fact out."""
    return -outer(keys[:, :, :, one], values[:, :, one])


def outer(key: Float[Tensor, "layers texts heads head_neurons"], value: Float[Tensor, "layers texts dim"]) -> Tensor:
    return key[..., None] * value[:, :, None, None]


@torch.no_grad()
def write(
    model: BDH, fact: Int[Tensor, "batch"], position: int
) -> Float[Tensor, "layers texts heads head_neurons dim"]:
    """The edit that puts in a fact that was never read: what its word would write there, read without any past."""
    empty = model.initial_state(len(fact))
    return model(fact[:, None], state=BDHState(torch.tensor(position), empty.synapses))[2].synapses


def elsewhere(edit: Tensor, generator: torch.Generator) -> Tensor:
    """An edit of equal size at other synapses: the neurons of every head change places at random, in pairs, alike in
    all layers and texts."""
    pairs = torch.randperm(edit.shape[3] // 2, generator=generator).to(edit.device)
    return edit.unflatten(3, (-1, 2))[:, :, :, pairs].flatten(3, 4)


@torch.no_grad()
def said(model: BDH, state: BDHState, questions: Int[Tensor, "texts asked"]) -> Int[Tensor, "texts asked"]:
    """The answer to each question alone, asked of the same synapses, a word later: one may have been written."""
    state = BDHState(state.position + 1, state.synapses)
    answers = [model(question[:, None], state=state, return_state=False)[0][:, 0] for question in questions.T]
    return torch.stack(answers, dim=1).argmax(-1)


def edit_facts(model: BDH, facts: Facts, texts: int, seed: int) -> dict[str, float]:
    """Shares of answers as predicted: without an edit; to the edited and to the other questions once the values of the
    first two facts were swapped, the first was erased (another answer), and a new one was written; and the same after
    edits of equal size `elsewhere`."""
    generator = seeded(EDITED_TEXTS + seed)
    tokens, right = (part.to(model.embedding.device) for part in facts.draw(texts, SHORT, SHORT, generator))
    told, questions = tokens[:, :SHORT], tokens[:, SHORT:]
    number = told - facts.fact(torch.tensor(0), torch.tensor(0))
    key, value = number // facts.values, number % facts.values
    differ = value[:, 0] != value[:, 1]  # else a swap changes nothing
    key, value, told, questions, right = (part[differ] for part in (key, value, told, questions, right))
    first, second = (questions == facts.question(key[:, place, None]) for place in (0, 1))
    swapped = torch.where(first, value[:, 1, None], torch.where(second, value[:, 0, None], right))
    state, (q, v) = model(told)[2], writings(model, told)
    told_or_not = torch.zeros(len(key), facts.keys, dtype=torch.long, device=key.device).scatter_(1, key, 1)
    unread = told_or_not.argmin(1)  # the first key that was not told
    new = torch.randint(facts.values, unread.shape, generator=generator).to(told)
    edits = {
        "swap": (swap(q, v, 0, 1), questions, swapped, first | second),
        "erase": (erase(q, v, 0), questions, right, first),
        "write": (
            write(model, facts.fact(unread, new), SHORT),
            torch.cat([questions, facts.question(unread)[:, None]], 1),
            torch.cat([right, new[:, None]], 1),
            torch.arange(SHORT + 1, device=told.device).expand(len(told), -1) == SHORT,
        ),
    }
    found = {"right": share(said(model, state, questions) == right)}
    for name, (edit, asked, predicted, edited) in edits.items():
        for where, change in (("", edit), (", elsewhere", elsewhere(edit, generator))):
            hits = said(model, BDHState(state.position, state.synapses + change), asked) == predicted
            found[f"{name}{where}: edited"] = share((hits != (name == "erase"))[edited])
            found[f"{name}{where}: others"] = share(hits[~edited])
    return found


def share(hits: Tensor) -> float:
    return float(hits.float().mean())


def measure_edits(plan: Plan, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, float]:
    """`edit_facts` in the model of the size that is edited."""
    return edit_facts(editable(plan, seed, device), plan.facts, plan.texts, seed)


def editable(plan: Plan, seed: int, device: str = "auto") -> BDH:
    """The trained model whose synapses are edited."""
    recall = plan.recall(plan.edited, recall_rate(plan, plan.edited, device))
    return trained(learn, {"recall": recall}, seed, device)["recall"][0]


def worse(edits: Mapping[str, float], where: str = "") -> float:
    """Of a swap, the smaller share: edited facts answered as predicted, or others still right."""
    return min(edits[f"swap{where}: edited"], edits[f"swap{where}: others"])
