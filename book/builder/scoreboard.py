"""The scoreboard: every claim of every chapter with what this build and larger, recorded runs measured."""

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from book.builder.sources import pages
from brainlib.ledger import Claim, Verdict, read_claims, read_records

INTRODUCTION = """\
# Scoreboard

Every claim that the book tests, with what the paper reports and what was measured here. Nothing on this page is
written by hand: each verdict is computed from the rule that stands under the claim, on the value of every seed. *This
build* ran at the `{profile}` profile; rows marked *recorded* are larger runs, kept in the repository with the device,
the versions and the revision that they were made with. A claim can also be open (run on too few seeds, or only run
small), or not run.

{summary}
"""

COLUMNS = ("Run", "Verdict", "Measured", "Made with")


def render(root: Path, results: dict[Path, Path], recorded: Iterable[Path], profile: str) -> str:
    """The page as Markdown; `results` gives the folder of each executed chapter's result.

    Chapters that were drawn from a record have no rows of this build.
    """
    titles = {Path(f"{page.file}.ipynb").parent: page.part for page in reversed(pages(root))}
    outcomes, sections = Counter(), []
    for folder in dict.fromkeys(_parts(root, {*results, *recorded})):
        if not (root / folder / "claims.toml").is_file():
            continue
        claims = read_claims(root / folder / "claims.toml")
        records = [result / "records" for chapter, result in results.items() if chapter.parent == folder]
        built = [("this build", verdict) for path in records for verdict in read_records(path, claims)]
        kept = [("recorded", verdict) for verdict in read_records(root / folder / "records", claims)]
        sections.append(f"## {titles[folder]}")
        for claim in claims.values():
            runs = [(run, verdict) for run, verdict in built + kept if verdict.claim.id == claim.id]
            outcomes[_overall([verdict for _, verdict in runs])] += 1
            sections.append(_section(claim, runs))
    words = {"holds": "holding", "fails": "failing", "open": "open", "not run": "not run"}
    counts = ", ".join(f"{outcomes[outcome]} {word}" for outcome, word in words.items())
    summary = f"**{outcomes.total()} claims: {counts}.**"
    return INTRODUCTION.format(profile=profile, summary=summary) + "\n" + "\n\n".join(sections) + "\n"


def _parts(root: Path, chapters: set[Path]) -> list[Path]:
    """The folders of these chapters, in reading order."""
    listed = [Path(f"{page.file}.ipynb") for page in pages(root)]
    return [chapter.parent for chapter in listed if chapter in chapters]


def _overall(verdicts: list[Verdict]) -> str:
    """One word for a claim: it fails if any run that can judge it says so."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return next((word for word in ("fails", "holds") if word in outcomes), "open" if outcomes else "not run")


def _section(claim: Claim, runs: list[tuple[str, Verdict]]) -> str:
    overall = _overall([verdict for _, verdict in runs])
    style = {"holds": "claim-holds", "fails": "claim-fails"}.get(overall, "claim-open")
    seeds = f", for each of {claim.seeds} seeds or more" if claim.seeds > 1 else ""
    head = f"Claim {escape(claim.id)}: {overall}"
    return (
        f'<div class="claim {style}" id="{escape(claim.id)}" role="group" aria-label="{head}">'
        f'<p><strong class="verdict">{head}.</strong> {escape(claim.statement)}</p>'
        f"<p>Paper: {escape(claim.paper)} ({escape(claim.source)}).<br>Measure: {escape(claim.measure)}.<br>"
        f"Holds if {escape(claim.rule)}{seeds}; judged from the {claim.profile} profile up.</p>"
        f"{_table(runs) if runs else ''}</div>"
    )


def _table(runs: list[tuple[str, Verdict]]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    rows = []
    for run, verdict in runs:
        measured = f"{verdict.measured}. {verdict.note}" if verdict.note else verdict.measured
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (verdict.outcome, measured, verdict.where))
        rows.append(f'<tr><th scope="row">{run}</th>{cells}</tr>')
    return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
