"""What is measured is one number a seed."""

import pytest

from brainlib import ledger
from chapters.astrosnn import measures


@pytest.mark.parametrize("measure", [measures.forms, measures.left, measures.calcium, measures.bare_matrices])
def test_a_measure_gives_a_number_for_each_of_three_seeds(measure):
    for claim, values in measure("ci", 1, "cpu").items():
        assert ledger.MEASURES[claim] is measure
        assert len(values) == 3 and all(isinstance(value, float | int) for value in values)
