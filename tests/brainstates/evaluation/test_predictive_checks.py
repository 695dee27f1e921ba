import pytest
import torch
from small_brains import one_state, record, switching

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import check, interspike_intervals, rates
from brainlib.data.trials import Trials


def test_rates_by_hand():
    trials = Trials.from_sequences([torch.tensor([[1, 0], [2, 0]]), torch.tensor([[0, 1]])], 100.0)
    assert rates(trials).tolist() == pytest.approx([10, 1 / 0.3])


def test_intervals_by_hand():
    first = torch.tensor([[1, 0], [0, 1], [3, 1], [0, 0], [0, 0], [0, 0], [1, 1]])
    second = torch.tensor([[1, 0], [1, 1]])
    found = interspike_intervals(Trials.from_sequences([first, second], 1.0), 3)
    # neuron 0: 0 to 2, two in bin 2, 2 to 6 (4, above the longest), then 1; neuron 1: 1 to 2, 2 to 6
    assert found.tolist() == [[2, 1, 1, 1], [0, 1, 0, 1]]


def test_intervals_of_a_poisson_train_fall_as_a_geometric_distribution():
    spikes = torch.rand(1, 100_000, 1, generator=torch.Generator().manual_seed(0)) < 0.2
    found = interspike_intervals(Trials.from_sequences([spikes[0].int()], 1.0), 40)[0].double()
    expected = 0.2 * 0.8 ** torch.arange(5)
    assert (found / found.sum())[1:6].tolist() == pytest.approx(expected.tolist(), abs=0.01)


def test_a_recording_among_replicates():
    replicated = torch.arange(1.0, 100.0)[:, None].expand(99, 3)
    found = check(torch.tensor([50.0, 99.0, 200.0]), replicated, share=0.5)
    assert found.low.tolist() == pytest.approx([25.5] * 3) and found.high.tolist() == pytest.approx([74.5] * 3)
    assert found.p.tolist() == pytest.approx([1, 2 * 2 / 100, 2 / 100])


@pytest.mark.parametrize("model", [switching(), one_state(switching(), 1)], ids=["true", "one state"])
def test_a_model_is_checked_by_what_it_simulates(model):
    recorded, _ = record(switching(), Emission(), 4, 500)
    replicates = [record(model, Emission(), 4, 500, seed)[0] for seed in range(10, 50)]
    of_rates = check(rates(recorded), torch.stack([rates(each) for each in replicates]))
    shares = [(found / found.sum(1, keepdim=True)).double() for found in map(intervals, (recorded, *replicates))]
    of_intervals = check(shares[0], torch.stack(shares[1:]))
    least = torch.cat((of_rates.p, of_intervals.p.flatten())).min()
    expected = 2 / 41
    assert (least == pytest.approx(expected)) == (len(model.weights) == 1)


def intervals(trials: Trials) -> torch.Tensor:
    return interspike_intervals(trials, 4)


def test_unfit_arguments():
    trials = Trials.from_sequences([torch.ones(3, 1)], 1.0)
    with pytest.raises(ValueError, match="longest: got 0"):
        interspike_intervals(trials, 0)
    with pytest.raises(ValueError, match=r"share: got 1\.0"):
        check(torch.zeros(2), torch.zeros(3, 2), share=1.0)
    with pytest.raises(ValueError, match=r"replicated: got the shape \(0, 2\), expected \('replicates', 2\)"):
        check(torch.zeros(2), torch.zeros(0, 2))
