import pytest
import torch

from brainlib.brainstates.evaluation import match_states, reorder, state_accuracy
from brainlib.brainstates.parameters import Parameters

TRUE = torch.tensor([[0, 0, 1, 1, 2, 2], [2, 2, 2, 0, 9, 9]])
FOUND = torch.tensor([[1, 1, 2, 2, 0, 1], [0, 0, 0, 1, -1, -1]])  # 0 -> 1, 1 -> 2, 2 -> 0, but for one bin
LENGTHS = torch.tensor([6, 4])


def test_the_states_that_share_most_bins_are_matched():
    assert match_states(TRUE, FOUND, LENGTHS, 3).tolist() == [1, 2, 0]
    assert state_accuracy(TRUE, FOUND, LENGTHS, 3) == pytest.approx(9 / 10)


def test_more_states_than_true_ones():
    true, found = torch.tensor([[0, 0, 0, 1, 1]]), torch.tensor([[2, 2, 0, 1, 1]])
    assert state_accuracy(true, found, torch.tensor([5]), 3) == pytest.approx(4 / 5)
    assert match_states(true, found, torch.tensor([5]), 3).tolist() == [2, 1, 0]


def test_models_follow_the_permutation():
    permutation = match_states(TRUE, FOUND, LENGTHS, 3)
    weights = torch.arange(3.0).view(3, 1, 1).expand(3, 2, 4)
    transition = 10 * torch.arange(3.0)[:, None] + torch.arange(3.0)
    ordered = reorder(Parameters(weights, transition, torch.arange(3.0)), permutation)
    assert ordered.log_initial.tolist() == ordered.weights[:, 0, 0].tolist() == [1, 2, 0]
    assert ordered.log_transition.tolist() == [[11, 12, 10], [21, 22, 20], [1, 2, 0]]
    runs = reorder(Parameters(*(torch.stack((part, part)) for part in ordered)), permutation)
    assert runs.weights.shape == (2, 3, 2, 4) and runs.log_transition[1, 0].tolist() == [22, 20, 21]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"estimated": FOUND[:, :5]}, r"estimated: got the shape \(2, 5\), expected the trials's \(2, 6\)"),
        ({"lengths": torch.tensor([6])}, r"lengths: got \[6\], expected one of 1 to 6 bins for each of the 2 trials"),
        ({"lengths": torch.tensor([6, 5])}, "true: got states 0 to 9, expected 0 to 2"),
    ],
)
def test_unfit_arguments(unchecked, changed, message):
    given = {"true": TRUE, "estimated": FOUND, "lengths": LENGTHS, "states": 3} | changed
    with pytest.raises(ValueError, match=message):
        match_states(**given)


def test_what_is_no_permutation():
    parameters = Parameters(torch.zeros(2, 1, 2), torch.zeros(2, 2), torch.zeros(2))
    with pytest.raises(ValueError, match="expected the states 0 to 1"):
        reorder(parameters, torch.tensor([0, 2, 1]))
