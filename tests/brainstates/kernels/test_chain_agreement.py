"""Inference against the enumeration of all paths, and the compiled forms against loops over log probabilities."""

import pytest
import torch
from hidden_chains import assert_same, chain, some_lengths, with_zeros

from brainlib.brainstates.kernels import (
    cpu,
    filter_states,
    forward_backward,
    log_likelihood,
    reference,
    sample_paths,
    viterbi,
)

ENUMERATED = [(1, 1), (1, 5), (2, 1), (2, 9), (3, 6), (7, 3)]  # states, bins
SIZES = [(1, 1, 1), (1, 700, 3), (40, 30, 5), (5, 50, 20), (2, 40, 33), (3, 30, 64)]  # trials, bins, states


def one(inputs, b):
    return [tensor[b] for tensor in inputs]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("S, T", ENUMERATED)
def test_states_and_paths_are_those_of_all_paths(S, T, zeros, impl):
    inputs = with_zeros(chain(3, T, S)) if zeros else chain(3, T, S)
    found, best = forward_backward(*inputs, impl=impl), viterbi(*inputs, impl=impl)
    for b in range(3):
        assert_same(one(found, b), reference.enumerate_posterior(*one(inputs, b)), 1e-10)
        paths, log_joint = reference.all_paths(*one(inputs, b))
        assert best[b].equal(paths[log_joint.argmax()])


def test_the_filter_is_the_posterior_of_what_came_so_far(impl):
    inputs = chain(1, 6, 3)
    found = filter_states(*inputs, impl=impl)
    for t in range(6):
        past, *rest = one(inputs, 0)
        states, _, nats = reference.enumerate_posterior(past[: t + 1], *rest)
        torch.testing.assert_close(found.states[0, t], states[t], rtol=0, atol=1e-10)
    torch.testing.assert_close(found.log_likelihood[0], nats, rtol=0, atol=1e-10)


@pytest.mark.parametrize("impl", ["reference", "cpu"])
def test_paths_are_drawn_as_often_as_they_are_probable(impl):
    inputs, samples = with_zeros(chain(2, 3, 5)), 2000
    inputs[0] *= 0.2
    found = sample_paths(*inputs, samples=samples, generator=torch.Generator().manual_seed(0), impl=impl)
    for b in range(2):
        paths, log_joint = reference.all_paths(*one(inputs, b))
        expected = samples * (log_joint - log_joint.logsumexp(0)).exp()
        drawn = (found[:, b, None] == paths).all(-1).sum(0)
        assert drawn.sum() == samples and not drawn[expected == 0].any()
        likely = expected > 5
        chi_square = ((drawn - expected) ** 2 / expected)[likely].sum()
        freedom = int(likely.sum())
        assert freedom > 5 and chi_square < freedom + 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-6)])
def test_compiled_forms_are_the_loops(size, dtype, tolerance, way):
    inputs, lengths = chain(*size, dtype), some_lengths(*size[:2])
    exact = [tensor.double() for tensor in inputs]
    found, filtered = (function(*inputs, lengths, impl="cpu") for function in (forward_backward, filter_states))
    assert found.states.dtype == found.transitions.dtype == filtered.states.dtype == dtype
    assert found.log_likelihood.dtype == torch.float64
    assert_same(found, forward_backward(*exact, lengths, impl="reference"), tolerance)
    assert_same(filtered, filter_states(*exact, lengths, impl="reference"), tolerance)
    assert log_likelihood(*inputs, lengths, impl="cpu").equal(filtered.log_likelihood)
    for b, length in enumerate(lengths):
        assert not found.states[b, length:].any() and not filtered.states[b, length:].any()


@pytest.mark.parametrize("size", SIZES)
def test_best_paths_and_samples_are_those_of_the_loops(size):
    inputs, lengths = chain(*size), some_lengths(*size[:2])
    best = viterbi(*inputs, lengths, impl="cpu")
    assert best.equal(viterbi(*inputs, lengths, impl="reference"))
    drawn, expected = (
        sample_paths(*inputs, lengths, samples=2, generator=torch.Generator().manual_seed(1), impl=impl)
        for impl in ("cpu", "reference")
    )
    assert drawn.equal(expected)
    beyond = torch.arange(size[1]) >= lengths[:, None]
    assert best.eq(-1).equal(beyond) and drawn.eq(-1).equal(beyond.expand_as(drawn))


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-13), (torch.float32, 2e-6)])
@pytest.mark.parametrize("states", [4, 10])
def test_scaled_probabilities_and_logarithms_agree_closely(states, dtype, tolerance, monkeypatch):
    inputs, lengths = chain(3, 5000, states, dtype), torch.tensor([5000, 4097, 33])
    fast = forward_backward(*inputs, lengths, impl="cpu")
    monkeypatch.setattr(cpu, "LEAST", 0.5)
    careful = forward_backward(*(tensor.double() for tensor in inputs), lengths, impl="cpu")
    assert_same(fast, careful, tolerance)


def test_one_matrix_serves_all_trials():
    log_emission, log_transition, log_initial = chain(4, 20, 3)
    shared = log_transition[0], log_initial[0]
    each = [tensor.expand(4, *tensor.shape) for tensor in shared]
    assert_same(forward_backward(log_emission, *shared), forward_backward(log_emission, *each), 0)


def test_another_layout_of_memory():
    inputs = chain(5, 30, 4)
    turned = [tensor.transpose(0, 1).contiguous().transpose(0, 1) for tensor in inputs]
    assert_same(forward_backward(*turned), forward_backward(*inputs), 0)


def test_threads_change_nothing(monkeypatch):
    inputs, lengths = chain(40, 300, 3), some_lengths(40, 300)
    expected = forward_backward(*inputs, lengths), viterbi(*inputs, lengths)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert_same(forward_backward(*inputs, lengths), expected[0], 0)
    assert viterbi(*inputs, lengths).equal(expected[1])
