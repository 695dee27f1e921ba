"""Where sums of products of many small numbers go wrong: long recordings, impossible things, strong evidence."""

import math

import pytest
import torch
from hidden_chains import assert_same, chain, some_lengths, with_zeros

from brainlib.brainstates.kernels import cpu, filter_states, forward_backward, log_likelihood, sample_paths, viterbi


@pytest.fixture
def careful(monkeypatch):
    """Inference by the compiled loops over log probabilities alone."""

    def infer(*inputs, **options):
        with monkeypatch.context() as patch:
            patch.setattr(cpu, "LEAST", 0.5)
            return forward_backward(*(tensor.double() for tensor in inputs), impl="cpu", **options)

    return infer


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 2e-11), (torch.float32, 5e-6)])
def test_a_million_bins(dtype, tolerance, careful):
    """A log probability of -10,000 is known to 2e-12 in double precision, and to 1e-3 in single."""
    inputs = chain(1, 1_000_000, 2, dtype)
    inputs[0] -= 1e4 * torch.rand(1_000_000, 1, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = forward_backward(*inputs, impl="cpu")
    assert_same(found, careful(*inputs), tolerance)
    torch.testing.assert_close(found.states.double().sum(-1), torch.ones(1, 1_000_000).double(), rtol=0, atol=1e-6)
    assert abs(float(found.transitions.double().sum()) / 999_999 - 1) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_evidence_of_ten_thousand_nats(impl, dtype, careful):
    """The loops' messages grow to a million nats, known to 1e-10; the others stay near 0."""
    inputs = chain(3, 60, 5, dtype)
    inputs[0] = 1e4 * inputs[0].double().round().to(dtype) - 1e4
    found = forward_backward(*inputs, impl=impl)
    tolerance = 2e-6 if dtype == torch.float32 else {"reference": 1e-8, "cpu": 1e-10}[impl]
    assert_same(found, careful(*inputs), tolerance)
    torch.testing.assert_close(found.states.sum(-1), torch.ones(3, 60, dtype=dtype), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_only_state_that_can_be_reached_may_be_the_least_likely(impl, dtype):
    """Divided by the largest of its bin its likelihood is exp(-10,000): 0 in every float."""
    log_emission = torch.tensor([[[0.0, -1e4], [-1e4, 0.0], [-1e4, 0.0]]], dtype=dtype)
    log_transition, log_initial = torch.eye(2, dtype=dtype).log(), torch.tensor([0.5, 0.5], dtype=dtype).log()
    found = forward_backward(log_emission, log_transition, log_initial, impl=impl)
    assert found.states.equal(torch.tensor([[[0.0, 1], [0, 1], [0, 1]]], dtype=dtype))
    log_emission[0, 1] = torch.tensor([-1e4, -3e4])
    found = forward_backward(log_emission, log_transition, log_initial, impl=impl)
    assert found.states.equal(torch.tensor([[[1.0, 0], [1, 0], [1, 0]]], dtype=dtype))
    torch.testing.assert_close(found.log_likelihood, torch.tensor([-2e4 - math.log(2)]).double())
    assert viterbi(log_emission, log_transition, log_initial, impl=impl).eq(0).all()
    first = torch.tensor([1.0, 0.0], dtype=dtype).log()
    mixing = torch.full((2, 2), 0.5, dtype=dtype).log()
    found = forward_backward(torch.tensor([[[-1e4, 0.0]]], dtype=dtype), mixing, first, impl=impl)
    assert found.states.equal(torch.tensor([[[1.0, 0.0]]], dtype=dtype)) and found.log_likelihood.item() == -1e4


@pytest.mark.parametrize("least", [-20.0, -29.0, -31.0, -200.0])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-11), (torch.float32, 3e-6)])
def test_rare_transitions_that_the_evidence_demands(least, dtype, tolerance, careful, way):
    """A jump is as improbable as scaled probabilities allow, or more; the evidence demands one every four bins."""
    jump = torch.tensor(least, dtype=torch.float64)
    off = jump + (torch.eye(3).double() * -torch.inf).nan_to_num(0, 0, -torch.inf)
    log_transition = torch.where(torch.eye(3, dtype=torch.bool), (-2 * jump.exp()).log1p(), off).to(dtype)
    demanded = (torch.arange(300) // 4) % 3
    for nats in (15.0, 90.0, 2000.0):
        log_emission = -nats * (demanded[:, None] != torch.arange(3)).to(dtype)[None]
        inputs = log_emission, log_transition, torch.full((3,), 1 / 3, dtype=dtype).log()
        found = forward_backward(*inputs, impl="cpu")
        assert_same(found, careful(*inputs), tolerance)
        assert found.states.argmax(-1)[0].equal(demanded) or nats == 15


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-6)])
def test_a_chain_from_left_to_right(dtype, tolerance):
    log_emission, *_ = chain(4, 40, 6, dtype)
    matrix = 0.8 * torch.eye(6, dtype=dtype) + 0.2 * torch.diag(torch.ones(5, dtype=dtype), 1)
    matrix[5, 5] = 1
    inputs = log_emission, matrix.log(), torch.eye(6, dtype=dtype)[0].log()
    lengths = torch.tensor([40, 1, 6, 23])
    expected = forward_backward(*(tensor.double() for tensor in inputs), lengths, impl="reference")
    found = forward_backward(*inputs, lengths, impl="cpu")
    assert_same(found, expected, tolerance)
    assert not found.transitions[:, matrix == 0].any()
    paths = sample_paths(*inputs, lengths, samples=3, generator=torch.Generator().manual_seed(0), impl="cpu")
    for path in (*paths, viterbi(*inputs, lengths, impl="cpu")):
        for one, length in zip(path, lengths, strict=True):
            assert one[0] == 0 and ((one[1:length] - one[: length - 1]) >= 0).all() and one[:length].max() < 6


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_impossible_has_no_states(impl, zeros, dtype):
    inputs = chain(4, 30, 4, dtype)
    inputs = with_zeros(inputs) if zeros else inputs
    expected = forward_backward(*inputs, impl=impl)
    inputs[0][1, 17] = -torch.inf
    inputs[0][2, 0] = -torch.inf
    found = forward_backward(*inputs, impl=impl)
    assert found.log_likelihood.isinf().tolist() == [False, True, True, False]
    assert not found.states[1:3].any() and not found.transitions[1:3].any()
    possible = torch.tensor([0, 3])
    assert_same([f[possible] for f in found], [f[possible] for f in expected], 0)
    filtered = filter_states(*inputs, impl=impl)
    assert filtered.log_likelihood.isinf().tolist() == [False, True, True, False]
    torch.testing.assert_close(filtered.states[1, :17].sum(-1), torch.ones(17, dtype=dtype))
    assert not filtered.states[1, 17:].any() and not filtered.states[2].any()
    assert viterbi(*inputs, impl=impl)[1:3].eq(-1).all()
    paths = sample_paths(*inputs, samples=2, generator=torch.Generator().manual_seed(0), impl=impl)
    assert paths[:, 1:3].eq(-1).all() and paths[:, possible].ge(0).all()
    assert log_likelihood(*inputs, impl=impl).isinf().tolist() == [False, True, True, False]


def test_what_lies_beyond_a_trial_is_not_looked_at(poisoned, way):
    inputs, lengths = chain(21, 70, 3), some_lengths(21, 70)
    lengths[0] = 69
    functions = forward_backward, filter_states
    expected = [function(*inputs, lengths, impl="cpu") for function in functions]
    paths = viterbi(*inputs, lengths, impl="cpu")
    for nonsense in (torch.nan, torch.inf, -torch.inf, 1e300):
        for b, length in enumerate(lengths):
            inputs[0][b, length:] = nonsense
        for function, before in zip(functions, expected, strict=True):
            assert_same(function(*inputs, lengths, impl="cpu"), before, 0)
        assert viterbi(*inputs, lengths, impl="cpu").equal(paths)


def test_trials_of_one_bin(way):
    inputs = chain(37, 9, 4)
    alone = forward_backward(*inputs, torch.ones(37, dtype=torch.int64), impl="cpu")
    log_emission, _, log_initial = inputs
    torch.testing.assert_close(alone.states[:, 0], (log_emission[:, 0] + log_initial).softmax(-1))
    torch.testing.assert_close(alone.log_likelihood, (log_emission[:, 0] + log_initial).logsumexp(-1))
    assert not alone.transitions.any()


def test_one_state(way):
    log_emission, *_ = chain(20, 200, 1)
    nothing = torch.zeros(1, 1, dtype=torch.float64)
    found = forward_backward(log_emission, nothing, nothing[0], impl="cpu")
    assert found.states.eq(1).all()
    torch.testing.assert_close(found.log_likelihood, log_emission.sum((1, 2)))
    torch.testing.assert_close(found.transitions, torch.full((20, 1, 1), 199.0).double())
