"""Arguments that make no sense are refused before work starts; all others give probabilities."""

import inspect

import pytest
import torch
from hidden_chains import chain
from hypothesis import given, settings
from hypothesis import strategies as st

from brainlib.brainstates.kernels import filter_states, forward_backward, log_likelihood, sample_paths, viterbi

unchecked = inspect.unwrap(forward_backward)  # under the annotation check of the tests


@pytest.mark.parametrize(
    "which, change, message",
    [
        (0, lambda t: t[0], r"log_emission: got shape \(4, 3\), expected \[trials, time, states\]"),
        (0, lambda t: t[:, :0], r"log_emission: got shape \(2, 0, 3\)"),
        (0, lambda t: t.half(), "log_emission: got torch.float16, expected torch.float32 or torch.float64"),
        (1, lambda t: t[:, :2], r"log_transition: got shape \(2, 2, 3\), expected \(3, 3\) or \(2, 3, 3\)"),
        (1, lambda t: t.float(), "log_transition: got torch.float32 on cpu, expected torch.float64 on cpu"),
        (1, lambda t: t.exp(), "log_transition: got probabilities whose sums differ from 1 by .*, expected logarithms"),
        (1, lambda t: t * torch.nan, "log_transition: got probabilities whose sums differ from 1 by nan"),
        (2, lambda t: t[:, :1], r"log_initial: got shape \(2, 1\), expected \(3,\) or \(2, 3\)"),
        (2, lambda t: t.to("meta"), "log_initial: got torch.float64 on meta, expected torch.float64 on cpu"),
        (2, lambda t: t + torch.inf, "log_initial: got probabilities whose sums differ from 1 by inf"),
    ],
)
def test_bad_tensors(which, change, message):
    inputs = chain(2, 4, 3)
    inputs[which] = change(inputs[which])
    with pytest.raises(ValueError, match=message):
        unchecked(*inputs)


@pytest.mark.parametrize("nonsense", [torch.nan, torch.inf])
def test_emissions_that_are_no_numbers(nonsense):
    inputs = chain(2, 4, 3)
    inputs[0][1, 2, 0] = nonsense
    with pytest.raises(ValueError, match=r"log_emission: got NaN or \+inf, expected logarithms"):
        forward_backward(*inputs)
    forward_backward(*inputs, torch.tensor([4, 2]))  # it lies beyond


@pytest.mark.parametrize(
    "lengths, message",
    [
        (torch.tensor([4, 0]), "lengths: got 0 to 4, expected 1 to 4"),
        (torch.tensor([5, 1]), "lengths: got 1 to 5, expected 1 to 4"),
        (torch.tensor([4]), r"lengths: got torch.int64 of shape \(1,\), expected torch.int64 of shape \(2,\)"),
        (torch.tensor([4, 4], dtype=torch.int32), "lengths: got torch.int32"),
    ],
)
def test_bad_lengths(lengths, message):
    with pytest.raises(ValueError, match=message):
        unchecked(*chain(2, 4, 3), lengths)


@pytest.mark.parametrize("function", [forward_backward, filter_states, viterbi, log_likelihood, sample_paths])
def test_every_function_checks(function):
    inputs = chain(2, 4, 3)
    options = {"samples": 1, "generator": torch.Generator()} if function is sample_paths else {}
    inputs[0][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="log_emission: got NaN"):
        function(*inputs, **options)


def test_no_samples_and_no_such_implementation():
    with pytest.raises(ValueError, match="samples: got 0, expected at least 1"):
        sample_paths(*chain(2, 4, 3), samples=0, generator=torch.Generator())
    with pytest.raises(ValueError, match="impl: got 'gpu', expected one of auto, reference, cpu, triton"):
        unchecked(*chain(2, 4, 3), impl="gpu")


LOGARITHMS = st.one_of(st.floats(-1e4, 50, width=32), st.just(-float("inf")))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data(), st.integers(1, 4), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_whatever_comes_probabilities_are_probabilities(data, B, T, S, double):
    def draw(*shape):
        count = torch.Size(shape).numel()
        values = data.draw(st.lists(LOGARITHMS, min_size=count, max_size=count))
        return torch.tensor(values, dtype=torch.float64 if double else torch.float32).view(shape)

    def distributions(*shape):
        logs = draw(*shape)
        logs[..., 0] = logs[..., 0].clamp(min=-20)
        return logs.log_softmax(-1)

    inputs = draw(B, T, S), distributions(S, S), distributions(S)
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    found = forward_backward(*inputs, lengths, impl="cpu")
    possible = found.log_likelihood > -torch.inf
    inside = (torch.arange(T) < lengths[:, None]) & possible[:, None]
    sums = found.states.double().sum(-1)
    torch.testing.assert_close(sums, inside.double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        found.transitions.double().sum((1, 2)), (lengths - 1.0).double() * possible, rtol=1e-5, atol=1e-5
    )
    expected = forward_backward(*(tensor.double() for tensor in inputs), lengths, impl="reference")
    assert expected.log_likelihood.isinf().equal(~possible)
    torch.testing.assert_close(found.log_likelihood, expected.log_likelihood, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(found.states.double(), expected.states.double(), rtol=0, atol=1e-5)
    paths = viterbi(*inputs, lengths)
    assert paths.ge(0).equal(inside) and paths.max() < S
