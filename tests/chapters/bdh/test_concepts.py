import pytest
import torch

from chapters.bdh import concepts
from chapters.bdh.concepts import CONCEPTS, LENGTH, fit_passages, passages

LONG = "x" * LENGTH


def test_passages_end_one_byte_after_the_word_and_hold_no_unwanted_one():
    verses = [
        f"{LONG} the son, they say",
        f"{LONG} a house and a son.",
        "a son is near",
        f"{LONG} the sonnet",
        f"{LONG} son",
    ]
    assert fit_passages(verses, ["son"], {"house"}, 9) == [(f"{LONG} the son,"[-LENGTH:].encode(), "son")]
    found = fit_passages([f"{LONG} son {number}" for number in range(9)], ["son"], {"house"}, 3)
    assert len(found) == 3
    assert len(fit_passages([f"{'ñ' * LENGTH} hijo "], ["hijo"], {"casa"}, 9)[0][0]) == LENGTH  # bytes, not letters


def test_there_are_as_many_of_either_kind_from_one_half_of_the_words():
    verses = [f"{LONG} son {number}" for number in range(9)] + [f"{LONG} bread ."] * 2 + [f"{LONG} father ."]
    found = passages(verses, "kinship", "en", 0, per_word=5)
    assert found.words == ("son", "son", "bread", "bread") and found.concept.tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match=r"got \[1, 0\] passages"):
        passages(verses, "kinship", "en", 1, per_word=5)


def test_no_word_stands_in_two_kinds_and_no_ending_in_two_halves():
    for languages in CONCEPTS.values():
        for halves in languages.values():
            words = [word for kinds in halves for kind in kinds for word in kind.split()]
            assert len(words) == len(set(words))
            for one, other in zip(*halves, strict=True):  # of one kind
                assert not {word[-3:] for word in one.split()} & {word[-3:] for word in other.split()}


def test_the_classifier_reads_endings():
    seen = torch.tensor([list(b"x" * 40 + ending) for ending in (b"ing ", b"ed  ") * 8])
    labels = torch.tensor([True, False] * 8)
    scores = concepts.classify(seen, labels, torch.tensor([list(b"y" * 40 + ending) for ending in (b"king", b"bed ")]))
    assert scores[0] > scores[1]


def test_chance_fails_the_claim():
    found = {"shares": {f"untrained, {c}, {lang}, {h}": 0.5 for c in CONCEPTS for lang in ("en", "es") for h in (0, 1)}}
    found["shares"]["untrained, places, en, 0"] = 1.0  # one good half of one concept is not enough
    assert min(concepts.by_concept(found, "untrained").values()) - 0.5 == 0
