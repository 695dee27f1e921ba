"""The gradients of the log likelihood: finite differences, and autograd through the enumeration of all paths."""

import pytest
import torch
from hidden_chains import chain, some_lengths, with_zeros

from brainlib.brainstates.kernels import forward_backward, log_likelihood, reference


@pytest.mark.parametrize("impl", ["reference", "cpu"])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 6, 2), (2, 5, 4)])
def test_gradients_are_finite_differences(size, impl):
    leaves, lengths = [tensor.requires_grad_() for tensor in chain(*size)], some_lengths(*size[:2])
    assert torch.autograd.gradcheck(lambda *inputs: log_likelihood(*inputs, lengths, impl=impl), leaves)


def test_gradients_of_one_matrix_for_all_trials():
    log_emission, log_transition, log_initial = chain(3, 5, 3)
    leaves = [tensor.requires_grad_() for tensor in (log_emission, log_transition[0], log_initial[0])]
    assert torch.autograd.gradcheck(lambda *inputs: log_likelihood(*inputs, some_lengths(3, 5)), leaves)


@pytest.mark.parametrize("zeros", [False, True])
def test_gradients_are_those_of_all_paths(zeros):
    inputs = with_zeros(chain(1, 6, 3)) if zeros else chain(1, 6, 3)
    leaves = [tensor.requires_grad_() for tensor in inputs]
    found = torch.autograd.grad(log_likelihood(*leaves).sum(), leaves)
    _, log_joint = reference.all_paths(*(leaf[0] for leaf in leaves))
    expected = torch.autograd.grad(log_joint.logsumexp(0), leaves)
    for one, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(one, wanted, rtol=0, atol=1e-12)


def test_fishers_identity_at_single_precision():
    leaves, lengths = [tensor.requires_grad_() for tensor in chain(4, 50, 3, torch.float32)], some_lengths(4, 50)
    found = torch.autograd.grad(2 * log_likelihood(*leaves, lengths).sum(), leaves)
    posterior = forward_backward(*leaves, lengths)
    assert not any(field.requires_grad for field in posterior)
    for one, wanted in zip(found, (posterior.states, posterior.transitions, posterior.states[:, 0]), strict=True):
        assert one.dtype == torch.float32
        assert one.equal(2 * wanted)


def test_logits_learn_as_they_do_from_all_paths():
    """Behind a softmax, where moving the logarithms keeps the probabilities' sums at 1."""
    log_emission, *logits = chain(1, 5, 3)
    leaves = [tensor.requires_grad_() for tensor in logits]
    found = torch.autograd.grad(log_likelihood(log_emission, *(leaf.log_softmax(-1) for leaf in leaves)).sum(), leaves)
    _, log_joint = reference.all_paths(log_emission[0], *(leaf[0].log_softmax(-1) for leaf in leaves))
    expected = torch.autograd.grad(log_joint.logsumexp(0), leaves)
    for one, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(one, wanted, rtol=0, atol=1e-12)


def test_nothing_is_learned_from_the_impossible():
    log_emission, log_transition, log_initial = chain(2, 4, 3)
    log_emission[0, 2] = -torch.inf
    leaves = [tensor.requires_grad_() for tensor in (log_emission, log_transition, log_initial)]
    for gradient in torch.autograd.grad(log_likelihood(*leaves)[0], leaves):
        assert not gradient.any()


def test_a_second_derivative_is_refused():
    leaves = [tensor.requires_grad_() for tensor in chain(1, 4, 2)]
    d = torch.ones(1, dtype=torch.float64, requires_grad=True)
    first = torch.autograd.grad(log_likelihood(*leaves), leaves, d, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first[0].sum().backward()
