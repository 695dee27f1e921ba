"""The verdict on a record: computed from the claim, whenever it is read."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from brainlib.ledger.claims import PROFILES, Bound, Check, Claim
from brainlib.ledger.intervals import Interval, interval, seeds_needed

if TYPE_CHECKING:
    from brainlib.ledger.records import Record


@dataclass(frozen=True)
class Verdict:
    """What one run measured for one claim, and the judgement that follows.

    >>> from brainlib.ledger import Bound
    >>> from brainlib.ledger.records import Record
    >>> claim = Bound("X1", "It learns.", "the loss", {"at_most": 0.1}, seeds=2)
    >>> Verdict(claim, Record("X1", (0.05,), (0,), "ci", {})).outcome
    'too few seeds'
    """

    claim: Claim | Bound
    record: "Record"
    kept: tuple["Verdict", ...] = ()  # the recorded runs beside it

    @property
    def values(self) -> tuple[float | int, ...]:
        return self.record.values

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.record.seeds

    @property
    def profile(self) -> str:
        return self.record.profile

    @cached_property
    def effect(self) -> Interval:
        """Mean and interval over the seeds."""
        return interval(self.values)

    @cached_property
    def control(self) -> Interval | None:
        """The same of the control."""
        return interval(self.record.control) if self.record.control else None

    @cached_property
    def outcome(self) -> str:
        """The verdict in a word: see `judge`, and of a check or a first edition's claim `bounded`."""
        return self._judged[0]

    @property
    def why(self) -> str:
        """Why it is undecided, void or out of domain; else empty."""
        return self._judged[1]

    @cached_property
    def _judged(self) -> tuple[str, str]:
        return judge(self.claim, self.record) if isinstance(self.claim, Claim) else bounded(self.claim, self.record)

    @property
    def measured(self) -> str:
        """The mean with its interval, or with the smallest and the largest value where bounds are judged."""
        if isinstance(self.claim, Claim):
            return f"{self.effect} {self.claim.unit}".strip()
        if len(self.values) == 1:
            return f"{self.values[0]:.4g}"
        low, high = min(self.values), max(self.values)
        return f"{self.effect.mean:.4g} ({low:.4g} to {high:.4g} over {len(self.values)} seeds)"

    @property
    def where(self) -> str:
        """The run in a few words: profile, device, versions and revision."""
        facts = self.record.provenance
        return (
            f"{self.profile} profile, {facts['device_name']}, {facts['threads']} threads, Python {facts['python']}, "
            f"torch {facts['torch']}, numpy {facts['numpy']}, revision {facts['revision']}, {str(facts['time'])[:10]}"
        )

    def __repr__(self) -> str:
        claim, led = self.claim, leading((*self.kept, self))
        lines = [f"{label(claim)} {claim.id}: {led.outcome}", f"  {claim.statement} ({claim.source})"]
        lines += [f"  paper: {claim.paper}", f"  measure: {claim.measure}; holds if {claim.rule}"]
        for run in (led, *(run for run in (self, *self.kept) if run is not led)):
            control = f"; control {run.control}" if run.control else ""
            why = f" ({run.why})" if run.why else ""
            note = f" {run.record.note}" if run.record.note else ""
            lines.append(f"  {run.outcome}{why}: {run.measured}{control} [{run.where}]{note}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from brainlib.ledger.card import card

        return card(self, page=os.environ.get("BRAINLIB_PAGE") == "1")


def label(claim: Claim | Bound) -> str:
    """What it is, in a word or two."""
    return "Claim" if isinstance(claim, Claim) else "Check" if isinstance(claim, Check) else "First edition's claim"


def leading(verdicts: Iterable[Verdict]) -> Verdict:
    """The one that a page shows: of the largest run within the claim's domain that has all the seeds it asks for; of
    those with most seeds the newest. Bounds are broken if any run breaks them.

    Raises `ValueError` if there is none.

    >>> from brainlib.ledger import Bound
    >>> from brainlib.ledger.records import Record
    >>> claim, facts = Bound("X1", "It learns.", "the loss", {"at_most": 0.1}), {"time": "2026"}
    >>> runs = [Verdict(claim, Record("X1", (0.05,), (0,), profile, facts)) for profile in ("ci", "laptop")]
    >>> leading(runs).profile
    'laptop'
    """
    verdicts = list(verdicts)
    if not verdicts:
        raise ValueError("verdicts: got none, expected at least one")

    def size(one: Verdict) -> tuple:
        within, seeds = one.outcome not in ("out of domain", "only run small"), len(one.seeds)
        broken = isinstance(one.claim, Bound) and one.outcome == "fails"
        enough, time = within and seeds >= one.claim.seeds, str(one.record.provenance["time"])
        return broken, enough, within, PROFILES.index(one.profile), seeds, time

    return max(verdicts, key=size)


def judge(claim: Claim, record: "Record") -> tuple[str, str]:
    """The verdict on a claim, and why it could not be a firmer one.

    - "holds": the whole interval lies on the claimed side of 0, and the mean beyond `least`;
    - "fails": the whole interval lies on the near side of `least`;
    - "void": the control shows the effect too;
    - "out of domain": the run was too small or did not come far enough;
    - "undecided": anything else.
    """
    if PROFILES.index(record.profile) < PROFILES.index(claim.profile):
        return "out of domain", f"judged from the {claim.profile} profile up"
    if claim.domain is not None:
        if not record.reached:
            return "out of domain", f"{claim.domain['what']} was not measured"
        if (least := min(record.reached)) < claim.domain["from"]:
            return "out of domain", f"{claim.domain['what']}: {least:g}, judged from {claim.domain['from']:g} up"
    control = _bare(claim, interval(record.control)) if record.control else "missing"
    if control == "holds":
        return "void", "the control shows the effect too" if claim.side != "within" else "the control shows none either"
    effect = interval(record.values)
    found = _bare(claim, effect)
    if len(record.values) < claim.seeds:
        return "undecided", f"{len(record.values)} of {claim.seeds} {claim.over}"
    if found == "undecided":
        needed = seeds_needed(record.values, _distance(claim, effect))
        return (
            "undecided",
            f"at this spread {needed} {claim.over} would decide" if needed else f"no number of {claim.over} in reach",
        )
    if found == "holds" and control == "missing":
        return "undecided", "no control was measured"
    if found == "holds" and control == "undecided" and _beyond(claim, interval(record.control)):
        return "undecided", "the control may show the effect too"
    return found, ""


def bounded(claim: Bound, record: "Record") -> tuple[str, str]:
    """Whether every seed keeps the bounds: "holds", "fails", "too few seeds" or "only run small"."""
    if PROFILES.index(record.profile) < PROFILES.index(claim.profile):
        return "only run small", ""
    if not all(map(claim.keeps, record.values)):
        return "fails", ""  # more seeds could not mend it
    return ("holds", "") if len(record.seeds) >= claim.seeds else ("too few seeds", "")


def _bare(claim: Claim, effect: Interval) -> str:
    """The verdict of an interval alone."""
    if claim.side == "within":
        if -claim.least < effect.low and effect.high < claim.least:
            return "holds"
        return "fails" if effect.low > claim.least or effect.high < -claim.least else "undecided"
    effect = effect if claim.side == "above" else -effect
    if effect.low > 0 and effect.mean > claim.least:
        return "holds"
    return "fails" if effect.high < claim.least else "undecided"


def _beyond(claim: Claim, effect: Interval) -> bool:
    """Whether a mean is where the claim says that it is."""
    if claim.side == "within":
        return abs(effect.mean) < claim.least
    return (effect.mean if claim.side == "above" else -effect.mean) > claim.least


def _distance(claim: Claim, effect: Interval) -> float:
    """How small half the interval must be to decide, at this mean."""
    mean = abs(effect.mean) if claim.side == "within" else effect.mean if claim.side == "above" else -effect.mean
    if claim.side == "within":
        return abs(claim.least - mean)
    return mean if mean > claim.least else claim.least - mean if math.isfinite(mean) else 0.0
