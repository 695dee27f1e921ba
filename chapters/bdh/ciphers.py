"""Cipher languages: they say the same things in the same order, each in words of its own.

A *meaning* is a number, a language a dictionary that spells each meaning with one word. Sentences are drawn from a
Markov chain over meanings, or are the words of real verses. A pair of languages makes rows of tagged sentences, each
followed by its translation, the side that comes first drawn for every sentence (Appendix B.1, in words for bytes). What
can be known of a word is known: alone it has the chain's entropy, and the first of a sentence all of log(meanings);
after its translation it has none.
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from brainlib import data
from brainlib.arguments import seeded

Languages = tuple[int, int]
NAMES = "ABCDEFGH"  # of languages
TAG, SOURCE, TRANSLATION = range(3)
DICTIONARIES = 20_260_000  # the seed of grammar and dictionaries: the same world for every model
SHARPNESS = 1.5  # standard deviation of the logits of the chain


@dataclass(frozen=True)
class Ciphers:
    """`languages` that spell `meanings` in sentences of `length` words. `text` is "grammar" for sentences of a Markov
    chain, or "verses" for words in a row of the King James verses that come with brainlib; there the meanings are the
    most frequent words, the last of them all others."""

    languages: int = 4
    meanings: int = 24
    length: int = 8
    text: str = "grammar"

    @property
    def vocab(self) -> int:
        """Words, and two tags a language."""
        return self.languages * (self.meanings + 2)

    @property
    def pair_length(self) -> int:
        """Tokens of a sentence and its translation, with their tags."""
        return 2 * (self.length + 1)


class Rows(NamedTuple):
    """Tokens, for each its language, and whether it is a TAG, a word of a SOURCE or of a TRANSLATION."""

    tokens: Int[Tensor, "rows time"]
    language: Int[Tensor, "rows time"]
    kind: Int[Tensor, "rows time"]


@cache
def transitions(meanings: int) -> Float[Tensor, "meanings meanings"]:
    """The chain: row m holds the chances of what follows m."""
    return torch.softmax(SHARPNESS * torch.randn(meanings, meanings, generator=seeded(DICTIONARIES)), 1)


@cache
def dictionaries(ciphers: Ciphers) -> Int[Tensor, "languages meanings"]:
    """The word for each meaning in each language."""
    generator = seeded(DICTIONARIES + 1)
    orders = [torch.randperm(ciphers.meanings, generator=generator) for _ in range(ciphers.languages)]
    return torch.stack(orders) + ciphers.meanings * torch.arange(ciphers.languages)[:, None]


def entropy(ciphers: Ciphers) -> float:
    """Of a word alone, in nats: of the first of a sentence, that may be any, and of the others after the one before."""
    m, chain = ciphers.meanings, transitions(ciphers.meanings).double()
    after = -torch.special.xlogy(chain, chain).sum(1)
    later = sum(float((torch.linalg.matrix_power(chain, place) @ after).mean()) for place in range(ciphers.length - 1))
    return (math.log(m) + later) / ciphers.length


def bigram_loss(ciphers: Ciphers) -> float:
    """Nats a word of held-out sentences, each word foretold from the one before it by counts of 20,000 others."""
    learned, test = (sentences(ciphers, 20_000, seeded(number), held_out=number > 0) for number in range(2))
    m = ciphers.meanings
    first = torch.bincount(learned[:, 0], minlength=m) + 1.0
    pairs = (m * learned[:, :-1] + learned[:, 1:]).flatten()
    after = torch.bincount(pairs, minlength=m * m).view(m, m) + 1.0
    chances = (first / first.sum())[test[:, :1]], (after / after.sum(1, keepdim=True))[test[:, :-1], test[:, 1:]]
    return float(-torch.cat(chances, dim=1).log().mean())


def sentences(ciphers: Ciphers, count: int, generator: torch.Generator, held_out: bool = False) -> Tensor:
    """[count, length] meanings; of verses those to learn from or those held out."""
    if ciphers.text == "grammar":
        return chain_sentences(ciphers, count, generator)
    words, starts = verse_meanings(ciphers, held_out)
    chosen = starts[torch.randint(len(starts), (count,), generator=generator)]
    return words[chosen[:, None] + torch.arange(ciphers.length)]


def chain_sentences(ciphers: Ciphers, count: int, generator: torch.Generator) -> Tensor:
    chain = transitions(ciphers.meanings)
    meanings = [torch.randint(ciphers.meanings, (count,), generator=generator)]
    for _ in range(ciphers.length - 1):
        meanings.append(torch.multinomial(chain[meanings[-1]], 1, generator=generator)[:, 0])
    return torch.stack(meanings, dim=1)


@cache
def verse_meanings(ciphers: Ciphers, held_out: bool) -> tuple[Tensor, Tensor]:
    """All verses' words as meanings in one row, and where a sentence may begin that does not leave its verse."""
    learned, kept = data.hold_out(data.verses("en", "es"))
    frequent = Counter(word for verse, _ in learned for word in split(verse)).most_common(ciphers.meanings - 1)
    number = {word: index for index, (word, _) in enumerate(frequent)}
    words: list[int] = []
    starts: list[int] = []
    for verse, _ in kept if held_out else learned:
        meanings = [number.get(word, ciphers.meanings - 1) for word in split(verse)]
        starts += range(len(words), len(words) + len(meanings) - ciphers.length + 1)
        words += meanings
    return torch.tensor(words), torch.tensor(starts)


def split(verse: str) -> list[str]:
    return "".join(letter if letter.isalpha() else " " for letter in verse.lower()).split()


def rows(
    ciphers: Ciphers,
    pair: Languages,
    count: int,
    sentences_a_row: int,
    generator: torch.Generator,
    *,
    held_out: bool = False,
) -> Rows:
    """Rows of sentences in one language of the pair, each before its translation into the other."""
    shape = count, sentences_a_row, ciphers.length
    meanings = sentences(ciphers, count * sentences_a_row, generator, held_out).view(shape)
    first = torch.randint(2, shape[:2], generator=generator)[..., None]
    source, target = torch.tensor(pair)[first], torch.tensor(pair)[1 - first]
    words, tags = dictionaries(ciphers), ciphers.languages * ciphers.meanings
    tokens = (tags + source, words[source, meanings], tags + ciphers.languages + target, words[target, meanings])
    languages = (source, source.expand(shape), target, target.expand(shape))
    kinds = torch.tensor([TAG] + [SOURCE] * ciphers.length + [TAG] + [TRANSLATION] * ciphers.length)
    joined = [torch.cat(parts, dim=-1).flatten(1) for parts in (tokens, languages)]
    return Rows(*joined, kinds.repeat(count, sentences_a_row))


class CipherBatches:
    """Batches of rows in one or more pairs of languages, one pair a batch in turn, as `brainlib.training` takes
    them."""

    def __init__(self, ciphers: Ciphers, pairs: tuple[Languages, ...], batch: int, sentences_a_row: int, seed: int):
        self._ciphers, self._pairs, self._sizes = ciphers, pairs, (batch, sentences_a_row)
        self._generator, self._read = seeded(seed), 0

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """Tokens, and the token after each."""
        pair = self._pairs[self._read % len(self._pairs)]
        self._read += 1
        tokens = rows(self._ciphers, pair, *self._sizes, self._generator).tokens
        return tokens[:, :-1], tokens[:, 1:]

    def state_dict(self) -> dict[str, Tensor]:
        """The generator's state, and how many batches were read."""
        return {"generator": self._generator.get_state(), "read": torch.tensor(self._read)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from there."""
        self._generator.set_state(state["generator"])
        self._read = int(state["read"])
