import pytest

from chapters.bdh.concepts import CONCEPTS, LENGTH, passages

KING = {"en": ("king queen", "dog"), "es": ("rey reina", "perro")}
LONG = "x" * LENGTH


def texts(found):
    return [bytes(row).decode(errors="replace") for row in found.tokens.tolist()]


def test_passages_end_one_byte_after_the_word_and_are_of_one_length():
    verses = [f"{LONG} the king, they say", f"{LONG} a dog barks", f"{LONG} the queen speaks to a dog"]
    found = passages(verses, KING, "en")
    assert found.words == ("king", "dog") and found.concept.tolist() == [True, False]
    king, dog = texts(found)
    assert king.startswith("<F:en>x") and king.endswith(" the king,") and dog.endswith(" a dog ")
    assert len(king) == len(dog) == 6 + LENGTH
    found = passages([f"{'ñ' * LENGTH}a la reina ", f"{LONG} un perro "], KING, "es")
    assert found.tokens.shape == (2, 6 + LENGTH)  # bytes, not letters


def test_no_passage_holds_a_word_of_the_other_kind_or_is_too_short():
    verses = [f"{LONG} a dog and a king.", "the king is near", f"{LONG} the kingdom", f"{LONG} a dog."]
    with pytest.raises(ValueError, match=r"got \[0, 2\] passages"):
        passages(verses, KING, "en")


def test_there_are_as_many_of_either_kind_spread_over_the_verses():
    verses = [f"{LONG} {number} the king " for number in range(10)] + [f"{LONG} a dog "] * 4
    found = passages(verses, KING, "en", most=3)
    assert found.concept.tolist() == [True] * 3 + [False] * 3
    assert [text[-11:] for text in texts(found)[:3]] == [f"{n} the king " for n in (0, 3, 6)]


def test_the_words_of_a_concept_and_its_contrast_differ():
    for concept in CONCEPTS.values():
        for words, contrast in (concept["en"], concept["es"]):
            assert not set(words.split()) & set(contrast.split())
