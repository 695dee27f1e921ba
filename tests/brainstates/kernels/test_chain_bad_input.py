"""Arguments that make no sense are refused before work starts."""

import pytest
import torch
from hidden_chains import chain

from brainlib.brainstates.kernels import filter_states, forward_backward, log_likelihood, sample_paths, viterbi


@pytest.mark.parametrize(
    "which, change, message",
    [
        (0, lambda t: t[0], r"log_emission: got shape \(4, 3\), expected \[trials, time, states\]"),
        (0, lambda t: t.half(), "log_emission: got torch.float16, expected torch.float32 or torch.float64"),
        (1, lambda t: t.float(), "log_transition: got torch.float32 on cpu, expected torch.float64 on cpu"),
        (1, lambda t: t.exp(), "log_transition: got probabilities whose sums differ from 1 by .*, expected logarithms"),
        (2, lambda t: t[:, :1], r"log_initial: got shape \(2, 1\), expected \(3,\) or \(2, 3\)"),
    ],
)
def test_bad_tensors(unchecked, which, change, message):
    inputs = chain(2, 4, 3)
    inputs[which] = change(inputs[which])
    with pytest.raises(ValueError, match=message):
        forward_backward(*inputs)


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
        (torch.tensor([4, 4], dtype=torch.int32), "lengths: got torch.int32"),
    ],
)
def test_bad_lengths(unchecked, lengths, message):
    with pytest.raises(ValueError, match=message):
        forward_backward(*chain(2, 4, 3), lengths)


@pytest.mark.parametrize("function", [forward_backward, filter_states, viterbi, log_likelihood, sample_paths])
def test_every_function_checks(function):
    inputs = chain(2, 4, 3)
    options = {"samples": 1, "generator": torch.Generator()} if function is sample_paths else {}
    inputs[0][0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="log_emission: got NaN"):
        function(*inputs, **options)


def test_no_samples_and_no_such_implementation(unchecked):
    with pytest.raises(ValueError, match="samples: got 0, expected at least 1"):
        sample_paths(*chain(2, 4, 3), samples=0, generator=torch.Generator())
    with pytest.raises(ValueError, match="impl: got 'gpu', expected one of auto, cpu, triton"):
        forward_backward(*chain(2, 4, 3), impl="gpu")
