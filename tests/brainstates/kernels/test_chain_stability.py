"""Where sums of products of many small numbers go wrong: long recordings, impossible things, strong evidence."""

import math

import pytest
import torch
from hidden_chains import assert_same, chain, some_lengths, with_zeros

from brainlib.brainstates.kernels import filter_states, forward_backward, log_likelihood, sample_paths, viterbi


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 2e-11), (torch.float32, 5e-6)])
def test_a_million_bins(dtype, tolerance, careful):
    """A log probability of -10,000 is known to 2e-12 in double precision, and to 1e-3 in single."""
    inputs = chain(1, 1_000_000, 2, dtype)
    inputs[0] -= 1e4 * torch.rand(1_000_000, 1, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = forward_backward(*inputs)
    assert_same(found, careful(*inputs), tolerance)
    torch.testing.assert_close(found.states.double().sum(-1), torch.ones(1, 1_000_000).double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_evidence_of_ten_thousand_nats(way, dtype, careful):
    inputs = chain(3, 60, 5, dtype)
    inputs[0] = 1e4 * inputs[0].double().round().to(dtype) - 1e4
    found = forward_backward(*inputs)
    tolerance = 2e-6 if dtype == torch.float32 else 1e-10
    assert_same(found, careful(*inputs), tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_only_state_that_can_be_reached_may_be_the_least_likely(way, dtype):
    """Divided by the largest of its bin its likelihood is exp(-10,000): 0 in every float."""
    log_emission = torch.tensor([[[0.0, -1e4], [-1e4, -3e4], [-1e4, 0.0]]], dtype=dtype)
    model = torch.eye(2, dtype=dtype).log(), torch.tensor([0.5, 0.5], dtype=dtype).log()
    found = forward_backward(log_emission, *model)
    assert found.states.equal(torch.tensor([[[1.0, 0], [1, 0], [1, 0]]], dtype=dtype))
    torch.testing.assert_close(found.log_likelihood, torch.tensor([-2e4 - math.log(2)]).double())
    assert viterbi(log_emission, *model).eq(0).all()
    model = torch.full((2, 2), 0.5, dtype=dtype).log(), torch.tensor([1.0, 0.0], dtype=dtype).log()
    found = forward_backward(torch.tensor([[[-1e4, 0.0]]], dtype=dtype), *model)
    assert found.states.equal(torch.tensor([[[1.0, 0.0]]], dtype=dtype)) and found.log_likelihood.item() == -1e4


@pytest.mark.parametrize("least", [-19.9, -20.1, -200.0])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 3e-6)])
def test_rare_transitions_that_the_evidence_demands(least, dtype, tolerance, careful):
    """A jump is as improbable as scaled probabilities allow, or more; the evidence demands one every four bins."""
    same = torch.eye(3, dtype=torch.bool)
    log_transition = torch.where(same, math.log1p(-2 * math.exp(least)), least).to(dtype)
    demanded = (torch.arange(300) // 4) % 3
    for nats in (15.0, 90.0, 2000.0):
        log_emission = -nats * (demanded[:, None] != torch.arange(3)).to(dtype)[None]
        inputs = log_emission, log_transition, torch.full((3,), 1 / 3, dtype=dtype).log()
        found = forward_backward(*inputs)
        assert_same(found, careful(*inputs), tolerance)
        assert found.states.argmax(-1)[0].equal(demanded) or nats == 15


@pytest.mark.parametrize("zeros", [False, True])
def test_the_impossible_has_no_states(way, zeros):
    inputs = with_zeros(chain(4, 30, 4)) if zeros else chain(4, 30, 4)
    expected = forward_backward(*inputs)
    inputs[0][1, 17] = inputs[0][2, 0] = -torch.inf
    impossible, possible = torch.tensor([1, 2]), torch.tensor([0, 3])
    found, filtered = (function(*inputs) for function in (forward_backward, filter_states))
    assert_same([field[possible] for field in found], [field[possible] for field in expected], 0)
    assert not found.states[impossible].any() and not found.transitions[impossible].any()
    torch.testing.assert_close(filtered.states[1, :17].sum(-1), torch.ones(17).double())
    assert not filtered.states[1, 17:].any() and not filtered.states[2].any()
    for nats in (found.log_likelihood, filtered.log_likelihood, log_likelihood(*inputs)):
        assert nats.isinf().tolist() == [False, True, True, False]
    drawn = sample_paths(*inputs, samples=2, generator=torch.Generator().manual_seed(0))
    for paths in (viterbi(*inputs), *drawn):
        assert paths[impossible].eq(-1).all() and paths[possible].ge(0).all()


def test_what_lies_beyond_a_trial_is_not_looked_at(poisoned, way):
    inputs, lengths = chain(21, 70, 3), some_lengths(21, 70)
    lengths[0] = 69

    def everything():
        return *forward_backward(*inputs, lengths), *filter_states(*inputs, lengths), viterbi(*inputs, lengths)

    expected = everything()
    for nonsense in (torch.nan, torch.inf, -torch.inf, 1e300):
        for b, length in enumerate(lengths):
            inputs[0][b, length:] = nonsense
        assert all(map(torch.equal, everything(), expected))
