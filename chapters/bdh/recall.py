"""Facts in a row, then questions: what trained models hold, and what an edit of their synapses changes.

A text is `facts` pairs of a key and a value, every key once, and then the keys again in another order, each followed
by its value: the answer that is asked for. Keys and values are drawn anew for every text, so nothing can be known but
from the text.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from brainlib.arguments import seeded
from brainlib.baselines import GPTConfig
from brainlib.bdh import BDH, BDHConfig, BDHState
from brainlib.bdh.kernels.reference import activities
from brainlib.bdh.norm import norm
from brainlib.bdh.rotation import rotate, rotation
from brainlib.training import TrainingConfig
from chapters.bdh.experiments import Model, fit, new_model


@dataclass(frozen=True)
class Facts:
    """`facts` a text, with keys and values out of `keys` and `values` words."""

    facts: int = 8
    keys: int = 64
    values: int = 64

    @property
    def vocab(self) -> int:
        return self.keys + self.values

    def draw(self, texts: int, generator: torch.Generator) -> Int[Tensor, "texts time"]:
        """Facts, then all questions with their answers: 4 * facts tokens."""
        keys = torch.rand(texts, self.keys, generator=generator).argsort(1)[:, : self.facts]
        values = torch.randint(self.values, keys.shape, generator=generator) + self.keys
        order = torch.rand(keys.shape, generator=generator).argsort(1)
        told = torch.stack([keys, values], dim=-1).flatten(1)
        asked = torch.stack([keys.gather(1, order), values.gather(1, order)], dim=-1).flatten(1)
        return torch.cat([told, asked], dim=1)


@dataclass(frozen=True)
class Recall:
    """A model that learns to recall, on `batch` new texts a step."""

    facts: Facts
    model: BDHConfig | GPTConfig
    training: TrainingConfig
    batch: int = 64


class FactBatches:
    """New texts for every step, as `brainlib.training` takes them."""

    def __init__(self, facts: Facts, batch: int, seed: int):
        self._facts, self._batch, self._generator = facts, batch, seeded(seed)

    def next_batch(self) -> tuple[Tensor]:
        return (self._facts.draw(self._batch, self._generator),)

    def state_dict(self) -> dict[str, Tensor]:
        """The generator's state."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self._generator.set_state(state["generator"])


def answer_loss(model: Model, batch: tuple[Tensor], state: None) -> tuple[Tensor, None]:
    """The loss on the answers, nats each."""
    (tokens,) = batch
    logits = model(tokens[:, :-1], return_state=False)[0]
    at = answers(tokens)
    return cross_entropy(logits[:, at].flatten(0, 1), tokens[:, at + 1].flatten()), None


def answers(tokens: Tensor) -> Int[Tensor, "facts"]:
    """The positions of the questions: what is said next is the answer."""
    return torch.arange(tokens.shape[1] // 2, tokens.shape[1], 2, device=tokens.device)


def learn(recall: Recall, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    batches = FactBatches(recall.facts, recall.batch, seed)
    return fit(new_model(recall.model, seed, device), batches, recall, seed, folder, loss=answer_loss)


@torch.no_grad()
def accuracy(model: Model, tokens: Tensor) -> float:
    at = answers(tokens)
    said = model(tokens[:, :-1], return_state=False)[0][:, at].argmax(-1)
    return float((said == tokens[:, at + 1]).float().mean())


@torch.no_grad()
def writings(
    model: BDH, tokens: Int[Tensor, "texts time"]
) -> tuple[Float[Tensor, "layers texts heads time head_neurons"], Float[Tensor, "layers texts time dim"]]:
    """What every token writes into the synapses of each layer: the outer product of q, its rotated x, and v.

    rho after the text is the sum of q v^T over its tokens (synapses that fade are not meant here).
    """
    config = model.config
    v = norm(model.embedding[tokens])
    rope = rotation(model.frequencies, 0, tokens.shape[1], v.dtype)
    keys, values = [], []
    for _ in range(config.layers):
        x, y, _ = activities(v, model.decoder_x, model.decoder_y, rope)
        keys.append(rotate(x, rope))
        values.append(v)
        v = norm(v + norm(torch.einsum("bhtk,hkd->btd", y, model.encoder)))
    return torch.stack(keys), torch.stack(values)


@torch.no_grad()
def after_edit(model: BDH, state: BDHState, edit: Tensor, tokens: Tensor) -> Float[Tensor, "texts facts vocab"]:
    """What is said after each question alone, had the synapses after the facts been changed by `edit`."""
    edited = BDHState(state.position, state.synapses + edit)
    facts = tokens.shape[1] // 4
    said = []
    for question in range(facts):
        key = tokens[:, 2 * facts + 2 * question, None]
        said.append(model(key, state=edited, return_state=False)[0][:, 0])
    return torch.stack(said, dim=1)


def swap(keys: Tensor, values: Tensor, one: int, other: int) -> Float[Tensor, "layers texts heads head_neurons dim"]:
    """The edit that lets two facts' values change places: what each value's token wrote is taken out, and the other's
    value put in its place, under the same key."""
    first, second = 2 * one + 1, 2 * other + 1
    difference = values[:, :, second] - values[:, :, first]
    return outer(keys[:, :, :, first] - keys[:, :, :, second], difference)


def erase(keys: Tensor, values: Tensor, one: int) -> Float[Tensor, "layers texts heads head_neurons dim"]:
    """The edit that takes out what a fact's value wrote."""
    return -outer(keys[:, :, :, 2 * one + 1], values[:, :, 2 * one + 1])


def outer(key: Float[Tensor, "layers texts heads head_neurons"], value: Float[Tensor, "layers texts dim"]) -> Tensor:
    return key[..., None] * value[:, :, None, None]


def elsewhere(edit: Tensor, generator: torch.Generator) -> Tensor:
    """An edit of equal size at other synapses: the neurons of every head change places at random, in pairs, alike in
    all layers and texts."""
    pairs = torch.randperm(edit.shape[3] // 2, generator=generator).to(edit.device)
    return edit.unflatten(3, (-1, 2))[:, :, :, pairs].flatten(3, 4)


@torch.no_grad()
def edit_facts(model: BDH, facts: Facts, texts: int, seed: int) -> dict[str, float]:
    """Shares of answers: right before any edit; after the first two facts' values were swapped, those two answered as
    predicted and all others still right; the first fact's value still given after it was erased; and the same after
    edits of equal size `elsewhere`."""
    generator = seeded(seed)
    tokens = facts.draw(texts, generator).to(model.embedding.device)
    told = tokens[:, : 2 * facts.facts]
    state = model(told)[2]
    keys, values = writings(model, told)
    asked, right = tokens[:, 2 * facts.facts :: 2], tokens[:, 2 * facts.facts + 1 :: 2]
    first, second = (asked == told[:, place, None] for place in (0, 2))
    predicted = torch.where(first, told[:, 3, None], torch.where(second, told[:, 1, None], right))
    both = first | second

    def said(edit: Tensor) -> Tensor:
        return after_edit(model, state, edit, tokens).argmax(-1)

    def share(hits: Tensor, of: Tensor) -> float:
        return float(hits[of].float().mean())

    swapped, erased = swap(keys, values, 0, 1), erase(keys, values, 0)
    found = {"right": share(said(0 * swapped) == right, both | ~both)}
    for name, change in (("", lambda edit: edit), ("elsewhere: ", lambda edit: elsewhere(edit, generator))):
        after, gone = said(change(swapped)), said(change(erased))
        found |= {
            f"{name}swapped": share(after == predicted, both),
            f"{name}others after the swap": share(after == right, ~both),
            f"{name}erased": share(gone != right, first),
            f"{name}others after the erasure": share(gone == right, ~first),
        }
    return found
