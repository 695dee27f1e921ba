"""Inference and its gradients against the enumeration of all paths; where small numbers go wrong; bad input."""

import math

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
    refused("once_differentiable", first[0].sum().backward, error=RuntimeError)


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
