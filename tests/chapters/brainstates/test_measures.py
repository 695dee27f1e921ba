"""What tiny runs give has a value for each data set."""

import pytest

from brainlib.ledger import MEASURES
from chapters.brainstates import measures, priors

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.mark.parametrize("function", [measures.table_1])
def test_a_value_for_each_data_set(function):
    values = function("tiny", 1, "cpu")
    assert set(values) <= {claim for claim, measured in MEASURES.items() if measured is function}
    assert all(len(each) == 2 and all(isinstance(v, float) for v in each) for each in values.values())


def test_sweeps_are_compared_at_their_ends():
    few, more = measures.few_sequences("tiny", 0, "cpu"), measures.more_neurons("tiny", 0, "cpu")
    lead = priors.difference(priors.run("trials", "tiny", 0), "log_likelihood", "OHG", "HG")
    assert few["H5"] == lead.loc[1].tolist() and few["H5-fades"] == (lead.loc[3] / lead.loc[1]).tolist()
    assert len(more["H11"]) == len(more["H11-ll"]) == 1
