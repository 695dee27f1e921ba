"""The scoreboard: every claim with the verdict of its largest valid run, as pictures, cards and files to download."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from book.builder import effects
from book.builder.recorded import place
from book.builder.sources import code, pages
from brainlib.explore.page import LOADER
from brainlib.ledger import Bound, Check, Claim, FirstEdition, Verdict, card, read_claims, read_records

INTRODUCTION = """\
# Scoreboard

Every claim that the book tests, with what the paper reports and what was measured here. Nothing on this page is
written by hand: a verdict follows from the mean over seeds, its 95 % interval, the smallest effect that matters and a
control, all said before the run (<a href="how_to_read.html#the-ledger">the rules</a>). A claim shows the verdict of
its largest valid run; what this build computed, at the `{profile}` profile, stands beside it in its card.

Download: <a href="../_assets/scoreboard.csv" download>CSV</a>, <a href="../_assets/scoreboard.json" download>JSON</a>.

{filters}
"""

UNJUDGED = ("out of domain", "only run small", "not run")
NOT_REMADE = "first edition, not yet re-made"


@dataclass(frozen=True)
class Row:
    """A claim, the run that it is judged by, and the page that measures it."""

    part: str
    claim: Claim | Bound
    verdict: Verdict | None  # the leading one; the others are its `kept`
    page: str  # with the card's place, if it is shown there; empty if no chapter records it

    @property
    def outcome(self) -> str:
        return "not run" if self.verdict is None else self.verdict.outcome

    @property
    def facts(self) -> dict[str, str | float | int | None]:
        """The row as plain values, for the files to download."""
        claim, run = self.claim, self.verdict
        facts: dict[str, str | float | int | None] = {
            "part": self.part,
            "id": claim.id,
            "kind": {Claim: "claim", Check: "check", FirstEdition: NOT_REMADE}[type(claim)],
            "statement": claim.statement,
            "paper": claim.paper,
            "source": claim.source,
            "measure": claim.measure,
            "rule": claim.rule,
            "verdict": self.outcome,
            "why": run.why if run else "",
            "unit": getattr(claim, "unit", None),
            "least": getattr(claim, "least", None),
        }
        numbers = dict.fromkeys(("mean", "low", "high", "control", "seeds", "profile", "run"))
        if run is not None:
            alone = len(run.values) < 2
            numbers |= {"mean": run.effect.mean, "seeds": len(run.seeds), "profile": run.profile, "run": run.where}
            numbers |= {"low": None if alone else run.effect.low, "high": None if alone else run.effect.high}
            numbers["control"] = run.control.mean if run.control else None
        return facts | numbers


def gather(root: Path, results: dict[Path, Path], recorded: Iterable[Path]) -> list[Row]:
    """A row for each claim of these chapters' parts; `results` gives the folder of each executed chapter's result.

    Chapters that were drawn from a record have no run of this build.
    """
    listed = [Path(f"{page.file}.ipynb") for page in pages(root)]
    titles = {Path(f"{page.file}.ipynb").parent: page.part for page in reversed(pages(root))}
    chapters = [chapter for chapter in listed if chapter in {*results, *recorded}]
    rows = []
    for folder in dict.fromkeys(chapter.parent for chapter in chapters):
        if not (root / folder / "claims.toml").is_file():
            continue
        claims = read_claims(root / folder / "claims.toml")
        own = [chapter for chapter in chapters if chapter.parent == folder]
        found = [one for c in own if c in results for one in read_records(results[c] / "records", claims)]
        found += read_records(root / folder / "records", claims)
        texts = {chapter: "\n".join(code(root, chapter)) for chapter in own}
        kept = {c: results[c] / "notebook.ipynb" if c in results else root / place(c) for c in own}
        shown = {chapter: path.read_text(encoding="utf-8") for chapter, path in kept.items() if path.is_file()}
        for claim in claims.values():
            runs = [verdict for verdict in found if verdict.claim.id == claim.id]
            chapter = next((c for c, text in texts.items() if f'"{claim.id}"' in text), None)
            page = f"../{chapter.with_suffix('.html').as_posix()}" if chapter else ""
            if f'id=\\"{claim.id}\\"' in shown.get(chapter, ""):
                page += f"#{claim.id}"
            rows.append(Row(titles[folder], claim, card.led(runs) if runs else None, page))
    return rows


def render(rows: list[Row], profile: str) -> str:
    """The page as Markdown."""
    text = [INTRODUCTION.format(profile=profile, filters=_filters(rows))]
    for part in dict.fromkeys(row.part for row in rows):
        own = [row for row in rows if row.part == part]
        judged = [row for row in own if isinstance(row.claim, Claim)]
        text.append(f"## {part}\n\n{_sentence(own)}")
        drawn = [row for row in judged if row.verdict is not None and row.outcome not in UNJUDGED]
        if drawn:
            text.append(effects.draw([(row.claim, row.verdict) for row in drawn], f"Effects of the claims: {part}"))
        for title, kind, group in _groups(own):
            if group:
                text.append(
                    f'<section class="claims claims-{kind}"><h3>{title}</h3>{"".join(map(_card, group))}</section>'
                )
    return "\n\n".join(text) + "\n"


def as_json(rows: list[Row]) -> str:
    """All rows, with the values of every seed."""
    seeds = [{} if row.verdict is None else {"values": list(row.verdict.values)} for row in rows]
    facts = [row.facts | more for row, more in zip(rows, seeds, strict=True)]
    return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"


def as_csv(rows: list[Row]) -> str:
    """All rows; empty cells are unknown."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0].facts) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.facts for row in rows)
    return file.getvalue()


def _groups(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    judged = [row for row in rows if isinstance(row.claim, Claim)]
    old = [row for row in rows if isinstance(row.claim, FirstEdition)]
    return [
        ("Claims", "judged", [row for row in judged if row.outcome not in UNJUDGED]),
        ("Not judged: run too small, or not run", "unjudged", [row for row in judged if row.outcome in UNJUDGED]),
        (NOT_REMADE.capitalize(), "old", old),
        ("Checks", "checks", [row for row in rows if isinstance(row.claim, Check)]),
    ]


def _sentence(rows: list[Row]) -> str:
    counts = Counter(row.outcome for row in rows if isinstance(row.claim, Claim))
    words = [f"{count} {outcome}" for outcome, count in counts.most_common()]
    old = sum(isinstance(row.claim, FirstEdition) for row in rows)
    checks = Counter(row.outcome for row in rows if isinstance(row.claim, Check))
    said = [f"{counts.total()} claims: {', '.join(words)}."] if words else []
    said += [f"{old} claims of the first edition wait for a least effect and a control."] if old else []
    said += [f"{checks.total()} checks, {checks['holds']} of them kept."] if checks else []
    return " ".join(said)


def _card(row: Row) -> str:
    if row.verdict is not None:
        return card.card(row.verdict, anchor=row.page)
    name = escape(row.claim.id)
    link = f'<p><a class="claim-id" href="{row.page}">{name} in its chapter</a></p>' if row.page else ""
    statement = f'<span class="statement">{escape(row.claim.statement)}</span>'
    return (
        f'<details class="claim claim-open" id="{name}" data-outcome="not run"><summary>{name} '
        f'<strong class="verdict">not run</strong> {statement}</summary>{link}'
        f"{card.facts(row.claim)}</details>"
    )


def _filters(rows: list[Row]) -> str:
    """Buttons that show the claims of one verdict; without JavaScript they are hidden."""
    counts = Counter(row.outcome for row in rows)
    buttons = "".join(
        f'<button type="button" data-outcome="{outcome}" aria-pressed="false">{outcome} {count}</button>'
        for outcome, count in counts.most_common()
    )
    group = f'<div class="claim-filters" role="group" aria-label="Show claims by verdict" hidden>{buttons}</div>'
    return f"{group}<script>{LOADER}</script>"
