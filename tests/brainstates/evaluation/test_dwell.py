import pytest
import torch

from brainlib.brainstates.evaluation import dwell_times, summarise_states
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


def test_unfit_arguments():
    with pytest.raises(ValueError, match="path: got states 0 to 2, expected 0 to 1"):
        dwell_times(PATH, LENGTHS, 2, 1.0)
    with pytest.raises(ValueError, match="path: got states -1 to 2"):
        dwell_times(PATH, torch.tensor([6, 6]), 3, 1.0)
    with pytest.raises(ValueError, match=r"lengths: got \[6, 7\]"):
        dwell_times(PATH, torch.tensor([6, 7]), 3, 1.0)
    with pytest.raises(ValueError, match=r"path: got the shape \(2, 5\), expected \(2, 6\)"):
        summarise_states(PATH[:, :5], trials_of([0] * 6, [0] * 4), 3)
