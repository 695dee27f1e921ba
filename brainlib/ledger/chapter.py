"""What a chapter shows of the ledger: the box that opens it, and a claim's card or a word where none was measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, SupportsIndex

from brainlib.extras import extra
from brainlib.ledger.card import word
from brainlib.ledger.claims import Claim, FirstEdition, find_claims, read_claims
from brainlib.ledger.records import Measured, read_records, record
from brainlib.ledger.verdicts import Verdict, leading

if TYPE_CHECKING:
    from IPython.display import HTML


def findings(*claims: str, besides: Sequence[str] = ()) -> "HTML":
    r"""The box that opens a chapter: what was claimed and what the leading recorded run found, a line for each claim.

    Of the claims in `besides` one line says the verdicts alone. Where all are claims of the first edition the title
    says so, else each of them does. The claims and their records are those of the nearest `claims.toml`, as for
    `record`; each claim's name leads to its card in the chapter. Raises `ValueError` for a claim that is not in that
    file.

    >>> from pathlib import Path
    >>> from brainlib.ledger import Record, write
    >>> text = '[X1]\nstatement = "It learns."\nmeasure = "the loss"\nholds = { at_most = 0.1 }\n'
    >>> Path("claims.toml").write_text(text) > 0
    True
    >>> path = write(Path("records"), Record("X1", (0.05,), (0,), "laptop", {"time": "2026"}))
    >>> "It learns. <strong>holds</strong>: 0.05, the loss; laptop." in findings("X1").data
    True
    """
    path = find_claims()
    known = read_claims(path)
    for name, given in (("claims", claims), ("besides", besides)):
        if unknown := set(given) - set(known):
            raise ValueError(f"{name}: got {', '.join(sorted(unknown))}, expected claims of {path}")
    runs = read_records(path.parent / "records", known)

    old = all(isinstance(known[claim], FirstEdition) for claim in (*claims, *besides))

    def line(claim: str, whole: bool) -> str:
        own = [run for run in runs if run.claim.id == claim]
        verdict = leading(own) if own else None
        said = "not recorded yet" if verdict is None else verdict.outcome if old else word(verdict)
        statement = f"{escape(known[claim].statement)} " if whole else ""
        numbers = _numbers(verdict) if whole and verdict is not None else ""
        name = escape(claim)
        return f'<a href="#{name}">{name}</a> {statement}<strong>{escape(said)}</strong>{numbers}'

    items = [f"{line(claim, True)}." for claim in claims]
    if besides:
        items.append("Besides: " + ", ".join(line(claim, False) for claim in besides) + ".")
    title = "What was claimed, and what was found" + (" (first edition, not yet re-made)" if old else "")
    lines = "".join(f"<li>{item}</li>" for item in items)
    return _html(f'<div class="admonition note"><p class="admonition-title">{title}</p><ul>{lines}</ul></div>')


def record_measured(
    claim: str,
    measured: Mapping[str, Any],
    seeds: Iterable[SupportsIndex],
    profile: str,
    device: str = "auto",
    note: str = "",
) -> "Verdict | HTML":
    """`record` of what was `measured` for a claim, by its id; a line in the card's place where this profile does not
    measure what the claim compares.

    >>> "X1 is not measured at the ci profile" in record_measured("X1", {}, [0], "ci").data
    True
    """
    if claim not in measured:
        line = f"Claim {escape(claim)} is not measured at the {escape(profile)} profile."
        return _html(f'<p id="{escape(claim)}"><em>{line}</em></p>')
    found = measured[claim]
    return record(claim, found if isinstance(found, Measured) else Measured(found), seeds, profile, device, note)


def _numbers(verdict: Verdict) -> str:
    """What was measured, and at what size; a bare number says with its measure what it is."""
    why = f" ({verdict.why})" if verdict.why else ""
    if isinstance(verdict.claim, Claim):
        what = f"{verdict.measured}, {len(verdict.seeds)} seeds"
    else:
        what = f"{verdict.measured}, {verdict.claim.measure}"
    units = sorted(set(_units(verdict.record.settings)))
    size = f", {' or '.join(map(str, units))} units" if units else ""
    return escape(f"{why}: {what}; {verdict.profile}{size}")


def _units(settings: Any) -> Iterator[int]:
    """Numbers of units, wherever the settings name them."""
    if isinstance(settings, Mapping):
        for name, inner in settings.items():
            yield from (inner,) if name == "units" and isinstance(inner, int) else _units(inner)


def _html(text: str) -> "HTML":
    with extra("notebook"):
        from IPython.display import HTML

    return HTML(text)
