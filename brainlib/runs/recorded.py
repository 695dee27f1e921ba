"""A chapter's runs: whether their settings make sense, how their curves are kept and shown.

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
from brainlib.arguments import whole_number
from brainlib.ledger import PROFILES, find_claims


@dataclass(frozen=True)
class Run:
    """What one run measured (`content`, plain JSON) and where it ran.

    >>> Run("curve", "ci", seed=0, content={"losses": [0.7, 0.1]}, provenance={}).content["losses"][-1]
    0.1
    """

    name: str
    profile: str
    seed: int
    content: Mapping[str, Any]
    provenance: Mapping[str, str | int]


def check(profile: Any, seed: Any, device: Any = "auto") -> None:
    """Raises `ValueError` that names the one of a chapter's parameters that is wrong, what it is and what it may be.

    >>> check("lptop", seed=0)
    Traceback (most recent call last):
    ValueError: profile: got 'lptop', expected one of ci, laptop, paper
    """
    if profile not in PROFILES:
        raise ValueError(f"profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    whole_number("seed", seed, least=0)
    if not isinstance(device, str):
        raise ValueError(f"device: got {device!r}, expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    backend.resolve_device(device)


def keep(name: str, content: Mapping[str, Any], *, profile: str, seed: int, device: str = "auto") -> None:
    """Writes a run with its provenance where the builder collects records; outside a build nothing is written.

    Raises `ValueError` if the content is not plain JSON or holds a number that is not finite.

    >>> keep("curve", {"losses": [0.7, 0.1]}, profile="ci", seed=0, device="cpu")
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


def kept(name: str, folder: str | Path | None = None) -> list[Run]:
    """The committed runs of that name; `folder` is by default `records/runs` beside the nearest `claims.toml`.

    Raises `ValueError` with the path of a file that is not a run, and as `ledger.find_claims` does.

    >>> kept("curve", "nowhere")
    []
    """
    folder = find_claims().parent / "records" / "runs" if folder is None else folder
    found = []
    for path in sorted(Path(folder).expanduser().glob(f"{name}-*.json")):
        try:
            found.append(Run(**json.loads(path.read_text(encoding="utf-8"))))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a run ({error})") from error
    return found
