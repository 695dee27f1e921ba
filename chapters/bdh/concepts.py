"""Passages of verses that name a concept, and passages to set against them that differ in nothing else one can count.

A passage is a tag as in training and the bytes of a verse up to the first byte after a word. All passages have the
same length, so that the word ends at the same position in all; only which word it is tells concept from contrast.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

LENGTH = 48  # bytes of a verse in a passage


CONCEPTS = {  # by language, words that name the concept, and words of the same kind in the sentence that do not
    "places": {
        "en": (
            "Jerusalem Egypt Babylon Samaria Galilee Damascus Syria Assyria Moab Edom Gilead Zion Canaan Jericho "
            "Bethel Hebron Nineveh Tyre Gilgal Bashan Lebanon Jordan Ramah Gaza",
            "Moses David Saul Solomon Abraham Isaac Jacob Joseph Samuel Aaron Joshua Peter Paul Pharaoh Elijah "
            "Daniel Jeremiah Isaiah John Jonathan Absalom Joab Ahab Hezekiah",
        ),
        "es": (
            "Jerusalem Egipto Babilonia Samaria Galilea Damasco Siria Asiria Moab Edom Galaad Sión Canaán Jericó "
            "Bethel Hebrón Nínive Tiro Gilgal Basán Líbano Jordán Rama Gaza",
            "Moisés David Saúl Salomón Abraham Isaac Jacob José Samuel Aarón Josué Pedro Pablo Faraón Elías "
            "Daniel Jeremías Isaías Juan Jonathán Absalom Joab Achâb Ezechîas",
        ),
    },
    "kinship": {
        "en": (
            "son sons daughter daughters father fathers mother brother brethren sister wife wives husband",
            "house houses gate tree gold silver water waters bread stone stones horse horses sword field city cities",
        ),
        "es": (
            "hijo hijos hija hijas padre padres madre hermano hermanos hermana mujer mujeres marido",
            "casa casas puerta árbol oro plata agua aguas pan piedra piedras caballo caballos espada campo ciudad "
            "ciudades",
        ),
    },
    "numbers": {
        "en": (
            "two three four five six seven eight ten twelve twenty thirty forty fifty sixty hundred thousand",
            "great good holy old new strong evil mighty righteous wicked high poor rich wise young many",
        ),
        "es": (
            "dos tres cuatro cinco seis siete ocho diez doce veinte treinta cuarenta cincuenta sesenta cien ciento "
            "cientos mil",
            "grande grandes bueno santo viejo nuevo fuerte malo poderoso justo impío alto pobre rico sabio joven "
            "muchos",
        ),
    },
}


class Passages(NamedTuple):
    """Texts of one length, the word that each ends with (before one more byte), and whether it names the concept."""

    tokens: Int[Tensor, "batch time"]
    words: tuple[str, ...]
    concept: Bool[Tensor, "batch"]


def passages(verses: Sequence[str], concept: Mapping[str, tuple[str, str]], language: str, most: int = 150) -> Passages:
    """Passages with and without the concept, as many of either: at most `most`, spread evenly over the verses.

    A verse gives at most one passage of either kind. A passage of one kind contains no word of the other. Raises
    `ValueError` if the verses hold no passage of a kind.
    """
    named, other = (words.split() for words in concept[language])
    kinds = [first_fits(verses, named, other), first_fits(verses, other, named)]
    count = min(most, *map(len, kinds))
    if count == 0:
        raise ValueError(f"verses: got {[len(kind) for kind in kinds]} passages with and without the concept")
    chosen = [kind[index * len(kind) // count] for kind in kinds for index in range(count)]
    tokens = torch.tensor([list(f"<F:{language}>".encode() + text) for text, _ in chosen])
    return Passages(tokens, tuple(word for _, word in chosen), torch.arange(2 * count) < count)


def first_fits(verses: Sequence[str], words: Sequence[str], without: Sequence[str]) -> list[tuple[bytes, str]]:
    """The first fit passage of every verse that has one, with its word."""
    looked_for, unwanted = (re.compile(rf"\b(?:{'|'.join(map(re.escape, group))})\b") for group in (words, without))
    fit = []
    for verse in verses:
        for match in looked_for.finditer(verse):
            passage = verse[: match.end() + 1].encode()[-LENGTH:]
            if len(verse) > match.end() and len(passage) == LENGTH:
                if not unwanted.search(passage.decode(errors="ignore")):
                    fit.append((passage, match.group()))
                break
    return fit
