"""Claims: what a paper says, what a run measured, and whether it holds.

The claims of a paper stand in `claims.toml` beside its chapters. A chapter calls `record` with what it measured;
whether the claim holds is computed from the claim's own rule and cannot be passed in. The book's builder gathers all
records into the scoreboard.
"""

import html
import json
import math
import operator
import os
import statistics
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, SupportsFloat, SupportsIndex

import torch

from brainlib import backend
from brainlib.arguments import whole_number

PROFILES = ("ci", "laptop", "paper")
"""The sizes a chapter can run at, from small to large."""

MEASURES: dict[str, Callable[[str, int, str], Mapping[str, Any]]] = {}
"""By claim, the function of profile, seed and device that measures it."""

_RULES = {
    "at_most": (operator.le, "at most"),
    "at_least": (operator.ge, "at least"),
    "below": (operator.lt, "below"),
    "above": (operator.gt, "above"),
}

_LOOK = {  # of a verdict in a notebook; in the page brainlib.css is its stylesheet
    style: f"max-width:48em;padding:0 1em;border-left:5px {line}"
    for style, line in {
        "claim-holds": "solid #009E73",
        "claim-fails": "double #D55E00",
        "claim-open": "dashed #7F7F7F",
    }.items()
}


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    >>> claim = Claim("X1", "It learns.", "Fig. 1", "0.1", "the loss", holds={"at_most": 0.1})
    >>> claim.rule, claim.keeps(0.05), claim.keeps(0.2)
    ('at most 0.1', True, False)

    `holds` is the rule that the value of every seed must keep, such as `{"at_most": 1e-10}`; `profile` the smallest
    profile at which it can be judged; `asserted` the profiles at which the tests insist that it holds.
    """

    id: str
    statement: str
    source: str
    paper: str
    measure: str
    holds: Mapping[str, float | int]
    seeds: int = 1
    profile: str = "ci"
    asserted: tuple[str, ...] = ()

    def keeps(self, value: float | int) -> bool:
        """Whether one value keeps every part of the rule."""
        return all(_RULES[rule][0](value, bound) for rule, bound in self.holds.items())

    @property
    def rule(self) -> str:
        """The rule in words, such as "at most 1e-10"."""
        return " and ".join(f"{_RULES[rule][1]} {bound:g}" for rule, bound in self.holds.items())


@dataclass(frozen=True)
class Verdict:
    """What one run measured for one claim, and the judgement that follows from the claim's rule.

    >>> claim = Claim("X1", "It learns.", "Fig. 1", "0.1", "the loss", holds={"at_most": 0.1}, seeds=2)
    >>> Verdict(claim, values=(0.05,), seeds=(0,), profile="ci", provenance={}).outcome
    'too few seeds'
    """

    claim: Claim
    values: tuple[float, ...]
    seeds: tuple[int, ...]
    profile: str
    provenance: Mapping[str, str | int]
    note: str = ""
    recorded: tuple["Verdict", ...] = ()  # larger runs that are kept beside the chapter

    @property
    def outcome(self) -> str:
        """One of "holds", "fails", "too few seeds" and "only run small"."""
        if PROFILES.index(self.profile) < PROFILES.index(self.claim.profile):
            return "only run small"
        if not all(map(self.claim.keeps, self.values)):
            return "fails"  # more seeds could not mend it
        return "holds" if len(self.seeds) >= self.claim.seeds else "too few seeds"

    @property
    def style(self) -> str:
        """The stylesheet's class for the outcome."""
        return {"holds": "claim-holds", "fails": "claim-fails"}.get(self.outcome, "claim-open")

    @property
    def measured(self) -> str:
        """The mean over the seeds, and with several seeds the smallest and the largest value."""
        mean = f"{statistics.fmean(self.values):.4g}"
        if len(self.values) == 1:
            return mean
        return f"{mean} ({min(self.values):.4g} to {max(self.values):.4g} over {len(self.values)} seeds)"

    @property
    def where(self) -> str:
        """The run in a few words: profile, device, versions and revision."""
        facts = self.provenance
        return (
            f"{self.profile} profile, {facts['device_name']}, {facts['threads']} threads, Python {facts['python']}, "
            f"torch {facts['torch']}, numpy {facts['numpy']}, revision {facts['revision']}, {str(facts['time'])[:10]}"
        )

    def __repr__(self) -> str:
        claim = self.claim
        lines = [
            f"Claim {claim.id}: {self.outcome}",
            f"  {claim.statement} ({claim.source})",
            f"  paper: {claim.paper}",
            f"  here:  {self.measured} [{claim.measure}; holds if {claim.rule}]",
            f"  run:   {self.where}",
        ]
        lines += [f"  note:  {self.note}"] if self.note else []
        return "\n".join(lines + [f"  kept:  {run.outcome}: {run.measured} [{run.where}]" for run in self.recorded])

    def _repr_html_(self) -> str:
        claim, text = self.claim, html.escape
        note = f"<p>{text(self.note)}</p>" if self.note else ""
        look = "" if os.environ.get("BRAINLIB_PAGE") == "1" else f' style="{_LOOK[self.style]}"'
        return (
            f'<div class="claim {self.style}" role="group" aria-label="Claim {text(claim.id)}: {self.outcome}"{look}>'
            f'<p><strong class="verdict">Claim {text(claim.id)}: {self.outcome}.</strong> {text(claim.statement)}</p>'
            f"<p>Paper: {text(claim.paper)} ({text(claim.source)}).<br>"
            f"Measured: <strong>{text(self.measured)}</strong>, {text(claim.measure)}.<br>"
            f"Holds if {text(claim.rule)}.</p>"
            f"{note}<p><small>{text(self.where)}</small></p>{''.join(map(_kept_html, self.recorded))}</div>"
        )

    def to_json(self) -> dict:
        """The facts of the run. The judgement is left out: it follows from the claim whenever the record is read."""
        return {
            "claim": self.claim.id,
            "values": list(self.values),
            "seeds": list(self.seeds),
            "profile": self.profile,
            "note": self.note,
            "provenance": dict(self.provenance),
        }


def measures(*claims: str) -> Callable[[Callable], Callable]:
    """Registers the function below as the one that measures these claims: it gives their values by their ids.

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
    values: Iterable[SupportsFloat],
    seeds: Iterable[SupportsIndex],
    profile: str,
    device: str | torch.device = "auto",
    note: str = "",
    claims: str | Path | None = None,
) -> Verdict:
    """Judge what a run measured for a claim; the last line of a chapter's cell shows it.

    `values` holds one number for each of `seeds`. `claims` is the path of the `claims.toml`; without it the nearest one
    from the working directory upwards is taken. Where `BRAINLIB_RECORDS` names a folder, the record is also written
    there as JSON. Larger runs that are kept in `records/` beside the claims are shown with it. Raises `ValueError` if
    the claim or the profile is unknown, if there is not one value for each seed, or if a value is not finite.

    >>> record("X1", [0.05], seeds=[0], profile="ci", claims="chapters/part/claims.toml").outcome  # doctest: +SKIP
    'holds'
    """
    path = Path(claims if claims is not None else find_claims()).expanduser()
    known = read_claims(path)
    if claim not in known:
        raise ValueError(f"claim: got {claim!r}, expected one of {', '.join(known)}")
    provenance = backend.provenance(backend.resolve_device(str(device)))
    kept = [run for run in read_records(path.parent / "records", known) if run.claim.id == claim]
    verdict = _verdict(known[claim], values, seeds, profile, provenance, note)
    verdict = replace(verdict, recorded=tuple(run for run in kept if run.profile != profile))
    if folder := os.environ.get("BRAINLIB_RECORDS"):
        write(Path(folder), verdict)
    return verdict


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
    raise ValueError(
        f"claims: no claims.toml in {start} or in a folder above it; a chapter runs in its part's folder, chapters/..."
    )


def read_claims(path: str | Path) -> dict[str, Claim]:
    """The claims of a `claims.toml` by their ids, in the file's order.

    Raises `ValueError` that names the file, the claim and the key that is wrong.

    >>> import tempfile
    >>> text = '[X1]\\nstatement = "It learns."\\nsource = "Fig. 1"\\npaper = "0.1"\\nmeasure = "the loss"'
    >>> path = Path(tempfile.mkdtemp(), "claims.toml")
    >>> path.write_text(text + "\\nholds = { at_most = 0.1 }") > 0
    True
    >>> read_claims(path)["X1"].rule
    'at most 0.1'
    """
    tables = tomllib.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    try:
        return {id: _claim(id, table) for id, table in tables.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_records(folder: str | Path, claims: Mapping[str, Claim]) -> list[Verdict]:
    """The records in a folder, judged by `claims`; those of one claim and profile on different seeds are one verdict.

    Raises `ValueError` with the path of a record that is broken or belongs to none of the claims.

    >>> read_records("nowhere", claims={})
    []
    """
    keys = ("values", "seeds", "profile", "provenance", "note")
    verdicts = []
    for path in sorted(Path(folder).expanduser().glob("*.json")):
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            verdicts.append(_verdict(claims[facts["claim"]], *(facts[key] for key in keys)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: not a record of these claims ({type(error).__name__}: {error})") from error
    return _pool(verdicts)


def _pool(verdicts: list[Verdict]) -> list[Verdict]:
    pooled: list[Verdict] = []
    for new in verdicts:
        for place, old in enumerate(pooled):
            if (old.claim, old.profile) == (new.claim, new.profile) and not set(old.seeds) & set(new.seeds):
                newest = max(old.provenance, new.provenance, key=lambda facts: str(facts["time"]))
                note = old.note if new.note in old.note else f"{old.note} {new.note}".strip()
                pooled[place] = replace(
                    old,
                    values=old.values + new.values,
                    seeds=old.seeds + new.seeds,
                    provenance=newest,
                    note=note,
                )
                break
        else:
            pooled.append(new)
    return pooled


def _kept_html(run: Verdict) -> str:
    text = html.escape
    return (
        f'<p>Recorded at the {run.profile} profile: <strong class="verdict">{run.outcome}</strong>, '
        f"{text(run.measured)}. {text(run.note)}<br><small>{text(run.where)}</small></p>"
    )


def _verdict(claim, values, seeds, profile, provenance, note) -> Verdict:
    _check_profile("profile", profile)
    values, seeds = tuple(map(float, values)), tuple(map(int, seeds))
    if len(values) != len(seeds) or not seeds:
        raise ValueError(f"values: got {len(values)} values for {len(seeds)} seeds, expected one value for each seed")
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds: got {seeds}, expected each seed once")
    for seed, value in zip(seeds, values, strict=True):
        if not math.isfinite(value):
            raise ValueError(f"values: got {value} for seed {seed}, expected finite numbers")
    return Verdict(claim, values, seeds, profile, provenance, note)


def write(folder: Path, verdict: Verdict, replace: bool = False) -> Path:
    """Writes a record of what was measured and gives its path; `replace` overwrites one of the same seeds.

    >>> claim = Claim("X1", "It learns.", "Fig. 1", "0.1", "the loss", holds={"at_most": 0.1})
    >>> write(Path("records"), Verdict(claim, (0.05,), (0,), "ci", {})).name
    'X1-ci-seed0.json'
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = f"{verdict.claim.id}-{verdict.profile}-seed{'+'.join(map(str, verdict.seeds))}", 1
    text = json.dumps(verdict.to_json(), indent=1, ensure_ascii=False) + "\n"
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        try:
            with path.open("w" if replace else "x", encoding="utf-8") as file:
                file.write(text)
            return path
        except FileExistsError:
            number += 1


def _check_profile(name: str, profile: str) -> None:
    if profile not in PROFILES:
        raise ValueError(f"{name}: got {profile!r}, expected one of {', '.join(PROFILES)}")


def _claim(id: str, table: Any) -> Claim:
    if not isinstance(table, dict):
        raise ValueError(f"{id} is not a table; a claim is written [{id}]")
    keys = [field.name for field in fields(Claim) if field.name != "id"]
    if unknown := [key for key in table if key not in keys]:
        raise ValueError(f"claim {id} has the unknown key {unknown[0]!r}, expected {', '.join(keys)}")
    for key in ("statement", "source", "paper", "measure"):
        if not isinstance(table.get(key), str):
            raise ValueError(f"claim {id}: {key} is {table.get(key)!r}, expected text")
    whole_number(f"claim {id}: seeds", table.get("seeds", 1), least=1)
    profile, asserted = table.get("profile", "ci"), tuple(table.get("asserted", ()))
    for name in (profile, *asserted):
        _check_profile(f"claim {id}: profile", name)
        if PROFILES.index(name) < PROFILES.index(profile):
            raise ValueError(f"claim {id}: asserted at {name!r}, but judged from {profile!r} up")
    return Claim(**{**table, "id": id, "asserted": asserted, "holds": _rule(id, table.get("holds"))})


def _rule(id: str, holds: Any) -> dict[str, float | int]:
    rule = dict(holds) if isinstance(holds, dict) else {}
    if isinstance(between := rule.get("between"), list) and len(between) == 2:
        del rule["between"]
        rule |= zip(("at_least", "at_most"), between, strict=True)
    finite = all(type(bound) in (int, float) and math.isfinite(bound) for bound in rule.values())
    if not rule or not finite or not rule.keys() <= _RULES.keys():
        raise ValueError(f"claim {id}: holds is {holds!r}, expected numbers for {', '.join(_RULES)} or between")
    if rule.get("at_least", -math.inf) > rule.get("at_most", math.inf):
        raise ValueError(f"claim {id}: holds is {holds!r}, which no number can keep")
    return rule
