"""Runs that are too long to repeat at every build: where they checkpoint, and how their curves are kept and shown.

A chapter keeps what it measured with `keep`; the files of larger runs are committed in `records/runs` beside the
chapter, where `kept` finds them.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brainlib import backend


@dataclass(frozen=True)
class Run:
    """What one run measured (`content`, plain JSON) and where it ran."""

    name: str
    profile: str
    seed: int
    content: Mapping[str, Any]
    provenance: Mapping[str, str | int]


def keep(name: str, content: Mapping[str, Any], *, profile: str, seed: int, device: str = "auto") -> None:
    """Writes a run with its provenance where the builder collects records; outside a build nothing is written.

    Raises `ValueError` if the content is not plain JSON or holds a number that is not finite.
    """
    run = Run(name, profile, seed, content, backend.provenance(backend.resolve_device(device)))
    try:
        text = json.dumps(asdict(run), indent=None, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"content: expected plain JSON with finite numbers ({error})") from error
    if folder := os.environ.get("BRAINLIB_RECORDS"):
        path = Path(folder, "runs", f"{name}-{profile}-seed{seed}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def kept(name: str, folder: str | Path = "records/runs") -> list[Run]:
    """The committed runs of that name, beside the chapter that is being executed.

    Raises `ValueError` with the path of a file that is not a run.
    """
    found = []
    for path in sorted(Path(folder).glob(f"{name}-*.json")):
        try:
            found.append(Run(**json.loads(path.read_text(encoding="utf-8"))))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a run ({error})") from error
    return found


def checkpoints(name: str) -> Path | None:
    """The folder for a run's checkpoints, so that a build that was interrupted goes on; None outside a build.

    The builder names it after everything that the result depends on: changed code never continues an old run.
    """
    folder = os.environ.get("BRAINLIB_CHECKPOINTS")
    return Path(folder, name) if folder else None
