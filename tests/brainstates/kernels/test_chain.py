"""Inference and its gradients against the enumeration of all paths; scaled against logarithms; bad input."""

import pytest
import torch
from hidden_chains import assert_same, chain, some_lengths, with_zeros
from refusals import refused

from brainlib.brainstates.kernels import (
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
def test_states_paths_and_gradients_are_those_of_all_paths(S, T, zeros, way):
    inputs = with_zeros(chain(3, T, S)) if zeros else chain(3, T, S)
    found, best = forward_backward(*inputs), viterbi(*inputs)
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    gradients = torch.autograd.grad(log_likelihood(*leaves).sum(), leaves)
    for b in range(3):
        assert_same(one(found, b), reference.enumerate_posterior(*one(inputs, b)), 1e-10)
        paths, log_joint = reference.all_paths(*one(inputs, b))
        assert best[b].equal(paths[log_joint.argmax()])
        counted = reference.all_paths(*one(leaves, b)).log_joint.logsumexp(0)
        expected = torch.autograd.grad(counted, leaves, allow_unused=True, materialize_grads=True)
        assert_same(one(gradients, b), one(expected, b), 1e-10)


def test_the_filter_is_the_posterior_of_what_came_so_far(way):
    inputs = chain(1, 6, 3)
    found = filter_states(*inputs)
    for t in range(6):
        past, *rest = one(inputs, 0)
        states, _, nats = reference.enumerate_posterior(past[: t + 1], *rest)
        torch.testing.assert_close(found.states[0, t], states[t], rtol=0, atol=1e-10)
    torch.testing.assert_close(found.log_likelihood[0], nats, rtol=0, atol=1e-10)


def test_paths_are_drawn_as_often_as_they_are_probable():
    inputs, samples = with_zeros(chain(2, 3, 5)), 2000
    inputs[0] *= 0.2
    found = sample_paths(*inputs, samples=samples, generator=torch.Generator().manual_seed(0))
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
def test_scaled_probabilities_are_the_logarithms(size, dtype, tolerance, careful):
    lengths = some_lengths(*size[:2])
    for inputs in (chain(*size, dtype), with_zeros(chain(*size, dtype))):
        found, filtered = (function(*inputs, lengths) for function in (forward_backward, filter_states))
        assert found.states.dtype == found.transitions.dtype == filtered.states.dtype == dtype
        assert found.log_likelihood.dtype == torch.float64
        assert_same(found, careful(*inputs, lengths), tolerance)
        assert_same(filtered, careful(*inputs, lengths, function=filter_states), tolerance)
        assert log_likelihood(*inputs, lengths).equal(filtered.log_likelihood)
        for b, length in enumerate(lengths):
            assert not found.states[b, length:].any() and not filtered.states[b, length:].any()


@pytest.mark.parametrize("size", SIZES)
def test_no_path_is_better_and_none_goes_on_beyond_its_trial(size):
    inputs, lengths = chain(*size), some_lengths(*size[:2])
    best = viterbi(*inputs, lengths)
    drawn = sample_paths(*inputs, lengths, samples=2, generator=torch.Generator().manual_seed(1))
    beyond = torch.arange(size[1]) >= lengths[:, None]
    assert best.eq(-1).equal(beyond) and drawn.eq(-1).equal(beyond.expand_as(drawn))
    for z, e, P, p, T in zip(best, *inputs, lengths.tolist(), strict=True):
        most = p + e[0]
        for e_t in e[1:T]:
            most = (most[:, None] + P).amax(0) + e_t
        found = p[z[0]] + e[torch.arange(T), z[:T]].sum() + P[z[: T - 1], z[1:T]].sum()
        torch.testing.assert_close(found, most.max(), rtol=1e-12, atol=0)


def test_threads_layout_and_shared_matrices_change_nothing(monkeypatch):
    log_emission, log_transition, log_initial = chain(40, 300, 3)
    model, lengths = (log_transition[0], log_initial[0]), some_lengths(40, 300)
    expected, paths = (function(log_emission, *model, lengths) for function in (forward_backward, viterbi))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    turned = log_emission.transpose(0, 1).contiguous().transpose(0, 1)
    each = [tensor.expand(40, *tensor.shape) for tensor in model]
    assert_same(forward_backward(turned, *each, lengths), expected, 0)
    assert viterbi(turned, *each, lengths).equal(paths)


# ---- Gradients ----


@pytest.mark.parametrize("shared", [False, True])
def test_fishers_identity_at_single_precision(shared):
    log_emission, *model = chain(4, 50, 3, torch.float32)
    model, lengths = [tensor[0] if shared else tensor for tensor in model], some_lengths(4, 50)
    leaves = [tensor.clone().requires_grad_() for tensor in (log_emission, *model)]
    found = torch.autograd.grad(2 * log_likelihood(*leaves, lengths).sum(), leaves)
    posterior = forward_backward(*leaves, lengths)
    assert not any(field.requires_grad for field in posterior)
    of_model = posterior.transitions, posterior.states[:, 0]
    for gradient, wanted in zip(found, (posterior.states, *(t.sum(0) if shared else t for t in of_model)), strict=True):
        torch.testing.assert_close(gradient, 2 * wanted)


def test_nothing_is_learned_from_the_impossible_and_a_second_derivative_is_refused():
    inputs = chain(2, 4, 3)
    inputs[0][0, 2] = -torch.inf
    leaves = [tensor.requires_grad_() for tensor in inputs]
    for gradient in torch.autograd.grad(log_likelihood(*leaves)[0], leaves):
        assert not gradient.any()
    d = torch.ones(2, dtype=torch.float64, requires_grad=True)
    first = torch.autograd.grad(log_likelihood(*leaves), leaves, d, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first[0].sum().backward()


def test_bad_tensors(unchecked):
    emission, transition, initial = chain(2, 4, 3)
    refused(r"log_emission: got shape \(4, 3\)", forward_backward, emission[0], transition, initial)
    refused("log_emission: got torch.float16", forward_backward, emission.half(), transition, initial)
    refused("log_transition: got torch.float32 on cpu", forward_backward, emission, transition.float(), initial)
    refused("log_transition: got probabilities whose sums", forward_backward, emission, transition.exp(), initial)
    refused(r"log_initial: got shape \(2, 1\)", forward_backward, emission, transition, initial[:, :1])


def test_bad_lengths(unchecked):
    refused("lengths: got 0 to 4, expected 1 to 4", forward_backward, *chain(2, 4, 3), torch.tensor([4, 0]))
    refused("lengths: got torch.int32", forward_backward, *chain(2, 4, 3), torch.tensor([4, 4], dtype=torch.int32))


@pytest.mark.parametrize("function", [forward_backward, filter_states, viterbi, log_likelihood, sample_paths])
def test_every_function_checks(function):
    inputs = chain(2, 4, 3)
    options = {"samples": 1, "generator": torch.Generator()} if function is sample_paths else {}
    for nonsense in (torch.nan, torch.inf):
        inputs[0][0, 0, 0] = nonsense
        refused("log_emission: got NaN or .inf", function, *inputs, **options)


def test_no_samples_and_no_such_implementation(unchecked):
    refused("samples: got 0", sample_paths, *chain(2, 4, 3), samples=0, generator=torch.Generator())
    refused("impl: got 'gpu', expected one of auto, cpu, triton", forward_backward, *chain(2, 4, 3), impl="gpu")
