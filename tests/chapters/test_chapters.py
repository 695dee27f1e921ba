"""Every chapter runs at the ci profile, and the claims that are asserted there hold.

A chapter whose data cannot be had was drawn from its recorded page: nothing of it is tested here, which is said.
"""

import functools
from pathlib import Path

import pytest
from data_files import NOT_AT_HAND

from book.builder import build, catalogue, lock, recorded, sources
from brainlib import ledger

ROOT = Path(__file__).parents[2]
CHAPTERS = sources.chapters(ROOT)
PARTS = sorted({chapter.parent for chapter in CHAPTERS})


@functools.cache
def made(chapters: tuple[Path, ...]) -> build.Chapters:
    """What the builder makes of these chapters; what is not in its cache is executed."""
    with lock.held(ROOT) as held:
        return build.chapters(ROOT, list(chapters), build.Ways(lock=held))


def skip(done: build.Chapters) -> None:
    pytest.skip(NOT_AT_HAND + ", ".join(sorted({error.file for errors in done.missing.values() for error in errors})))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=str)
def test_the_chapter_runs(chapter):
    done = made((chapter,))
    if chapter in done.recorded:
        skip(done)
    assert (done.results[chapter] / "notebook.ipynb").is_file()


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_what_is_asserted_at_ci_holds(part):
    claims = ledger.read_claims(ROOT / part / "claims.toml")
    done = made(tuple(chapter for chapter in CHAPTERS if chapter.parent == part))
    drawn = "\n".join(text for chapter in done.recorded for text in sources.code(ROOT, chapter))
    verdicts = [
        verdict for folder in done.results.values() for verdict in ledger.read_records(folder / "records", claims)
    ]
    unjudged = []
    for claim in claims.values():
        if isinstance(claim, ledger.Check) or "ci" in getattr(claim, "asserted", ()):
            own = [verdict for verdict in verdicts if verdict.claim == claim]
            if not own and f'"{claim.id}"' in drawn:
                unjudged.append(claim.id)
                continue
            assert own, f"claim {claim.id} is asserted at ci, but no chapter records it"
            assert all(verdict.outcome == "holds" for verdict in own), f"\n{own}"
    if unjudged:
        skip(done)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_recorded_runs_say_what_their_claims_expect(part):
    claims = ledger.read_claims(ROOT / part / "claims.toml")
    verdicts = ledger.read_records(ROOT / part / "records", claims)
    for verdict in verdicts:
        if isinstance(verdict.claim, ledger.Check) or verdict.profile in getattr(verdict.claim, "asserted", ()):
            assert verdict.outcome == "holds", f"\n{verdict}"
    for claim in claims.values():
        own = [verdict for verdict in verdicts if verdict.claim.id == claim.id]
        if isinstance(claim, ledger.Claim) and own:
            assert ledger.leading(own).outcome == claim.expected, f"\n{ledger.leading(own)}"


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_no_claim_holds_where_nothing_is(part):
    claims = ledger.read_claims(ROOT / part / "claims.toml").values()
    for claim in (claim for claim in claims if isinstance(claim, ledger.Claim)):
        noise = [claim.least * (0.02 * seed - 0.04) for seed in range(5)]
        large = [2 * claim.least + one for one in noise]
        values, control = (large, large) if claim.side == "within" else (noise, noise)
        reached = [claim.domain["from"]] * 5 if claim.domain else []
        seeds, facts = tuple(range(5)), {"time": "2026"}
        record = ledger.Record(
            claim.id, tuple(values), seeds, "paper", facts, control=tuple(control), reached=tuple(reached)
        )
        assert ledger.Verdict(claim, record).outcome in ("fails", "undecided")


def test_what_needs_data_at_ci_has_a_recorded_page_and_every_page_fits_its_chapter():
    needy = [chapter for chapter, entry in catalogue.read(ROOT).items() if entry.data.get("ci")]
    assert not [str(recorded.place(chapter)) for chapter in needy if not (ROOT / recorded.place(chapter)).is_file()]
    for path in (ROOT / "chapters").glob("*/records/pages/*.json"):
        chapter = Path("chapters", path.parents[2].name, f"{path.stem}.ipynb")
        assert chapter in CHAPTERS and recorded.read(ROOT, chapter)
