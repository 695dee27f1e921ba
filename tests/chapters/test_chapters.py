"""Every chapter runs at the ci profile, and the claims that are asserted there hold."""

from pathlib import Path

import pytest

from book.builder import execution, sources
from brainlib import ledger

ROOT = Path(__file__).parents[2]
CHAPTERS = sources.chapters(ROOT)
PARTS = sorted({chapter.parent for chapter in CHAPTERS})


def results(chapters: list[Path]) -> dict[Path, Path]:
    """The results from the builder's cache; what is missing there is executed."""
    jobs = execution.plan(ROOT, CHAPTERS, {"profile": "ci"})
    return execution.execute([job for job in jobs if job.chapter in chapters])


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_the_chapter_runs(chapter):
    assert (results([chapter])[chapter] / "notebook.ipynb").is_file()


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_what_is_asserted_at_ci_holds(part):
    claims = ledger.read_claims(ROOT / part / "claims.toml")
    folders = results([chapter for chapter in CHAPTERS if chapter.parent == part]).values()
    verdicts = [verdict for folder in folders for verdict in ledger.read_records(folder / "records", claims)]
    for claim in claims.values():
        if "ci" in claim.asserted:
            own = [verdict for verdict in verdicts if verdict.claim == claim]
            assert own, f"claim {claim.id} is asserted at ci, but no chapter records it"
            assert all(verdict.outcome == "holds" for verdict in own), f"\n{own}"


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_recorded_runs_hold_where_they_are_asserted(part):
    claims = ledger.read_claims(ROOT / part / "claims.toml")
    for verdict in ledger.read_records(ROOT / part / "records", claims):
        if verdict.profile in verdict.claim.asserted:
            assert verdict.outcome == "holds", f"\n{verdict}"
