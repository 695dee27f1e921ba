"""The scoreboard's picture: each claim's effect and interval in units of the smallest effect that matters."""

import math
from collections.abc import Sequence
from html import escape

from brainlib.ledger import Claim, Interval, Verdict, card

WIDTH, LEFT, RIGHT, ROW, TOP = 760, 64, 24, 26, 30
TICKS = (-1000, -100, -10, -1, 0, 1, 10, 100, 1000)
SHAPES = {  # around 0, 0; colour is the class's
    "holds": '<circle r="5.5"/>',
    "fails": '<rect x="-5" y="-5" width="10" height="10"/>',
    "undecided": '<path d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>',
    "void": '<path d="M-5-5 5 5M5-5-5 5" class="cross"/>',
}


def draw(verdicts: Sequence[tuple[Claim, Verdict]], title: str) -> str:
    """An SVG with a row for each claim: mean, interval and, hollow, the control; a row links to its card.

    Effects are turned so that the claimed side is the right one; the axis is linear near 0 and logarithmic far away.
    """
    shown = [(claim, _turned(claim, run.effect), run) for claim, run in verdicts]
    ends = [
        _place(end) for _, effect, _ in shown for end in (effect.low, effect.high, effect.mean) if math.isfinite(end)
    ]
    low, high = min([_place(-2), *ends]) - 0.3, max([_place(3), *ends]) + 0.3

    def x(value: float) -> float:
        place = min(max(_place(value), low), high) if math.isfinite(value) else low if value < 0 else high
        return round(LEFT + (place - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    height = TOP + ROW * len(shown) + 34
    parts = [
        f'<svg class="scoreboard" viewBox="0 0 {WIDTH} {height}" role="group" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title>'
    ]
    bottom = TOP + ROW * len(shown)
    for tick in (tick for tick in TICKS if low <= _place(tick) <= high):
        kind = "zero" if tick == 0 else "least" if tick == 1 else "tick"
        parts.append(f'<path class="{kind}" d="M{x(tick)} {TOP - 8}V{bottom}"/>')
        parts.append(f'<text class="label" x="{x(tick)}" y="{bottom + 14}">{tick}</text>')
    parts.append(
        f'<text class="label" x="{WIDTH / 2}" y="{bottom + 30}">effect, in units of the least that matters</text>'
    )
    for number, (claim, effect, run) in enumerate(shown):
        y = TOP + ROW * number + ROW / 2
        kind = card.style(run)
        control = _turned(claim, run.control) if run.control else None
        hollow = f'<circle class="control" cx="{x(control.mean)}" cy="{y}" r="4"/>' if control else ""
        said = f"{claim.id}: {run.outcome}, {run.measured}. {claim.statement}"
        parts.append(
            f'<a href="#{escape(claim.id)}" class="{kind}"><title>{escape(said)}</title>'
            f'<rect class="hit" x="0" y="{y - ROW / 2}" width="{WIDTH}" height="{ROW}"/>'
            f'<text x="{LEFT - 10}" y="{y + 4}" class="id">{escape(claim.id)}</text>'
            f'<path class="interval" d="M{x(effect.low)} {y}H{x(effect.high)}"/>{hollow}'
            f'<g class="mark" transform="translate({x(effect.mean)} {y})">{SHAPES[run.outcome]}</g></a>'
        )
    return "".join(parts) + "</svg>"


def _turned(claim: Claim, effect: Interval) -> Interval:
    """In units of `least`, the claimed side to the right; of a claim of no effect, what is left of `least`."""
    if claim.side == "within":
        low, high = min(abs(effect.low), abs(effect.high)), max(abs(effect.low), abs(effect.high))
        low = 0.0 if effect.low < 0 < effect.high else low
        return Interval(1 - abs(effect.mean) / claim.least, 1 - high / claim.least, 1 - low / claim.least)
    sign = 1 if claim.side == "above" else -1
    low, high = sorted((sign * effect.low / claim.least, sign * effect.high / claim.least))
    return Interval(sign * effect.mean / claim.least, low, high)


def _place(value: float) -> float:
    """Linear near 0, logarithmic far away."""
    return math.asinh(value)
