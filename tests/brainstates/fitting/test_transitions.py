import math

import pytest
import torch

from brainlib.brainstates.fitting.transitions import most_likely_transitions

UNIFORM = torch.full((3, 3), -math.log(3), dtype=torch.float64)


def test_without_a_floor_they_are_the_shares():
    expected = torch.tensor([[3.0, 1.0, 0.0], [2.0, 2.0, 4.0], [0.0, 0.0, 5.0]], dtype=torch.float64)
    found = most_likely_transitions(expected, UNIFORM, 0.0)
    torch.testing.assert_close(found.exp(), expected / expected.sum(1, keepdim=True))


@pytest.mark.parametrize("floor", [math.exp(-8), 0.02, 0.1])
def test_no_other_transitions_above_the_floor_are_more_likely(floor):
    generator = torch.Generator().manual_seed(0)
    expected = torch.rand(200, 4, 4, generator=generator, dtype=torch.float64).pow(8) * 100
    found = most_likely_transitions(expected, UNIFORM[:1, :1].expand(200, 4, 4), floor)
    probability = found.exp()
    assert probability.min() >= floor * (1 - 1e-12)
    torch.testing.assert_close(probability.sum(-1), torch.ones(200, 4, dtype=torch.float64))
    likelihood = (expected * found).sum(-1)
    for _ in range(50):
        other = torch.rand(200, 4, 4, generator=generator, dtype=torch.float64).pow(4)
        other = floor + (1 - 4 * floor) * other / other.sum(-1, keepdim=True)
        for share in (1.0, 0.01):  # far and near
            mixed = (1 - share) * probability + share * other
            assert ((expected * mixed.log()).sum(-1) <= likelihood + 1e-9).all()


def test_a_state_that_was_never_left_keeps_its_row():
    expected = torch.tensor([[3.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    assert torch.equal(most_likely_transitions(expected, UNIFORM, 0.01)[1], UNIFORM[1])


def test_one_state_stays():
    assert most_likely_transitions(torch.full((1, 1), 7.0), torch.zeros(1, 1), math.exp(-8)).exp() == 1
