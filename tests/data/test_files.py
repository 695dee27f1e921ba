"""The files that come with brainlib: whole, small, and what the committed script makes."""

from pathlib import Path

import data_files
import pytest
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
    assert {path.name for path in doors.FILES.iterdir()} == {*SHIPPED, "README.md", "registry.toml"}
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
