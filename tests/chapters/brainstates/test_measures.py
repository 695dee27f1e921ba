"""What tiny runs give has a value for each data set."""

import pytest

from brainlib.ledger import MEASURES
from chapters.brainstates import demo, measures
from chapters.brainstates.demo import Demo

pytestmark = pytest.mark.usefixtures("runs_here")


@pytest.fixture(autouse=True)
def tiny_demo(monkeypatch):
    sizes = Demo(2, states=2, neurons=4, bins=100, train=3, test=2, epochs=1, steps=2, iterations=3, restarts=1)
    monkeypatch.setitem(demo.DEMOS, "tiny", sizes)


@pytest.mark.parametrize("function", [measures.demonstration, measures.seconds_of_em])
def test_a_value_for_each_data_set(function):
    values = function("tiny", 1, "cpu")
    assert set(values) <= {claim for claim, measured in MEASURES.items() if measured is function}
    assert all(len(each) == 2 and all(isinstance(v, float) for v in each) for each in values.values())
