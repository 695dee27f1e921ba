"""The layout of a design, and input that does not fit."""

import pytest
import torch

from brainlib.brainstates import reference
from brainlib.brainstates.design import design
from brainlib.brainstates.history import exponential_basis, identity_basis
from brainlib.data.trials import Trials

RANDOM = torch.Generator().manual_seed(0)
TRIALS = Trials.from_sequences([torch.randint(0, 3, (length, 3), generator=RANDOM) for length in (9, 4)], bin_ms=1.0)
STIMULI = torch.randn(2, 9, 2, generator=RANDOM)


def test_by_default_history_and_a_bias():
    plan = design(TRIALS)
    assert plan.features.shape == (2, 9, 4) and plan.features.dtype == torch.float32
    assert plan.counts is TRIALS.counts and plan.lengths is TRIALS.lengths
    assert plan.allowed.all() and plan.allowed.shape == (3, 4)
    assert torch.equal(plan.mask, TRIALS.mask)
    assert (plan.features[..., -1] == 1).all()
    for b in range(2):
        loops = reference.history(TRIALS.counts[b], exponential_basis()[:, 0])
        torch.testing.assert_close(plan.features[b, :, :3], loops.float())


def test_history_then_refractory_then_stimuli_then_bias():
    basis, own = exponential_basis(), identity_basis(2)
    plan = design(TRIALS, basis, self_coupling=False, refractory=own, stimuli=STIMULI, dtype=torch.float64)
    assert plan.features.shape == (2, 9, 3 + 6 + 2 + 1) and plan.features.dtype == torch.float64
    counts = TRIALS.counts.double()
    assert torch.equal(plan.features[:, 1:, 3:6], counts[:, :-1]) and (plan.features[:, 0, 3:9] == 0).all()
    assert torch.equal(plan.features[:, 2:, 6:9], counts[:, :-2]) and (plan.features[:, 1, 6:9] == 0).all()
    assert torch.equal(plan.features[0, :, 9:11], STIMULI[0].double())
    assert torch.equal(plan.features[1, :4, 9:11], STIMULI[1, :4].double())
    assert (plan.features[1, 4:, 9:11] == 0).all()
    eye = torch.eye(3, dtype=torch.bool)
    expected = torch.cat([~eye, eye, eye, torch.ones(3, 3, dtype=torch.bool)], dim=1)
    assert torch.equal(plan.allowed, expected)


def test_several_functions():
    plan = design(TRIALS, identity_basis(2), self_coupling=False)
    eye = torch.eye(3, dtype=torch.bool)
    assert torch.equal(plan.allowed, torch.cat([~eye, ~eye, eye[:, :1] | True], dim=1))


def test_without_coupling():
    assert design(TRIALS, coupling=False).features.shape == (2, 9, 1)
    plan = design(TRIALS, coupling=False, refractory=exponential_basis(), stimuli=STIMULI)
    assert plan.features.shape == (2, 9, 3 + 2 + 1)
    assert torch.equal(plan.allowed[:, :3], torch.eye(3, dtype=torch.bool)) and plan.allowed[:, 3:].all()


def test_trials_picked():
    plan = design(TRIALS, stimuli=STIMULI)
    short = plan.pick([1])
    assert short.features.shape == (1, 4, 6) and short.lengths.tolist() == [4]
    assert torch.equal(short.counts, TRIALS.pick([1]).counts)
    again = design(TRIALS.pick([1]), stimuli=STIMULI[1:, :4])
    assert torch.equal(short.features, again.features)
    assert torch.equal(plan.pick(torch.tensor([1, 0])).lengths, torch.tensor([4, 9]))


@pytest.mark.parametrize("indices", [[2], [-1], [], torch.empty(0, dtype=torch.int64), torch.tensor([0, 7])])
def test_trials_that_are_not_there(indices):
    with pytest.raises(ValueError, match=r"indices: got .*, expected some of 0 to 1"):
        design(TRIALS).pick(indices)


def test_stimuli_may_be_anything_beyond_a_trial():
    stimuli = STIMULI.clone()
    stimuli[1, 4:] = float("nan")
    assert torch.equal(design(TRIALS, stimuli=stimuli).features, design(TRIALS, stimuli=STIMULI).features)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stimuli": STIMULI.index_fill(1, torch.tensor([3]), float("nan"))}, "stimuli: got NaN or infinite values"),
        ({"stimuli": STIMULI.index_fill(2, torch.tensor([1]), float("inf"))}, "stimuli: got NaN or infinite values"),
        ({"stimuli": STIMULI[:, 1:]}, r"stimuli: got shape \(2, 8, 2\), expected \(2, 9, covariates\)"),
        ({"stimuli": STIMULI[:1]}, r"stimuli: got shape \(1, 9, 2\), expected \(2, 9, covariates\)"),
        ({"basis": torch.zeros(0, 1)}, r"basis: got shape \(0, 1\), expected finite numbers of shape"),
        ({"basis": torch.full((3, 1), float("nan"))}, "basis: got shape"),
        ({"refractory": torch.full((3, 1), float("inf"))}, r"refractory: got shape \(3, 1\), expected finite numbers"),
        ({"dtype": torch.float16}, "dtype: got torch.float16, expected torch.float32 or torch.float64"),
    ],
)
def test_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        design(TRIALS, **arguments)
