"""A chapter that is to be executed: with which parameters, from which state of the sources, and where it all lies."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from book.builder import fingerprint

CACHE = Path("_build", "cache")
RUNS = Path("_build", "runs")  # of studies: each knows what it depends on


@dataclass(frozen=True)
class Job:
    """One chapter to execute, planned: the hash is computed here once, and whoever executes compares with it.

    `files` and `facts` are what the result depends on (see `fingerprint`), `threads` how many the kernel may use,
    `cell_timeout` the seconds that a cell may take, 0 for no limit.
    """

    root: Path
    chapter: Path
    parameters: dict[str, object]
    files: dict[str, str]
    facts: dict[str, str]
    threads: int = 1
    cell_timeout: int = 0

    @property
    def name(self) -> str:
        """The name of the result: the chapter, a hash of the parameters, a hash of everything."""
        group = f"{'.'.join(self.chapter.with_suffix('').parts[-2:])}-{fingerprint.digest(self.parameters)[:8]}"
        return f"{group}-{fingerprint.digest(str(self.chapter), self.parameters, self.files, self.facts)}"

    @property
    def result(self) -> Path:
        """The folder of the cached result, with `notebook.ipynb`, `job.json` and the ledger's `records/*.json`."""
        return self.root / CACHE / self.name

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "root": str(self.root), "chapter": str(self.chapter)})

    @classmethod
    def from_json(cls, text: str) -> "Job":
        read = json.loads(text)
        return cls(**{**read, "root": Path(read["root"]), "chapter": Path(read["chapter"])})
