"""The features of a design, against loops; and input that does not fit."""

import pytest
import torch
from refusals import refused

from brainlib.brainstates.design import design, exponential_basis
from brainlib.data.trials import Trials
from chapters.brainstates import equations

RANDOM = torch.Generator().manual_seed(0)
TRIALS = Trials.from_sequences([torch.randint(0, 3, (length, 3), generator=RANDOM) for length in (9, 4)], bin_ms=1.0)
COUNTS = torch.randint(0, 4, (2, 23, 3), generator=RANDOM, dtype=torch.uint8)
TWO = torch.rand(7, 2, generator=RANDOM)


@pytest.mark.parametrize("basis", [exponential_basis(), TWO])
def test_features_are_those_of_three_loops(basis):
    trials = Trials.from_sequences([*COUNTS, 1000 * COUNTS[0].int()], bin_ms=1.0)  # beyond a byte
    features = design(trials, basis, dtype=torch.float64).features
    assert features.shape == (3, 23, 3 * basis.shape[1] + 1) and (features[..., -1] == 1).all()
    for b, counts in enumerate(trials.counts):
        for j, phi in enumerate(basis.T):
            loops = equations.history(counts, phi)
            torch.testing.assert_close(features[b, :, 3 * j : 3 * (j + 1)], loops, rtol=1e-14, atol=1e-14)


def test_the_official_exponential():
    published = torch.tensor([0.6364, 0.2341, 0.0861, 0.0317, 0.0117])
    torch.testing.assert_close(exponential_basis()[:, 0], published, rtol=0, atol=5e-5)
    assert exponential_basis(4, 0.0).flatten().tolist() == [0.25] * 4


def test_trials_picked():
    plan = design(TRIALS)
    assert plan.features.dtype == torch.float32 and torch.equal(plan.mask, TRIALS.mask)
    assert design(TRIALS, coupling=False).features.shape == (2, 9, 1)
    short = plan.pick([1])
    assert short.features.shape == (1, 4, 4) and short.lengths.tolist() == [4]
    assert torch.equal(short.features, design(TRIALS.pick([1])).features)
    assert torch.equal(plan.pick(torch.tensor([1, 0])).lengths, torch.tensor([4, 9]))


@pytest.mark.parametrize("indices", [[-1], torch.empty(0, dtype=torch.int64), torch.tensor([0, 7])])
def test_trials_that_are_not_there(indices):
    with pytest.raises(ValueError, match=r"indices: got .*, expected some of 0 to 1"):
        design(TRIALS).pick(indices)


def test_what_does_not_fit():
    refused(r"basis: got shape \(0, 1\), expected finite numbers of shape", design, TRIALS, torch.zeros(0, 1))
    refused("basis: got shape", design, TRIALS, torch.full((3, 1), float("nan")))
    refused("dtype: got torch.float16, expected torch.float32 or", design, TRIALS, dtype=torch.float16)
    refused("decay: got nan, expected a finite number", exponential_basis, 5, float("nan"))
