"""Every claim of the part is measured, and what is measured is one number a seed."""

from pathlib import Path

import pytest

from brainlib import ledger
from chapters.astrosnn import measures

CLAIMS = ledger.read_claims(Path(__file__).parents[3] / "chapters" / "astrosnn" / "claims.toml")


def test_every_claim_has_a_measure():
    assert {claim for claim, measure in ledger.MEASURES.items() if measure.__module__ == measures.__name__} == set(
        CLAIMS
    )


@pytest.mark.parametrize("measure", [measures.forms, measures.left, measures.calcium, measures.bare_matrices])
def test_a_measure_gives_a_number_for_each_of_three_seeds(measure):
    for claim, values in measure("ci", 1, "cpu").items():
        assert ledger.MEASURES[claim] is measure
        assert len(values) == 3 and all(isinstance(value, float | int) for value in values)
