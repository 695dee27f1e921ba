"""The bases, and the history of counts against three loops."""

import pytest
import torch

from brainlib.brainstates import history, reference
from brainlib.brainstates.history import exponential_basis, identity_basis, raised_cosine_basis

COUNTS = torch.randint(0, 4, (2, 23, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def features_of(counts, basis):
    features = torch.zeros(*counts.shape[:2], counts.shape[2] * basis.shape[1], dtype=torch.float64)
    history.add_history(features, counts, basis)
    return features


@pytest.mark.parametrize("basis", [exponential_basis(), raised_cosine_basis(7, 3), identity_basis(2)])
@pytest.mark.parametrize("block", [1, 4, 4096])
def test_features_are_those_of_three_loops(basis, block, monkeypatch):
    monkeypatch.setattr(history, "BLOCK", block)
    features = features_of(COUNTS, basis)
    for b, counts in enumerate(COUNTS):
        for j, phi in enumerate(basis.T):
            loops = reference.history(counts, phi)
            torch.testing.assert_close(features[b, :, 3 * j : 3 * (j + 1)], loops, rtol=1e-14, atol=1e-14)


def test_a_spike_is_heard_from_the_next_bin_on_for_as_many_bins_as_there_are_lags():
    more = COUNTS.clone()
    more[0, 9, 1] += 1
    difference = features_of(more, exponential_basis()) - features_of(COUNTS, exponential_basis())
    heard = torch.zeros(2, 23, 3, dtype=torch.float64)
    heard[0, 10:15, 1] = exponential_basis()[:, 0].double()
    torch.testing.assert_close(difference, heard)


def test_counts_beyond_a_byte():
    counts = torch.tensor([[[300], [0], [70_000]]], dtype=torch.int32)
    assert features_of(counts, identity_basis(1)).flatten().tolist() == [0, 300, 0]


def test_the_official_exponential():
    published = torch.tensor([0.6364, 0.2341, 0.0861, 0.0317, 0.0117])
    torch.testing.assert_close(exponential_basis()[:, 0], published, rtol=0, atol=5e-5)
    flat = exponential_basis(4, 0.0)
    assert flat.flatten().tolist() == [0.25] * 4
    ratios = exponential_basis(30, 0.3)[1:] / exponential_basis(30, 0.3)[:-1]
    torch.testing.assert_close(ratios, torch.full((29, 1), -0.3).exp())


@pytest.mark.parametrize(("lags", "functions"), [(1, 1), (5, 1), (5, 3), (50, 8), (200, 5)])
def test_raised_cosines_are_bumps_that_move_and_widen(lags, functions):
    basis = raised_cosine_basis(lags, functions)
    assert basis.shape == (lags, functions)
    torch.testing.assert_close(basis.sum(0), torch.ones(functions))
    assert (basis >= 0).all()
    peaks = basis.argmax(0)
    assert peaks[0] == 0 and (functions == 1 or peaks[-1] == lags - 1)
    assert (peaks.diff() > 0).all()
    for function, peak in zip(basis.T, peaks, strict=True):
        assert (function[: peak + 1].diff() >= 0).all() and (function[peak:].diff() <= 0).all()
    if (lags, functions) == (200, 5):
        assert ((basis > 0).sum(0)[:3].diff() > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exponential_basis(0), "lags: got 0, expected a whole number of at least 1"),
        (lambda: exponential_basis(5, float("nan")), "decay: got nan, expected a finite number"),
        (lambda: raised_cosine_basis(5, 0), "functions: got 0, expected a whole number of at least 1"),
        (lambda: raised_cosine_basis(3, 4), "functions: got 4, expected fewer for 3 lags"),
        (lambda: raised_cosine_basis(100, 100), "functions: got 100, expected fewer for 100 lags"),
        (lambda: identity_basis(-1), "lags: got -1, expected a whole number of at least 1"),
    ],
)
def test_impossible_bases(call, message):
    with pytest.raises(ValueError, match=message):
        call()
