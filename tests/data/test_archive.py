"""Archives are read member by member: only what matches, never too much, never a path that leads outside."""

import io
import tarfile
import tracemalloc
import zipfile

import pytest

from brainlib.data import DataError
from brainlib.data.archive import join_members

PATTERN = "texts/*_gut.txt"


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                content.name = name
                tar.addfile(content)


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(name, content)


KINDS = {"plays-1.tar.gz": write_tar, "plays-1.whl": write_zip}


@pytest.fixture(params=KINDS)
def archive(request, tmp_path):
    """Writes an archive of either kind with the given (name, content) members, and returns its path."""

    def write(*members):
        path = tmp_path / request.param
        KINDS[request.param](path, members)
        return path

    return write


def test_members_are_joined_by_name_and_nothing_else_is_read(archive):
    path = archive(
        ("p-1/texts/b_gut.txt", b"second"),
        ("p-1/setup.py", b"raise SystemExit"),
        ("p-1/texts/a_gut.txt", b"first "),
        ("p-1/texts/a_gut_f.txt", b"folio"),
        ("p-1/texts/deep/a_gut.txt", b"deep"),
    )
    assert join_members(path, PATTERN, 12) == b"first second"


@pytest.mark.parametrize(
    "name", ["../texts/a_gut.txt", "p/../../a", "/etc/passwd", "C:\\a", "..\\a", "\\\\host\\share\\a"]
)
def test_a_path_outside_the_archive_is_refused(archive, name):
    path = archive(("p-1/texts/a_gut.txt", b"first"), (name, b"evil"))
    with pytest.raises(DataError, match="points outside the archive"):
        join_members(path, PATTERN, 100)


def test_more_than_expected_is_refused_without_reading_on(archive):
    path = archive(("p/texts/a_gut.txt", bytes(10)), ("p/texts/b_gut.txt", bytes(100_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="hold more than the 15 bytes expected"):
            join_members(path, PATTERN, 15)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # bytes at the peak
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_match_that_is_no_plain_file_is_refused(tmp_path, kind):
    member = tarfile.TarInfo()
    member.type, member.linkname = kind, "/etc/passwd"
    write_tar(tmp_path / "a.tar.gz", [("p/texts/a_gut.txt", member)])
    with pytest.raises(DataError, match=r"a_gut\.txt.*not a plain file"):
        join_members(tmp_path / "a.tar.gz", PATTERN, 100)


def test_a_member_that_comes_twice_is_refused(tmp_path):
    write_tar(tmp_path / "a.tar.gz", [("p/texts/a_gut.txt", b"one"), ("p/texts/a_gut.txt", b"two")])
    with pytest.raises(DataError, match="comes twice"):
        join_members(tmp_path / "a.tar.gz", PATTERN, 100)


def test_no_match_is_an_error(archive):
    path = archive(("p-1/readme.txt", b"first"))
    with pytest.raises(DataError, match=r"plays-1.*no member matches 'texts/\*_gut\.txt'"):
        join_members(path, PATTERN, 100)


@pytest.mark.parametrize("keep", [0, 1, 40, 0.5, 0.9])
def test_a_truncated_archive_is_an_error(archive, keep):
    noise = bytes(i * i * 7919 % 251 for i in range(50_000))
    path = archive(("p-1/texts/a_gut.txt", noise), ("p-1/texts/b_gut.txt", noise[::-1]))
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep >= 1 else int(keep * len(whole))])
    with pytest.raises(DataError, match=r"plays-1.*(damaged)"):
        join_members(path, PATTERN, 100_000)
