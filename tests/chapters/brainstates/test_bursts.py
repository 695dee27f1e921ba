import math

import pytest
import torch

from brainlib.data.trials import Trials
from chapters.brainstates.states import agreement, interspike_intervals, population_bursts

LENGTHS = torch.tensor([6, 4])


def trials_of(*totals: list[int], bin_ms: float = 20.0) -> Trials:
    """The population's counts, spread over two neurons."""
    return Trials.from_sequences([torch.tensor([[n // 2, n - n // 2] for n in row]) for row in totals], bin_ms)


def test_bursts_by_hand():
    trials = trials_of([0, 0, 9, 9, 0, 0], [0, 6, 0])  # 24 spikes in 9 bins
    assert population_bursts(trials, window=1).int().tolist() == [[0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 0, 0]]
    # averages over 3 bins: 0, 3, 6, 6, 3, 0 and, with 2 bins at the ends, 3, 2, 3; the mean is 8/3
    assert population_bursts(trials, window=3).int().tolist() == [[0, 1, 1, 1, 1, 0], [1, 0, 1, 0, 0, 0]]
    assert population_bursts(trials, factor=2.0, window=3).int().tolist() == [[0, 0, 1, 1, 0, 0], [0] * 6]


def test_a_silent_population_has_no_bursts():
    assert not population_bursts(trials_of([0, 0, 0])).any()


def test_agreement_by_hand():
    bursts = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 1, 0, 0, 1, 1]]).bool()
    state = torch.tensor([[0, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 0]]).bool()
    found = agreement(bursts, state, LENGTHS)  # 3 both, 1 burst alone, 2 state alone, 4 neither
    assert found.precision == pytest.approx(3 / 5) and found.recall == pytest.approx(3 / 4)
    assert found.phi == pytest.approx((3 * 4 - 1 * 2) / math.sqrt(5 * 5 * 4 * 6))
    assert agreement(bursts, bursts, LENGTHS) == (1, 1, pytest.approx(1))
    assert agreement(bursts, ~bursts, LENGTHS) == (0, 0, pytest.approx(-1))
    nothing = agreement(bursts, torch.zeros_like(bursts), LENGTHS)
    assert nothing.recall == 0 and math.isnan(nothing.precision) and math.isnan(nothing.phi)


def test_intervals_by_hand():
    first = torch.tensor([[1, 0], [0, 1], [3, 1], [0, 0], [0, 0], [0, 0], [1, 1]])
    second = torch.tensor([[1, 0], [1, 1]])
    intervals = interspike_intervals(Trials.from_sequences([first, second], 1.0), 3)
    # neuron 0: 0 to 2, two in bin 2, 2 to 6 (4, above the longest), then 1; neuron 1: 1 to 2, 2 to 6
    assert intervals.tolist() == [[2, 1, 1, 1], [0, 1, 0, 1]]


def test_unfit_arguments():
    with pytest.raises(ValueError, match="window: got 4, expected an odd number"):
        population_bursts(trials_of([1, 2]), window=4)
    with pytest.raises(ValueError, match=r"factor: got 0\.0"):
        population_bursts(trials_of([1, 2]), factor=0.0)
