"""What runs measured, and how it is kept: facts alone, judged anew whenever they are read."""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, SupportsFloat, SupportsIndex

import torch

from brainlib import backend
from brainlib.ledger.card import Html, unmeasured
from brainlib.ledger.claims import Bound, Claim, check_profile, find_claims, read_claims
from brainlib.ledger.verdicts import Verdict

MEASURES: dict[str, Callable[[str, int, str], Mapping[str, Any]]] = {}
"""By claim, the function of profile, seed and device that measures it."""


@dataclass(frozen=True)
class Measured:
    """What was measured for a claim: a number for each seed, or one for the one seed of the run.

    `control` is the same of what must not show the effect, `reached` how far each run came in the claim's domain.

    >>> Measured([9.0, 10.0], control=[0.0, 1.0], settings={"units": 100}).settings
    {'units': 100}
    """

    effect: Sequence[SupportsFloat] | SupportsFloat
    control: Sequence[SupportsFloat] | SupportsFloat = ()
    reached: Sequence[SupportsFloat] | SupportsFloat = ()
    settings: Any = None  # a frozen dataclass or plain JSON
    seeds: Sequence[SupportsIndex] | None = None


@dataclass(frozen=True)
class Record:
    """The facts of a run for one claim. Only records of equal settings and code are pooled.

    >>> Record("X1", (0.05,), (0,), "ci", {}).poolable(Record("X1", (0.06,), (1,), "ci", {}))
    True
    """

    claim: str
    values: tuple[float | int, ...]
    seeds: tuple[int, ...]
    profile: str
    provenance: Mapping[str, str | int]
    control: tuple[float | int, ...] = ()
    reached: tuple[float | int, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_profile("profile", self.profile)
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: got {self.seeds}, expected at least one, each seed once")
        for name in ("values", "control", "reached"):
            numbers, seeds = getattr(self, name), len(self.seeds)
            if len(numbers) != seeds and (numbers or name == "values"):
                raise ValueError(f"{name}: got {len(numbers)} values for {seeds} seeds, expected one for each")
            for seed, value in zip(self.seeds, numbers, strict=False):
                if not math.isfinite(value):
                    raise ValueError(f"{name}: got {value} for seed {seed}, expected finite numbers")

    def poolable(self, other: "Record") -> bool:
        """Whether another record is of the same experiment on other seeds."""
        same = ("claim", "profile", "settings", "code")
        alike = all(getattr(self, name) == getattr(other, name) for name in same)
        shape = bool(self.control) == bool(other.control) and bool(self.reached) == bool(other.reached)
        return alike and shape and not set(self.seeds) & set(other.seeds)

    def pooled(self, other: "Record") -> "Record":
        """Both as one, by seed."""
        order = sorted(range(len(self.seeds + other.seeds)), key=(self.seeds + other.seeds).__getitem__)
        joined: dict[str, Any] = {}
        for name in ("values", "seeds", "control", "reached"):
            both = getattr(self, name) + getattr(other, name)
            joined[name] = tuple(both[place] for place in order) if both else ()
        newest = max(self.provenance, other.provenance, key=lambda facts: str(facts["time"]))
        notes = sorted({self.note, other.note} - {""})
        return replace(self, **joined, provenance=newest, note=" ".join(notes))


def measures(*claims: str) -> Callable[[Callable], Callable]:
    """Registers the function below as the one that measures these claims: it gives what it measured by their ids.

    >>> @measures("X1")
    ... def numbers(profile, seed, device):
    ...     return {"X1": 2.0 * seed}
    >>> MEASURES.pop("X1")("ci", 3, "cpu")
    {'X1': 6.0}
    """

    def registered(function: Callable) -> Callable:
        MEASURES.update(dict.fromkeys(claims, function))
        return function

    return registered


def record(
    claim: str,
    values: Mapping[str, Any] | Sequence[SupportsFloat] | SupportsFloat | Measured,
    seeds: Iterable[SupportsIndex],
    profile: str,
    device: str | torch.device = "auto",
    note: str = "",
    claims: str | Path | None = None,
) -> Verdict | Html:
    """Judge what a run measured for a claim; the last line of a chapter's cell shows it.

    `values` is what was measured, one number for each of `seeds`, or a mapping that has this by the claim's id; where
    that lacks the claim, this profile does not measure it, and a line says so. `claims` is the path of the
    `claims.toml`; without it the nearest one from the working directory upwards is taken. Where `BRAINLIB_RECORDS`
    names a folder, the record is also written there as JSON. What is kept in `records/` beside the claims is shown
    with it, the largest run first. Raises `ValueError` if the claim or the profile is unknown, if there is not one
    value for each seed, or if a value is not finite.

    >>> record("X1", [0.05], seeds=[0], profile="ci", claims="chapters/part/claims.toml").outcome  # doctest: +SKIP
    'holds'
    """
    path = Path(claims if claims is not None else find_claims()).expanduser()
    known = read_claims(path)
    if claim not in known:
        raise ValueError(f"claim: got {claim!r}, expected one of {', '.join(known)}")
    if isinstance(values, Mapping) and claim not in values:
        return unmeasured(claim, profile)
    own: Any = values[claim] if isinstance(values, Mapping) else values
    found = own if isinstance(own, Measured) else Measured(own)
    new = Record(
        claim=claim,
        values=_numbers(found.effect),
        seeds=tuple(map(int, seeds if found.seeds is None else found.seeds)),
        profile=profile,
        provenance=backend.provenance(backend.resolve_device(str(device))),
        control=_numbers(found.control),
        reached=_numbers(found.reached),
        settings=json.loads(json.dumps(found.settings, default=asdict)) or {},
        code=_code(claim) if isinstance(known[claim], Claim) else "",
        note=note,
    )
    kept = [verdict for verdict in read_records(path.parent / "records", known) if verdict.claim.id == claim]
    if folder := os.environ.get("BRAINLIB_RECORDS"):
        write(Path(folder), new)
    return replace(Verdict(known[claim], new), kept=tuple(kept))


def read_records(folder: str | Path, claims: Mapping[str, Claim | Bound]) -> list[Verdict]:
    """The records in a folder, judged by `claims`; those of one experiment on different seeds are one verdict.

    Raises `ValueError` with the path of a record that is broken or belongs to none of the claims.

    >>> read_records("nowhere", claims={})
    []
    """
    found: list[Record] = []
    for path in sorted(Path(folder).expanduser().glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            lists = {name: tuple(facts[name]) for name in ("values", "seeds", "control", "reached") if name in facts}
            one = Record(**(facts | lists))
            if one.claim not in claims:
                raise ValueError(f"no claim {one.claim}")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a record of these claims ({type(error).__name__}: {error})") from error
        found.append(one)
    return [Verdict(claims[one.claim], one) for one in _pool(found)]


def write(folder: Path, found: Record, overwrite: bool = False) -> Path:
    """Writes a record and gives its path; `overwrite` replaces one of the same seeds.

    >>> write(Path("records"), Record("X1", (0.05,), (0,), "ci", {})).name
    'X1-ci-seed0.json'
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = f"{found.claim}-{found.profile}-seed{'+'.join(map(str, found.seeds))}", 1
    facts = {name: value for name, value in asdict(found).items() if value not in ((), {}, "")}
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        with suppress(FileExistsError), path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
            return path
        number += 1


def _pool(records: Iterable[Record]) -> list[Record]:
    pooled: list[Record] = []
    for new in sorted(records, key=lambda one: (one.claim, str(one.provenance["time"]), one.seeds)):
        place = next((at for at, old in enumerate(pooled) if old.poolable(new)), None)
        if place is None:
            pooled.append(new)
        else:
            pooled[place] = pooled[place].pooled(new)
    return pooled


def _code(claim: str) -> str:
    """The hash of all the code that the claim's measure can reach; empty where none is registered."""
    from brainlib.runs import code

    return code.digest(MEASURES[claim])[0][:16] if claim in MEASURES else ""


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(map(float, values)) if isinstance(values, Iterable) else (float(values),)
