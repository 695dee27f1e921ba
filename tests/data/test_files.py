"""The files that come with brainlib: whole, small, and what the committed script makes."""

from pathlib import Path

import data_files
import pytest
import torch
from data_files import needs_data

from brainlib import data
from brainlib.data import doors
from tools import make_data_files

ROOT = Path(__file__).parents[2]
SHIPPED = list(make_data_files.MAKERS)


@pytest.mark.parametrize("name", SHIPPED)
def test_they_are_at_hand_without_a_net_a_folder_or_a_cache(cache, monkeypatch, name):
    monkeypatch.setattr(doors, "FILES", ROOT / "brainlib" / "data" / "files")
    located = data.locate(name)
    assert located.door == "brainlib" and located.path.stat().st_size == located.entry.size
    assert f"`{name}`" in (located.path.parent / "README.md").read_text(encoding="utf-8")


def test_nothing_else_is_shipped_and_all_of_it_is_small():
    assert {path.name for path in doors.FILES.iterdir()} == {*SHIPPED, "README.md"}
    assert sum(path.stat().st_size for path in doors.FILES.iterdir()) < 4_000_000


def test_one_that_is_lost_is_told(cache):
    with pytest.raises(data.DataError, match=r"shakespeare\.txt: missing.*install brainlib again"):
        data.shakespeare()


@pytest.mark.parametrize("name", SHIPPED)
def test_making_them_again_gives_the_same_bytes(name):
    if name == "verses.txt.bz2":
        needs_data("bible.db")
    else:
        archive, sha256 = make_data_files.ARCHIVES[{"digits.csv.gz": "scikit-learn"}.get(name, "shakespeare")]
        if not doors.at_hand(archive, sha256):
            pytest.skip(data_files.NOT_AT_HAND + archive)
    assert make_data_files.MAKERS[name]() == (doors.FILES / name).read_bytes()


def test_the_plays_are_like_tiny_shakespeare():
    text = data.decode(data.shakespeare())
    assert text.isascii() and text.startswith("FIRST CITIZEN:\nBefore we proceed any further, hear me speak.\n\nALL:\n")
    assert text.endswith("As you from crimes would pardon'd be,\nLet your indulgence set me free.\n")
    speeches = text.split("\n\n")
    named = sum(speech.partition("\n")[0].endswith(":") for speech in speeches)
    assert named > 0.99 * len(speeches) > 7000
    assert not set("[]{}") & set(text) and "  " not in text


def test_the_digits():
    images, labels = data.digits()
    assert images.dtype == torch.uint8 and images.shape == (1797, 8, 8) and int(images.max()) == 16
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))
    assert images[0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
