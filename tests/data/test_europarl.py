"""Aligned files of a reader's own: named as Europarl's, line by line, and every fault named."""

import pytest

from brainlib import data


@pytest.fixture
def corpus(tmp_path):
    def write(english, spanish, name="europarl-v7.es-en"):
        (tmp_path / f"{name}.en").write_bytes(english)
        (tmp_path / f"{name}.es").write_bytes(spanish)
        return tmp_path

    return write


@pytest.mark.parametrize("name", ["europarl-v7.es-en", "Europarl.en-es"])
def test_line_by_line_in_either_order(corpus, name):
    folder = corpus(
        b"Resumption of the session\nThank you.\n", "Reanudación\xa0de la\tsesión \r\nGracias.".encode(), name
    )
    (folder / "europarl-v7.fr-en.en").write_text("another pair\n")
    expected = [("Resumption of the session", "Reanudación de la sesión"), ("Thank you.", "Gracias.")]
    assert data.europarl(folder, "en", "es") == expected
    assert data.europarl(str(folder), "es", "en") == [(spanish, english) for english, spanish in expected]


def test_what_is_no_translation_is_left_out(corpus):
    english = "first\n\nthird\n<CHAPTER ID=1>\n<T:es> five\nsixth\nseventh\n"
    spanish = "primera\nsegunda\n \n<CHAPTER ID=1>\n<cinco>\nel sexto punto\nséptima\n"
    assert data.europarl(corpus(english.encode(), spanish.encode()), "en", "es") == [
        ("first", "primera"),
        ("seventh", "séptima"),
    ]


def test_only_a_line_feed_ends_a_line(corpus):
    folder = corpus("one\u2028two\nthree\x85\x0b\n".encode(), b"uno dos\ntres\n")
    assert data.europarl(folder, "en", "es") == [("one two", "uno dos"), ("three", "tres")]


def test_pairs_go_into_the_stream(corpus):
    pairs = data.europarl(corpus(b"Thank you.\n", b"Gracias.\n"), "en", "es")
    assert data.decode(data.translation_stream(pairs, source="en").tokens) == "<F:en>Thank you.<T:es>Gracias."


def test_files_that_are_not_aligned_are_refused(corpus):
    with pytest.raises(data.DataError, match=r"europarl-v7\.es-en: 2 lines in en and 1 in es"):
        data.europarl(corpus(b"one\ntwo\n", b"uno\n"), "en", "es")


def test_other_bytes_than_utf8_are_refused(corpus):
    with pytest.raises(data.DataError, match=r"es-en\.es: not UTF-8"):
        data.europarl(corpus(b"session\n", "sesión\n".encode("latin-1")), "en", "es")


def test_two_corpora_are_refused(corpus):
    corpus(b"one\n", b"uno\n", "europarl-v6.es-en")
    with pytest.raises(data.DataError, match=r"got europarl-v6\.es-en, europarl-v7\.es-en"):
        data.europarl(corpus(b"one\n", b"uno\n"), "en", "es")


def test_a_missing_file_says_where_it_comes_from(corpus):
    folder = corpus(b"one\n", b"uno\n")
    with pytest.raises(data.DataUnavailable, match=r"no aligned files in en and fr.*europarl-v7\.fr-en\.fr"):
        data.europarl(folder, "en", "fr")
    (folder / "europarl-v7.es-en.es").unlink()
    with pytest.raises(data.DataUnavailable, match="no aligned files in en and es"):
        data.europarl(folder, "en", "es")
    with pytest.raises(ValueError, match=r"folder: got .*nowhere', expected a folder that exists"):
        data.europarl(folder / "nowhere", "en", "es")
