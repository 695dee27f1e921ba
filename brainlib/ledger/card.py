"""A verdict as HTML: a badge of one line that unfolds into its card."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape

from brainlib.ledger.claims import Bound, Check, Claim
from brainlib.ledger.verdicts import Verdict, label, leading

STYLES = {"holds": "claim-holds", "fails": "claim-fails"}
_LOOK = {  # in a notebook; in the page brainlib.css is its stylesheet
    "claim-holds": "solid #009E73",
    "claim-fails": "double #D55E00",
    "claim-open": "dashed #7F7F7F",
}
SCOREBOARD = "../../book/scoreboard.html"


@dataclass(frozen=True)
class Html:
    """What a notebook shows as HTML."""

    data: str

    def _repr_html_(self) -> str:
        return self.data


def style(verdict: Verdict) -> str:
    """The stylesheet's class for a verdict; what was not re-made has no colour."""
    judged = isinstance(verdict.claim, (Claim, Check))
    return STYLES.get(verdict.outcome, "claim-open") if judged else "claim-open"


def led(verdicts: Iterable[Verdict]) -> Verdict:
    """The leading one of these verdicts on one claim, with the others as its `kept`."""
    verdicts = list(verdicts)
    first = leading(verdicts)
    return replace(first, kept=tuple(run for run in verdicts if run is not first))


def card(verdict: Verdict, page: bool = True, anchor: str | None = None) -> str:
    """The badge and, unfolded, all there is to know.

    `page` says whether the page's stylesheet is there, `anchor` where the claim's name leads: to the scoreboard, if
    nothing is given.
    """
    claim, first = verdict.claim, leading((*verdict.kept, verdict))
    kind, look = style(first), ""
    if not page:
        look = f' style="max-width:48em;padding:0 1em;border-left:5px {_LOOK[kind]}"'
    name, anchor = escape(claim.id), f"{SCOREBOARD}#{claim.id}" if anchor is None else anchor
    words = "on the scoreboard" if anchor.startswith(SCOREBOARD) else "in its chapter"
    link = f'<p><a class="claim-id" href="{escape(anchor)}">{name} {words}</a></p>' if page and anchor else ""
    this = escape(f"this {verdict.profile} run: {verdict.outcome}, {verdict.measured}")
    small = "" if first is verdict else f' <small class="this-build">{this}</small>'
    return (
        f'<details class="claim {kind}" id="{name}" data-outcome="{escape(first.outcome)}"{look}><summary>{name} '
        f'<strong class="verdict">{escape(word(first))}</strong> <span class="effect">{escape(first.measured)}</span> '
        f'<span class="statement">{escape(claim.statement)}</span>{small}</summary>{link}{facts(claim, first.why)}'
        f"{runs([first, *(run for run in (verdict, *verdict.kept) if run is not first)])}</details>"
    )


def word(verdict: Verdict) -> str:
    """The verdict as a badge says it."""
    if isinstance(verdict.claim, (Claim, Check)):
        return verdict.outcome
    return f"first edition, not yet re-made: {verdict.outcome}"


def unmeasured(claim: str, profile: str) -> Html:
    """A line in the card's place, of a claim that a profile does not measure."""
    line = f"Claim {escape(claim)} is not measured at the {escape(profile)} profile."
    return Html(f'<p id="{escape(claim)}"><em>{line}</em></p>')


def facts(claim: Claim | Bound, why: str = "") -> str:
    """What was claimed and how it is judged."""
    rows = [("Paper", f"{claim.paper} ({claim.source})"), ("Measure", claim.measure), ("Holds if", claim.rule)]
    if isinstance(claim, Claim):
        rows += [("Least effect", f"{claim.least:g} {claim.unit}: {claim.reason}"), ("Control", claim.control)]
        rows += [("Evidence", claim.evidence)]
    rows += [("Why", why)] if why else []
    items = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f'<dl aria-label="{label(claim)} {escape(claim.id)}">{items}</dl>'


def runs(verdicts: list[Verdict]) -> str:
    """A table of runs."""
    rows = []
    for run in verdicts:
        control = f"; control {run.control}" if run.control else ""
        note = f". {run.record.note}" if run.record.note else ""
        over = run.claim.over if isinstance(run.claim, Claim) else "seeds"
        head = f'<th scope="row">{run.profile}, {over}: {len(run.seeds)}</th>'
        where = f"<details><summary>provenance</summary><small>{escape(run.where)}</small></details>"
        cells = (escape(run.outcome), escape(f"{run.measured}{control}{note}"), where)
        rows.append(f"<tr>{head}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f'<table class="table runs"><tbody>{"".join(rows)}</tbody></table>'
