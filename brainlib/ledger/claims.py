"""What `claims.toml` says: claims, checks, and claims of the first edition that are not yet re-made."""

import math
import operator
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

PROFILES = ("ci", "laptop", "paper")
"""The sizes a chapter can run at, from small to large."""

OUTCOMES = ("holds", "fails", "undecided", "void", "out of domain")
SIDES = ("above", "below", "within")

_BOUNDS = {
    "at_most": (operator.le, "at most"),
    "at_least": (operator.ge, "at least"),
    "below": (operator.lt, "below"),
    "above": (operator.gt, "above"),
}


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    `measure` is one number a seed, an effect: 0 is none. It is claimed to lie on a `side` of 0: "above", "below", or
    "within" `least` of 0 (no effect that matters). `least` is the smallest effect that matters, in `unit`, for a
    `reason`; `control` what must not show the effect (of a claim "within": what must show it). A verdict is possible
    from `profile` up, and where the run reached `domain["from"]` of `domain["what"]`. Intervals are `over` seeds
    unless it says otherwise ("blocks of time"). `expected` is the verdict of the recorded run, which the tests insist
    on.

    >>> claim = Claim("X1", "A leads.", "Fig. 1", "9", "lead", "spans", least=2, reason="noise", control="two A")
    >>> claim.rule
    'the whole 95 % interval lies above 0, the mean beyond 2 spans; the control must not show it'
    """

    id: str
    statement: str
    source: str
    paper: str
    measure: str
    unit: str
    least: float | int
    reason: str
    control: str
    side: str = "above"
    domain: Mapping[str, Any] | None = None
    seeds: int = 5
    profile: str = "laptop"
    evidence: str = "trained small"
    over: str = "seeds"
    expected: str | None = None

    def __post_init__(self) -> None:
        if type(self.least) not in (int, float) or not 0 < self.least < math.inf:
            raise ValueError(f"claim {self.id}: least is {self.least!r}, expected a finite number above 0")
        if self.side not in SIDES:
            raise ValueError(f"claim {self.id}: side is {self.side!r}, expected one of {', '.join(SIDES)}")
        if self.expected not in (None, *OUTCOMES):
            raise ValueError(f"claim {self.id}: expected is {self.expected!r}, expected one of {', '.join(OUTCOMES)}")
        if self.domain is not None and set(self.domain) != {"what", "from"}:
            raise ValueError(f"claim {self.id}: domain has {', '.join(self.domain)}, expected what and from")
        _check_run(self)

    @property
    def rule(self) -> str:
        """When it holds, in words."""
        least = f"{self.least:g} {self.unit}".strip()
        if self.side == "within":
            return f"the whole 95 % interval lies within {least} of 0; the control must lie outside"
        return f"the whole 95 % interval lies {self.side} 0, the mean beyond {least}; the control must not show it"


@dataclass(frozen=True)
class Bound:
    """A number that every seed must keep within bounds, such as `{"at_most": 1e-10}`.

    >>> bound = Bound("X1", "It learns.", "the loss", {"at_most": 0.1})
    >>> bound.rule, bound.keeps(0.05), bound.keeps(0.2)
    ('at most 0.1', True, False)
    """

    id: str
    statement: str
    measure: str
    bound: Mapping[str, Any]
    source: str = "this book"
    paper: str = "exact, by derivation"
    seeds: int = 1
    profile: str = "ci"

    def __post_init__(self) -> None:
        if not isinstance(self.bound, Mapping) or not self.bound or set(self.bound) - set(_BOUNDS):
            raise ValueError(f"claim {self.id}: bound is {self.bound!r}, expected a table with {', '.join(_BOUNDS)}")
        for name, number in self.bound.items():
            if type(number) not in (int, float) or not math.isfinite(number):
                raise ValueError(f"claim {self.id}: {name} is {number!r}, expected a finite number")
        if self.bound.get("at_least", -math.inf) > self.bound.get("at_most", math.inf):
            raise ValueError(f"claim {self.id}: bound is {self.bound!r}, which no number can keep")
        _check_run(self)

    def keeps(self, value: float | int) -> bool:
        """Whether a value keeps every bound."""
        return all(_BOUNDS[name][0](value, number) for name, number in self.bound.items())

    @property
    def rule(self) -> str:
        """The bounds in words, such as "at most 1e-10"."""
        return " and ".join(f"{_BOUNDS[name][1]} {number:g}" for name, number in self.bound.items())


@dataclass(frozen=True)
class Check(Bound):
    """Exactness, an equivalence of forms, a count: asserted wherever it is computed, and not counted as science.

    >>> Check("X1", "Two forms are one.", "difference", {"at_most": 1e-10}).keeps(1e-12)
    True
    """


@dataclass(frozen=True)
class FirstEdition(Bound):
    """A claim of the first edition, with neither a least effect nor a control yet: each seed is held to bare bounds.

    >>> FirstEdition("X1", "It learns.", "the loss", {"below": 2}, asserted=("ci",)).rule
    'below 2'
    """

    asserted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for profile in self.asserted:
            check_profile(f"claim {self.id}: asserted", profile)
            if PROFILES.index(profile) < PROFILES.index(self.profile):
                raise ValueError(f"claim {self.id}: asserted at {profile!r}, but judged from {self.profile!r} up")


def find_claims(start: str | Path = ".") -> Path:
    """The nearest `claims.toml` from the folder `start` upwards; `ValueError` if there is none.

    >>> (Path("part") / "notes").mkdir(parents=True)
    >>> Path("part", "claims.toml").touch()
    >>> find_claims("part/notes").parts[-2:]
    ('part', 'claims.toml')
    """
    start = Path(start).expanduser().resolve()
    for folder in (start, *start.parents):
        if (path := folder / "claims.toml").is_file():
            return path
    raise ValueError(f"claims: no claims.toml in {start} or in a folder above it; a chapter runs in its part's folder")


def read_claims(path: str | Path) -> dict[str, Claim | Bound]:
    r"""What a `claims.toml` says, by id, in the file's order.

    A table with `least` is a `Claim`, one with `check` (its bound) a `Check`, one with `holds` (its bound) a
    `FirstEdition`. Raises `ValueError` that names the file, the claim and the key that is wrong.

    >>> text = '[X1]\nstatement = "Equal."\nmeasure = "difference"\ncheck = { at_most = 0.1 }'
    >>> Path("claims.toml").write_text(text) > 0
    True
    >>> read_claims("claims.toml")["X1"].rule
    'at most 0.1'
    """
    tables = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    try:
        return {id: _read(id, table) for id, table in tables.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_profile(name: str, profile: Any) -> None:
    """Raises `ValueError` for what is not a profile."""
    if profile not in PROFILES:
        raise ValueError(f"{name}: got {profile!r}, expected one of {', '.join(PROFILES)}")


def _read(id: str, table: Any) -> Claim | Bound:
    if not isinstance(table, dict):
        raise ValueError(f"{id} is not a table; a claim is written [{id}]")
    table = dict(table)
    kind: type = Claim
    for word, other in (("check", Check), ("holds", FirstEdition)):
        if word in table:
            kind, table["bound"] = other, table.pop(word)
    if "asserted" in table:
        table["asserted"] = tuple(table["asserted"])
    keys = {field.name: field for field in fields(kind) if field.name != "id"}
    if unknown := [key for key in table if key not in keys]:
        raise ValueError(f"claim {id} has the unknown key {unknown[0]!r}, expected {', '.join(keys)}")
    for key, field in keys.items():
        if field.type is str and not isinstance(table.get(key, ""), str):
            raise ValueError(f"claim {id}: {key} is {table[key]!r}, expected text")
        if field.default is MISSING and key not in table:
            raise ValueError(f"claim {id}: {key} is missing")
    return kind(id=id, **table)


def _check_run(claim: Claim | Bound) -> None:
    check_profile(f"claim {claim.id}: profile", claim.profile)
    if type(claim.seeds) is not int or claim.seeds < 1:
        raise ValueError(f"claim {claim.id}: seeds is {claim.seeds!r}, expected a whole number of at least 1")
