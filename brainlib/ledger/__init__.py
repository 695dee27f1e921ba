"""Claims: what a paper says, what a run measured, and the verdict that follows.

The claims of a paper stand in `claims.toml` beside its chapters: a measure, the smallest effect that matters, a control
that must not show it. A chapter calls `record` with what it measured on every seed. The verdict is computed from the
mean and its 95 % interval and cannot be passed in. Exactness and counts are no science but checks: they stand in the
same file with a `bound`.
"""

from brainlib.ledger.claims import PROFILES, Bound, Check, Claim, FirstEdition, find_claims, read_claims
from brainlib.ledger.intervals import Interval, interval
from brainlib.ledger.records import MEASURES, Measured, Record, measures, read_records, record, write
from brainlib.ledger.verdicts import Verdict, leading

__all__ = [
    "MEASURES",
    "PROFILES",
    "Bound",
    "Check",
    "Claim",
    "FirstEdition",
    "Interval",
    "Measured",
    "Record",
    "Verdict",
    "find_claims",
    "interval",
    "leading",
    "measures",
    "read_claims",
    "read_records",
    "record",
    "write",
]
