"""Single synapses for single concepts: searched with one half of a concept's words, tested with the other half.

A passage is a tag as in training and the bytes of a verse up to the first byte after a word. All passages have the same
length, so that the word ends at the same position in all. The word names the concept, or something of its kind that
does not. No passage of one half contains a word of the other half, and the halves of one language are the translations
of those of the other; nor do the halves share an ending of three letters: what a synapse tells of the second half it
cannot have from whole words, nor from such endings, of the first.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from brainlib.bdh.anatomy.synapses import find_synapses, separation, synapse_values
from chapters.bdh import translation
from chapters.bdh.experiments import Experiment, new_model, trained
from chapters.bdh.translation import SPANISH

LENGTH = 48  # bytes of a verse in a passage
LAST = 16  # bytes that the classifier beside the synapses sees
LANGUAGES = {"en": "English", "es": "Spanish"}
JUDGES = TRAINED, UNTRAINED, CLASSIFIER = "trained", "untrained", "last bytes"

# By language the two halves of the words that name the concept, and of others of their kind that do not.
CONCEPTS = {
    "places": {
        "en": (
            ("Jerusalem Babylon Galilee Syria Assyria Moab Canaan Bethel Nineveh Lebanon Gilgal Ramah",
             "Moses Saul Abraham Jacob Samuel Joshua Paul Elijah Jeremiah John Absalom Ahab"),
            ("Egypt Damascus Edom Gilead Zion Jericho Hebron Tyre Bashan Jordan Gaza",
             "David Solomon Isaac Joseph Aaron Peter Pharaoh Daniel Jonathan Joab"),
        ),
        "es": (
            ("Jerusalem Babilonia Galilea Siria Asiria Moab Canaán Bethel Nínive Líbano Gilgal Rama",
             "Moisés Saúl Abraham Jacob Samuel Josué Pablo Elías Jeremías Juan Absalom Achâb"),
            ("Egipto Damasco Edom Galaad Sión Jericó Hebrón Tiro Basán Jordán Gaza",
             "David Salomón Isaac José Aarón Pedro Faraón Daniel Jonathán Joab"),
        ),
    },
    "kinship": {
        "en": (
            ("son sons wife wives husband", "house houses bread stone stones horse horses gold"),
            ("father mother brother brethren sister",
             "gate gates tree silver water waters sword field city cities"),
        ),
        "es": (
            ("hijo hijos mujer mujeres marido", "casa casas pan piedra piedras caballo caballos oro"),
            ("padre madre hermano hermanos hermana",
             "puerta puertas árbol plata agua aguas espada campo ciudad ciudades"),
        ),
    },
    "numbers": {
        "en": (
            ("two twelve twenty thirty four forty fifty six sixty", "great holy new evil righteous high rich many"),
            ("three five seven eight ten hundred thousand",
             "good old strong wicked poor wise young dead clean"),
        ),
        "es": (
            ("dos doce veinte treinta cuatro cuarenta cincuenta seis sesenta",
             "grande grandes santo nuevo malo justo alto rico muchos"),
            ("tres cinco siete ocho diez cien ciento cientos mil",
             "bueno buena viejo fuerte poderoso impío impíos pobre pobres sabio joven muerto muertos limpio"),
        ),
    },
}  # fmt: skip


class Passages(NamedTuple):
    """Texts of one length, the word that each ends with (before one more byte), and whether it names the concept."""

    tokens: Int[Tensor, "batch time"]
    words: tuple[str, ...]
    concept: Bool[Tensor, "batch"]


def passages(verses: Sequence[str], concept: str, language: str, half: int, per_word: int) -> Passages:
    """Of one half of the words at most `per_word` passages each, as many with the concept as without.

    Raises `ValueError` if the verses hold no passage of a kind.
    """
    halves = CONCEPTS[concept][language]
    words = {word for kinds in halves for kind in kinds for word in kind.split()}
    kinds = [fit_passages(verses, kind.split(), words - set(kind.split()), per_word) for kind in halves[half]]
    count = min(map(len, kinds))
    if count == 0:
        raise ValueError(f"verses: got {[len(kind) for kind in kinds]} passages with and without the concept")
    chosen = [kind[index * len(kind) // count] for kind in kinds for index in range(count)]
    tokens = torch.tensor([list(f"<F:{language}>".encode() + text) for text, _ in chosen])
    return Passages(tokens, tuple(word for _, word in chosen), torch.arange(2 * count) < count)


def fit_passages(
    verses: Sequence[str], words: Sequence[str], unwanted: set[str], per_word: int
) -> list[tuple[bytes, str]]:
    """The first passage of every verse that has one, with its word; verses are in random order."""
    looked_for, without = (re.compile(rf"\b(?:{'|'.join(map(re.escape, group))})\b") for group in (words, unwanted))
    fit, count = [], Counter()
    for verse in random.Random(0).sample(verses, len(verses)):
        for match in looked_for.finditer(verse):
            passage, word = verse[: match.end() + 1].encode()[-LENGTH:], match.group()
            if len(verse) > match.end() and len(passage) == LENGTH and count[word] < per_word:
                if not without.search(passage.decode(errors="ignore")):
                    fit.append((passage, word))
                    count[word] += 1
                break
    return fit


@dataclass(frozen=True)
class Search:
    """The training of the model whose synapses are searched, and how many passages a word may have."""

    experiment: Experiment
    per_word: int


SEARCHES = {name: Search(one, 3 if name == "ci" else 6) for name, one in translation.EXPERIMENTS.items()}


def models(search: Search, seed: int, device: str = "auto") -> dict[str, Any]:
    """The reader of verses after training, and before."""
    reader, _ = trained(translation.learn, {"verses": search.experiment}, seed, device)["verses"]
    return {TRAINED: reader, UNTRAINED: new_model(search.experiment.model, seed, device)}


def texts(search: Search, concept: str, half: int) -> dict[str, Passages]:
    """Passages of held-out verses, by language."""
    sides = zip(*translation.verses(search.experiment.text)[1], strict=True)
    return {
        language: passages(verses, concept, language, half, search.per_word)
        for language, verses in zip(SPANISH, sides, strict=True)
    }


def measure(search: Search, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """For each concept, searched with either half of its words in both languages at once: the share of pairs of
    passages with the other half's words (one with the concept, one without) that the synapse orders rightly, by model
    and language, beside that of the classifier; the synapses; and the smallest number of passages of a kind."""
    found: dict[str, Any] = {"shares": {}, "synapses": {}}
    fewest = []
    for name, model in models(search, seed, device).items():
        for concept in CONCEPTS:
            for half in (0, 1):
                seen, unseen = texts(search, concept, half), texts(search, concept, 1 - half)
                tokens, labels = (
                    torch.cat([getattr(seen[one], part) for one in SPANISH]) for part in ("tokens", "concept")
                )
                (synapse,) = find_synapses(model, tokens.to(model.embedding.device), labels[None])
                found["synapses"][f"{name}, {concept}, {half}"] = list(synapse)
                for language, test in unseen.items():
                    values = synapse_values(model, test.tokens.to(model.embedding.device), synapse).cpu()
                    found["shares"][f"{name}, {concept}, {language}, {half}"] = separation(values, test.concept).share
                    if name == TRAINED:
                        scores = classify(tokens, labels, test.tokens)
                        share = separation(scores, test.concept).share
                        found["shares"][f"{CLASSIFIER}, {concept}, {language}, {half}"] = share
                    fewest.append(int(test.concept.sum()))
    return found | {"fewest": min(fewest)}


def classify(seen: Tensor, labels: Bool[Tensor, "batch"], unseen: Tensor) -> Float[Tensor, "batch"]:
    """Scores of a linear classifier of the n-grams (1 to 4) in the last bytes, by ridge regression."""
    grams = [[bytes(row[-LAST:].tolist()) for row in part] for part in (seen, unseen)]
    counted = [
        [Counter(text[i : i + n] for n in range(1, 5) for i in range(LAST - n + 1)) for text in part] for part in grams
    ]
    kernel, across = (
        torch.tensor([[float(sum((one & other).values())) for other in counted[0]] for one in part]) for part in counted
    )
    weights = torch.linalg.solve(kernel + 10 * torch.eye(len(kernel)), 2.0 * labels - 1)
    return across @ weights


def by_concept(found: dict[str, Any], judge: str) -> dict[tuple[str, str], float]:
    """The shares of a model or of the classifier by concept and language, mean over the two halves."""
    shares = found["shares"]
    return {
        (concept, language): (
            shares[f"{judge}, {concept}, {language}, 0"] + shares[f"{judge}, {concept}, {language}, 1"]
        )
        / 2
        for concept in CONCEPTS
        for language in SPANISH
    }
