"""Pairs of sentences: what is held out, and the tagged stream with its labels, byte by byte."""

import re

import numpy as np
import pytest
import torch

from brainlib import data

PAIRS = [("Fear not.", "No temas."), ("and the Lord", "y el Señor"), ("Jesus wept.", "Y lloró Jesús.")]
MANY = [(f"word {place}", f"palabra {place}") for place in range(2000)]


def text(stream, where):
    return data.decode(stream.tokens[where])


def test_the_last_of_every_ten_blocks_of_fifty_is_held_out():
    train, held_out = data.hold_out(list(range(1310)))
    assert held_out == list(range(450, 500)) + list(range(950, 1000))
    assert train == [place for place in range(1310) if place not in held_out]
    assert data.hold_out(list("abcdefg"), every=3, block=2) == (list("abcdg"), list("ef"))
    assert data.hold_out(list(range(451)))[1] == [450]


def test_lists_that_correspond_are_cut_at_the_same_places():
    spanish, french = [("en", "es", place) for place in range(700)], [("en", "fr", place) for place in range(700)]
    for one, other in zip(data.hold_out(spanish), data.hold_out(french), strict=True):
        assert [entry[2] for entry in one] == [entry[2] for entry in other]


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (450, {}, "pairs: got 450, expected more than 450, or none is held out"),
        (0, {}, "pairs: got 0"),
        (500, {"every": 1}, "every: got 1, expected a whole number of at least 2"),
        (500, {"block": 0}, "block: got 0, expected a whole number of at least 1"),
        (500, {"block": 2.5}, r"block: got 2\.5"),
    ],
)
def test_a_cut_that_leaves_a_part_empty_is_refused(unchecked, size, options, message):
    with pytest.raises(ValueError, match=message):
        data.hold_out(list(range(size)), **options)


def test_a_stream_of_one_direction():
    stream = data.translation_stream(PAIRS, source="es")
    assert data.decode(stream.tokens) == (
        "<F:es>No temas.<T:en>Fear not.<F:es>y el Señor<T:en>and the Lord<F:es>Y lloró Jesús.<T:en>Jesus wept."
    )
    assert text(stream, stream.target) == "Fear not.and the LordJesus wept."
    assert text(stream, stream.language == 0) == "Fear not.and the LordJesus wept."
    assert text(stream, stream.language == 1) == "No temas.y el SeñorY lloró Jesús."
    assert text(stream, stream.language == 255) == "<F:es><T:en>" * 3


def test_a_stream_of_other_languages():
    stream = data.translation_stream([("Wort", "mot")], languages=("de", "fr"), source="de")
    assert data.decode(stream.tokens) == "<F:de>Wort<T:fr>mot"
    assert text(stream, stream.language == 1) == "mot"


def test_a_stream_holds_every_pair_once_and_in_order():
    stream = data.translation_stream(MANY, seed=3)
    found = re.findall(r"<F:(..)>([^<]*)<T:(..)>([^<]*)", data.decode(stream.tokens))
    pairs = [(source, target) if first == "en" else (target, source) for first, source, _, target in found]
    assert pairs == MANY
    assert {(first, second) for first, _, second, _ in found} == {("en", "es"), ("es", "en")}
    spanish_first = sum(first == "es" for first, *_ in found)
    assert 900 < spanish_first < 1100  # 1000 expected, standard deviation 22


def test_the_labels_have_one_entry_a_byte():
    stream = data.translation_stream(PAIRS)
    assert isinstance(stream, data.TaggedText)
    assert len(stream.tokens) == len(stream.language) == len(stream.target)
    assert (stream.tokens.dtype, stream.language.dtype, stream.target.dtype) == (torch.uint8, torch.uint8, torch.bool)
    assert not (stream.target & (stream.language == 255)).any()
    assert set(stream.language.tolist()) == {0, 1, 255}


def test_the_seed_alone_draws_the_sides():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = data.translation_stream(MANY, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert all(map(torch.equal, data.translation_stream(MANY, seed=5), first))
    assert not torch.equal(data.translation_stream(MANY, seed=6).tokens, first.tokens)


def test_numpy_integers_are_integers(unchecked):
    assert data.hold_out(MANY, every=np.int32(3), block=np.uint8(7)) == data.hold_out(MANY, every=3, block=7)
    seeds = (data.translation_stream(MANY, seed=seed).tokens for seed in (5, np.int64(5)))
    assert torch.equal(*seeds)


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([], {}, "pairs: got none, expected at least one"),
        ([("a <T:es> b", "c")], {}, r"pairs: got a sentence with a tag in \('a <T:es> b', 'c'\), expected plain text"),
        ([("a", "<F:en>c")], {}, "pairs: got a sentence with a tag"),
        (PAIRS, {"languages": ("en", "en")}, r"languages: got \('en', 'en'\), expected two codes"),
        (PAIRS, {"languages": ("en",)}, r"languages: got \('en',\), expected two codes"),
        (PAIRS, {"languages": ("en", "e>")}, r"languages: got \('en', 'e>'\)"),
        (PAIRS, {"source": "fr"}, r"source: got 'fr', expected one of \('en', 'es'\)"),
        (PAIRS, {"seed": 0.5}, r"seed: got 0\.5, expected a whole number"),
    ],
)
def test_bad_arguments_are_refused(unchecked, pairs, options, message):
    with pytest.raises(ValueError, match=message):
        data.translation_stream(pairs, **options)
