"""Verses: what cleaning takes out, which verses stay, the shipped texts, and the whole ones where they are at hand.

And what is held out, and the tagged stream with its labels, byte by byte.
"""

import re
import sqlite3
from contextlib import closing

import pytest
import torch
from data_files import needs_data
from refusals import refused

from brainlib import data
from brainlib.data.verses import SHIPPED, TRANSLATIONS

CLEAN = {
    "en": "Jesus wept.",
    "de": "Jesus weinte.",
    "es": "Y lloró Jesús.",
    "fr": "Jésus pleura.",
    "it": "E Gesù pianse.",
}


@pytest.fixture
def bible(cache, register, tmp_path):
    """Writes a data file with the given verses, {place: {language: text}}, and lets the book find it."""

    def write(*verses, folder=cache):
        path = tmp_path / "written.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode=WAL")  # such a file must be read without a file beside it
            database.execute("CREATE TABLE bible (bbName TEXT, bNumber INT, cNumber INT, vNumber INT, vText TEXT)")
            rows = [(code, *place, texts.get(language)) for place, texts in verses for language, code in codes()]
            database.executemany(
                "INSERT INTO bible VALUES (?, ?, ?, ?, ?)", [row for row in rows if row[-1] is not None]
            )
            database.commit()
        register("bible.db", path.read_bytes())
        path.rename(folder / "bible.db")

    return write


def codes():
    return [*TRANSLATIONS.items(), ("another", "2")]


def test_verses_come_in_the_order_of_the_books(bible):
    places = [(43, 11, 36), (2, 1, 1), (43, 2, 35), (43, 11, 35)]
    bible(*[(place, {language: f"{text} {place}" for language, text in CLEAN.items()}) for place in places])
    assert data.verses("en", "es", whole=True) == [
        (f"Jesus wept. {place}", f"Y lloró Jesús. {place}") for place in sorted(places)
    ]
    assert data.verses("it", "en", "de", whole=True)[0] == tuple(
        f"{CLEAN[code]} (2, 1, 1)" for code in ("it", "en", "de")
    )
    assert data.verses("fr", whole=True)[3] == ("Jésus pleura. (43, 11, 36)",)


def test_a_verse_is_left_out_of_all_languages_or_of_none(bible):
    bible(
        ((1, 1, 1), CLEAN),
        ((1, 1, 2), CLEAN | {"de": "(*)"}),  # a verse the translation does not have
        ((1, 1, 3), CLEAN | {"it": CLEAN["it"] * 2}),
        ((1, 1, 4), {language: text for language, text in CLEAN.items() if language != "fr"}),
        ((1, 1, 5), CLEAN | {"es": "Lloró Jesús."}),
        ((1, 1, 6), CLEAN | {"another": "x" * 1000}),
    )
    assert data.verses("en", "es", whole=True) == [
        (CLEAN["en"], text) for text in (CLEAN["es"], "Lloró Jesús.", CLEAN["es"])
    ]
    assert data.verses("en", "fr", whole=True) == [(CLEAN["en"], CLEAN["fr"])] * 3


@pytest.mark.parametrize(
    ("length", "kept"), [(10, True), (20, True), (21, False), (5, True), (4, False)], ids=lambda value: str(value)
)
def test_none_is_more_than_twice_as_long_as_another(bible, length, kept):
    bible(((1, 1, 1), dict.fromkeys(TRANSLATIONS, "é" * 10) | {"de": "d" * length}))
    assert len(data.verses("en", "es", whole=True)) == kept


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("(7:26) L'Éternel dit à Moïse:", "L'Éternel dit à Moïse:"),
        ("(63:19b) Oh! si tu descendais", "Oh! si tu descendais"),
        ("il n'y a plus. (20:43) David se leva", "il n'y a plus. David se leva"),
        ("Sur [Biche de l'aurore]. Psaume", "Sur Biche de l'aurore. Psaume"),
        ("glücklich preisen. * * *", "glücklich preisen."),
        ("Du sollst nicht töten. -", "Du sollst nicht töten."),
        ("che mi giova?\n\t\t\t", "che mi giova?"),
        ("\t Y  DESPUÉS\u00a0movió ", "Y DESPUÉS movió"),
        ("y dijo: \u00adCuán terrible", "y dijo: ¡Cuán terrible"),
    ],
)
def test_cleaning(bible, written, read):
    bible(((1, 1, 1), dict.fromkeys(TRANSLATIONS, written)))
    assert data.verses("fr", whole=True) == [(read,)]


@pytest.mark.parametrize(
    ("whole", "known"), [(True, "en, de, es, fr, it .whole=True"), (False, "en, es, fr, it .whole=False")]
)
@pytest.mark.parametrize("languages", [(), ("en", "ru"), ("en", "en"), ("k", "v")])
def test_other_languages_are_refused(languages, whole, known):
    with pytest.raises(ValueError, match=rf"languages: got .* expected different ones of {known}"):
        data.verses(*languages, whole=whole)


@pytest.fixture(scope="module")
def real():
    needs_data("bible.db")
    return data.verses(*TRANSLATIONS, whole=True)


@pytest.fixture(scope="module")
def shipped():
    return data.verses(*SHIPPED)


def test_the_shipped_verses_are_half_of_the_real_ones(shipped, real):
    assert len(real) == 30_879  # of 31,102
    columns = [list(TRANSLATIONS).index(language) for language in SHIPPED]
    every = [tuple(verse[column] for column in columns) for verse in real]
    assert shipped == [verse for place, verse in enumerate(every) if place % 1000 < 500]
    for part, whole_part in zip(data.hold_out(shipped), data.hold_out(every), strict=True):
        assert set(part) <= set(whole_part)  # nothing that a model of the one has read is held out of the other


@pytest.mark.parametrize("given_verses", ["shipped", "real"])
def test_the_verses_are_clean(given_verses, request):
    for verse in request.getfixturevalue(given_verses):
        for text in verse:
            assert text and text == " ".join(text.split())
            assert not re.search(r"[<>\[\]*#\u00ad]|\(\d|-$", text), text
        assert max(map(len, verse)) <= 2 * min(map(len, verse))


PAIRS = [("Fear not.", "No temas."), ("and the Lord", "y el Señor"), ("Jesus wept.", "Y lloró Jesús.")]
MANY = [(f"word {place}", f"palabra {place}") for place in range(2000)]


def text(stream, where):
    return data.decode(stream.tokens[where])


def test_the_last_of_every_ten_blocks_of_fifty_is_held_out():
    train, held_out = data.hold_out(list(range(1310)))
    assert held_out == list(range(450, 500)) + list(range(950, 1000))
    assert train == [place for place in range(1310) if place not in held_out]
    assert data.hold_out(list(range(451)))[1] == [450]


def test_a_cut_that_leaves_a_part_empty_is_refused(unchecked):
    refused("pairs: got 450, expected more than 450, or none is held out", data.hold_out, list(range(450)))
    refused("every: got 1, expected a whole number of at least 2", data.hold_out, list(range(500)), every=1)
    refused("block: got 0, expected a whole number of at least 1", data.hold_out, list(range(500)), block=0)


def test_a_stream_of_one_direction():
    stream = data.translation_stream(PAIRS, source="es")
    assert (stream.tokens.dtype, stream.language.dtype, stream.target.dtype) == (torch.uint8, torch.uint8, torch.bool)
    assert data.decode(stream.tokens) == (
        "<F:es>No temas.<T:en>Fear not.<F:es>y el Señor<T:en>and the Lord<F:es>Y lloró Jesús.<T:en>Jesus wept."
    )
    assert text(stream, stream.target) == "Fear not.and the LordJesus wept."
    assert text(stream, stream.language == 0) == "Fear not.and the LordJesus wept."
    assert text(stream, stream.language == 1) == "No temas.y el SeñorY lloró Jesús."
    assert text(stream, stream.language == 255) == "<F:es><T:en>" * 3


def test_a_stream_holds_every_pair_once_and_in_order():
    stream = data.translation_stream(MANY, seed=3)
    found = re.findall(r"<F:(..)>([^<]*)<T:(..)>([^<]*)", data.decode(stream.tokens))
    pairs = [(source, target) if first == "en" else (target, source) for first, source, _, target in found]
    assert pairs == MANY
    assert {(first, second) for first, _, second, _ in found} == {("en", "es"), ("es", "en")}
    spanish_first = sum(first == "es" for first, *_ in found)
    assert 900 < spanish_first < 1100  # 1000 expected, standard deviation 22


def test_the_seed_alone_draws_the_sides():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = data.translation_stream(MANY, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert all(map(torch.equal, data.translation_stream(MANY, seed=5), first))
    assert not torch.equal(data.translation_stream(MANY, seed=6).tokens, first.tokens)


def test_bad_arguments_are_refused(unchecked):
    refused("pairs: got none, expected at least one", data.translation_stream, [])
    refused("pairs: got a sentence with a tag in .*<T:es>", data.translation_stream, [("a <T:es> b", "c")])
    refused(r"languages: got \('en', 'en'\)", data.translation_stream, PAIRS, languages=("en", "en"))
    refused(r"source: got 'fr', expected one of \('en', 'es'\)", data.translation_stream, PAIRS, source="fr")
    refused(r"seed: got 0\.5, expected a whole number", data.translation_stream, PAIRS, seed=0.5)
