"""Sentences and their translations: what is held out, and the tagged stream a translating model reads."""

from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from brainlib.arguments import whole_number

from .tokens import encode

Pair = tuple[str, str]
LONGEST_RATIO = 2.0  # of the longest translation of a sentence to the shortest, in characters
TAG = 255  # the language of a byte that belongs to a tag

_Item = TypeVar("_Item")


class TaggedText(NamedTuple):
    """A stream of tagged sentences, byte by byte.

    `tokens` are the bytes, `language` is the place of each byte's language in the `languages` of the stream (255 in a
    tag), and `target` is true where a byte belongs to a translation, which can be read off what came before it.
    """

    tokens: UInt8[Tensor, "bytes"]
    language: UInt8[Tensor, "bytes"]
    target: Bool[Tensor, "bytes"]


def comparable(*translations: str) -> bool:
    """Whether none of the texts is empty and none is more than twice as long as another, as translations are."""
    lengths = [len(text) for text in translations]
    return 0 < max(lengths) <= LONGEST_RATIO * min(lengths)


def hold_out(pairs: list[_Item], every: int = 10, block: int = 50) -> tuple[list[_Item], list[_Item]]:
    """Cut a list into what is trained on and what is held out: the last of every `every` blocks of `block` neighbours.

    Neighbouring verses repeat each other's words, so they are held out together. The parts keep the order of the list;
    lists whose entries correspond are cut at the same places. Raises `ValueError` if a part would be empty.
    """
    every, block = whole_number("every", every, least=2), whole_number("block", block, least=1)
    if len(pairs) <= (every - 1) * block:
        raise ValueError(f"pairs: got {len(pairs)}, expected more than {(every - 1) * block}, or none is held out")
    held = [place // block % every == every - 1 for place in range(len(pairs))]
    return (
        [pair for pair, out in zip(pairs, held, strict=True) if not out],
        [pair for pair, out in zip(pairs, held, strict=True) if out],
    )


def translation_stream(
    pairs: list[Pair], languages: tuple[str, str] = ("en", "es"), seed: int = 0, source: str | None = None
) -> TaggedText:
    """The stream `<F:en>source<T:es>target<F:es>source<T:en>target...`, raw UTF-8, of the Dragon Hatchling paper (B.1).

    Which side of a pair comes first is drawn with the seed, or is the one in the language `source` for all. Raises
    `ValueError` if there is no pair, a sentence contains a tag, or an argument is out of range.
    """
    _require(pairs, languages, source)
    seed = whole_number("seed", seed)
    if source is None:
        generator = torch.Generator().manual_seed(seed)
        firsts = torch.randint(2, (len(pairs),), generator=generator).tolist()
    else:
        firsts = [languages.index(source)] * len(pairs)

    pieces: list[bytes] = []  # four a pair: tag, source, tag, target
    spoken: list[int] = []
    for pair, first in zip(pairs, firsts, strict=True):
        second = 1 - first
        pieces += [f"<F:{languages[first]}>".encode(), pair[first].encode()]
        pieces += [f"<T:{languages[second]}>".encode(), pair[second].encode()]
        spoken += [TAG, first, TAG, second]
    lengths = np.array([len(piece) for piece in pieces])
    return TaggedText(
        tokens=encode(b"".join(pieces)),
        language=torch.from_numpy(np.repeat(np.array(spoken, dtype=np.uint8), lengths)),
        target=torch.from_numpy(np.repeat(np.arange(len(pieces)) % 4 == 3, lengths)),
    )


def _require(pairs: list[Pair], languages: tuple[str, str], source: str | None) -> None:
    if len(languages) != 2 or languages[0] == languages[1] or not all(map(str.isalpha, languages)):
        raise ValueError(f"languages: got {languages!r}, expected two codes such as ('en', 'es')")
    if source is not None and source not in languages:
        raise ValueError(f"source: got {source!r}, expected one of {languages}")
    if not pairs:
        raise ValueError("pairs: got none, expected at least one")
    for pair in pairs:
        if any(tag in sentence for sentence in pair for tag in ("<F:", "<T:")):
            raise ValueError(f"pairs: got a sentence with a tag in {pair!r}, expected plain text")
