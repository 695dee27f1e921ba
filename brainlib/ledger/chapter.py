"""The box that opens a chapter, made from the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from brainlib.ledger.card import Html, word
from brainlib.ledger.claims import Claim, FirstEdition, find_claims, read_claims
from brainlib.ledger.records import read_records
from brainlib.ledger.verdicts import Verdict, leading


def findings(*claims: str, besides: Sequence[str] = ()) -> Html:
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
    return Html(f'<div class="admonition note"><p class="admonition-title">{title}</p><ul>{lines}</ul></div>')


def _numbers(verdict: Verdict) -> str:
    """What was measured, and at what size; a bare number says with its measure what it is."""
    why = f" ({verdict.why})" if verdict.why else ""
    if isinstance(verdict.claim, Claim):
        what = f"{verdict.measured}, {len(verdict.seeds)} {verdict.claim.over}"
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
