"""Every chapter runs at the ci profile, and the claims that are asserted there hold.

A chapter whose data cannot be had was drawn from its recorded page: nothing of it is tested here, which is said.
"""

import functools
import importlib
from pathlib import Path

import numpy as np
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


SCIENCE = {
    id: claim
    for part in PARTS
    for id, claim in ledger.read_claims(ROOT / part / "claims.toml").items()
    if isinstance(claim, ledger.Claim)
}


@pytest.mark.parametrize("id", SCIENCE)
def test_no_claim_holds_where_nothing_is_to_be_found(id):
    """And each holds where there is something, and is void where its control shows that as well."""
    claim, generator = SCIENCE[id], np.random.default_rng(1)
    large = (-3 if claim.side == "below" else 3) * claim.least
    shown, nothing, control = (0.0, 2 * claim.least, large) if claim.side == "within" else (large, 0.0, 0.0)

    def outcome(*means: float) -> str:
        values, others = (mean + 0.2 * claim.least * generator.normal(size=claim.seeds) for mean in means)
        reached = (float(claim.domain["from"]),) * claim.seeds if claim.domain else ()
        seeds = tuple(range(claim.seeds))
        record = ledger.Record(id, tuple(values), seeds, claim.profile, {}, tuple(others), reached)
        return ledger.Verdict(claim, record).outcome

    assert outcome(nothing, control) == "fails"
    assert outcome(shown, control) == "holds"
    assert outcome(shown, shown) == "void"


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_every_claim_has_a_measure(part):
    measures = importlib.import_module(".".join((*part.parts, "measures"))).__name__
    measured = {claim for claim, function in ledger.MEASURES.items() if function.__module__ == measures}
    assert measured == set(ledger.read_claims(ROOT / part / "claims.toml"))


def test_what_needs_data_at_ci_has_a_recorded_page_and_every_page_fits_its_chapter():
    needy = [chapter for chapter, entry in catalogue.read(ROOT).items() if entry.data.get("ci")]
    assert not [str(recorded.place(chapter)) for chapter in needy if not (ROOT / recorded.place(chapter)).is_file()]
    for path in (ROOT / "chapters").glob("*/records/pages/*.json"):
        chapter = Path("chapters", path.parents[2].name, f"{path.stem}.ipynb")
        assert chapter in CHAPTERS and recorded.read(ROOT, chapter)
