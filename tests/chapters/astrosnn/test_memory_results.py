import pytest

from chapters.astrosnn.memory_results import accuracies, exponent, facts, lead, merged, remaining


def one(accuracy, slowest=2.0):
    return {"accuracy": {"4": accuracy, "8": accuracy / 2}, "networks": {"all": {"slowest": slowest}}}


FOUND = {
    "AM-SU": {"10": one(0.9, 100.0), "2": one(1.0, 100.0)},
    "LIF": {"2": one(0.2), "10": one(0.3)},
    "GRU": {"2": one(0.5, None), "10": one(0.1, None)},
}


def test_accuracies_come_in_the_order_of_the_seeds():
    assert accuracies(FOUND, "AM-SU", 4) == [1.0, 0.9]
    assert accuracies(FOUND, "AM-SU", 16) == accuracies(FOUND, "RWKV", 4) == []


def test_the_lead_is_over_the_best_of_the_others_seed_by_seed():
    assert lead(FOUND, 4, "AM-SU", ("LIF", "GRU", "RWKV")) == pytest.approx([0.5, 0.6])
    assert (
        lead(FOUND, 4, "AM-SU", ("RWKV",)) == lead(FOUND, 4, "RWKV", ("LIF",)) == lead(FOUND, 9, "LIF", ("GRU",)) == []
    )


def test_runs_are_merged_seed_by_seed():
    runs = [{"LIF": {"0": one(0.5)}}, {"LIF": {"1": one(0.6)}, "GRU": {"1": one(0.7)}}]
    assert accuracies(merged(runs), "LIF", 4) == [0.5, 0.6] and list(merged(runs)) == ["LIF", "GRU"]


def test_a_trace_decays_with_the_slowest_time_constant():
    assert remaining(FOUND, "LIF", 3) == pytest.approx(0.5**4)
    assert remaining(FOUND, "AM-SU", 9) == pytest.approx(0.99**10)
    assert remaining(FOUND, "GRU", 3) is None and facts(FOUND, "GRU", "slowest") == [None, None]


def test_the_exponent_of_a_power_law():
    assert exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
    for points in (([1], [2]), ([1, 2], [0, 3]), ([1, 2], [1, 2, 3])):
        with pytest.raises(ValueError, match=r"numbers: got .*, expected two points or more, all above 0"):
            exponent(*points)
