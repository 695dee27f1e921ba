"""What is known of the chapters before they run, from `chapters/chapters.toml`: expected seconds, data they need."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from book.builder.failures import BuildError
from brainlib.ledger import PROFILES

CATALOGUE = Path("chapters", "chapters.toml")


@dataclass(frozen=True)
class Entry:
    """One chapter: by profile, the seconds it takes on two cores, and the files that do not come with brainlib."""

    seconds: dict[str, float] = field(default_factory=dict)
    data: dict[str, list[str]] = field(default_factory=dict)


def read(root: Path) -> dict[Path, Entry]:
    """The entries by chapter; none if there is no catalogue. Raises `BuildError` that names the table that is wrong."""
    path = root / CATALOGUE
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BuildError(f"{CATALOGUE}: {error}") from None
    for name, table in tables.items():
        if not (root / f"{name}.ipynb").is_file():
            raise BuildError(f"{CATALOGUE}: [{name!r}]: there is no {name}.ipynb")
        for key, values in table.items():
            if key not in ("seconds", "data"):
                raise BuildError(f"{CATALOGUE}: [{name!r}] has the key {key!r}, expected seconds or data")
            if not isinstance(values, dict) or set(values) - set(PROFILES):
                raise BuildError(f"{CATALOGUE}: [{name!r}] {key}: got {values!r}, expected {', '.join(PROFILES)} = ...")
    return {Path(f"{name}.ipynb"): Entry(**table) for name, table in tables.items()}
