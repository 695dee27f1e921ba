import inspect
import math

import pytest
import torch

from brainlib.brainstates.evaluation import agreement, dwell_times, population_bursts, summarise_states
from brainlib.data.trials import Trials

PATH = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 1, 2, -1, -1]])
LENGTHS = torch.tensor([6, 4])


def trials_of(*totals: list[int], bin_ms: float = 20.0) -> Trials:
    """The population's counts, spread over two neurons."""
    return Trials.from_sequences([torch.tensor([[n // 2, n - n // 2] for n in row]) for row in totals], bin_ms)


def test_dwell_times_by_hand():
    times = dwell_times(PATH, LENGTHS, 4, 20.0)
    assert [visits.tolist() for visits in times] == [[40, 20, 20], [60, 40], [20], []]


def test_a_state_that_goes_on_in_the_next_trial_is_another_visit():
    assert dwell_times(torch.tensor([[1, 1], [1, 0]]), torch.tensor([2, 2]), 2, 1.0)[1].tolist() == [2, 1]


def test_a_summary_by_hand():
    found = summarise_states(PATH, trials_of([0, 1, 5, 6, 7, 2], [3, 8, 4, 9]), 4)
    assert found.share.tolist() == pytest.approx([0.4, 0.5, 0.1, 0])
    assert found.visits.tolist() == [3, 2, 1, 0]
    assert found.dwell_ms[:3].tolist() == pytest.approx([80 / 3, 50, 20]) and found.dwell_ms[3].isnan()
    assert found.counts[:3].tolist() == pytest.approx([6 / 4, 6, 9]) and found.counts[3].isnan()


def test_dwell_times_of_a_chain_follow_its_transitions():
    """1 / (1 - pi_ss) bins on average."""
    generator = torch.Generator().manual_seed(0)
    leaves, path = torch.rand(40_000, generator=generator), [0]
    for chance in leaves[1:].tolist():
        path.append(1 - path[-1] if chance < (0.05, 0.2)[path[-1]] else path[-1])
    found = dwell_times(torch.tensor([path]), torch.tensor([40_000]), 2, 10.0)
    assert [times.mean().item() for times in found] == [pytest.approx(200, rel=0.05), pytest.approx(50, rel=0.05)]


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


def test_independent_bursts_and_states_do_not_agree():
    generator = torch.Generator().manual_seed(0)
    bursts, state = (torch.rand(10, 2000, generator=generator) < share for share in (0.3, 0.6))
    found = agreement(bursts, state, torch.full((10,), 2000))
    assert found.precision == pytest.approx(0.3, abs=0.02) and found.recall == pytest.approx(0.6, abs=0.02)
    assert found.phi == pytest.approx(0, abs=0.02)


def test_unfit_arguments():
    with pytest.raises(ValueError, match="path: got states 0 to 2, expected 0 to 1"):
        dwell_times(PATH, LENGTHS, 2, 1.0)
    with pytest.raises(ValueError, match="path: got states -1 to 2"):
        dwell_times(PATH, torch.tensor([6, 6]), 3, 1.0)
    with pytest.raises(ValueError, match=r"lengths: got \[6, 7\]"):
        dwell_times(PATH, torch.tensor([6, 7]), 3, 1.0)
    with pytest.raises(ValueError, match=r"path: got the shape \(2, 5\), expected \(2, 6\)"):
        summarise_states(PATH[:, :5], trials_of([0] * 6, [0] * 4), 3)
    with pytest.raises(ValueError, match="window: got 4, expected an odd number"):
        population_bursts(trials_of([1, 2]), window=4)
    with pytest.raises(ValueError, match=r"factor: got 0\.0"):
        population_bursts(trials_of([1, 2]), factor=0.0)
    with pytest.raises(ValueError, match="state: got the shape"):
        inspect.unwrap(agreement)(torch.ones(1, 2).bool(), torch.ones(1, 3).bool(), torch.tensor([2]))
