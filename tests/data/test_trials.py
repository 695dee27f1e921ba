"""Trials: counts go in and come out as they were, in any cut, and what is no count is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from brainlib.data import Trials

settings.register_profile("trials", derandomize=True, database=None, deadline=None, max_examples=50)
SMALL = settings.get_profile("trials")


@st.composite
def sequences(draw):
    """Counts of one to five trials, of different lengths and one number of neurons; some are above 255."""
    seed, neurons = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    top = draw(st.sampled_from([1, 255, 256, 2**31 - 1]))
    generator = np.random.default_rng(seed)
    return [generator.integers(0, top, (length, neurons), endpoint=True) for length in lengths]


def whole(trials):
    """The counts of each trial, without padding."""
    return [counts[:length].long() for counts, length in zip(trials.counts, trials.lengths.tolist(), strict=True)]


def same(found, expected):
    return len(found) == len(expected) and all(map(torch.equal, found, expected))


@SMALL
@given(sequences(), st.sampled_from([np.int64, np.float64, "tensor"]))
def test_counts_come_out_as_they_went_in(given_counts, kind):
    given_as = [torch.from_numpy(part) if kind == "tensor" else part.astype(kind) for part in given_counts]
    trials = Trials.from_sequences(given_as, 10.0)
    expected = [torch.from_numpy(part) for part in given_counts]
    assert same(whole(trials), expected)
    assert trials.lengths.tolist() == [len(part) for part in given_counts]
    assert trials.counts.dtype == (torch.uint8 if max(part.max() for part in given_counts) < 256 else torch.int32)
    assert not trials.counts[~trials.mask].any()
    assert len(trials) == len(given_counts) and trials.neurons == given_counts[0].shape[1]
    assert trials.bins == sum(map(len, given_counts)) == int(trials.mask.sum())
    assert trials.spikes == sum(int(part.sum()) for part in given_counts)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["?", "b", "B", "H", "q", "Q", "e", "d"])
def test_counts_of_any_array_are_counts(kind, order):
    counts = np.arange(12).reshape(4, 3) % (2 if kind == "?" else 12)
    written = counts.astype(np.dtype(kind).newbyteorder(order))
    written.flags.writeable = False
    for view in (np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[::2, ::-2]):
        trials = Trials.from_sequences([written[view], written.T[view].T], 10.0)
        assert same(whole(trials), [torch.from_numpy(part.copy()) for part in (counts[view], counts.T[view].T)])


@SMALL
@given(sequences(), st.integers(1, 12))
def test_cut_trials_joined_again_are_the_trials(given_counts, bins):
    trials = Trials.from_sequences(given_counts, 10.0)
    pieces = trials.cut(bins)
    assert torch.equal(torch.cat(whole(pieces)), torch.cat(whole(trials)))
    assert pieces.lengths.tolist() == [
        min(bins, len(part) - first) for part in given_counts for first in range(0, len(part), bins)
    ]
    assert pieces.bin_ms == 10.0


@SMALL
@given(sequences(), st.data(), st.sampled_from([list, torch.tensor, lambda places: np.array(places, dtype=">i4")]))
def test_picked_trials_are_those_at_the_places(given_counts, draws, kind):
    trials = Trials.from_sequences(given_counts, 10.0)
    places = draws.draw(st.lists(st.integers(0, len(trials) - 1), min_size=1, max_size=7))
    picked = trials.pick(kind(places))
    assert same(whole(picked), [whole(trials)[place] for place in places])
    assert picked.counts.shape[1] == int(picked.lengths.max())  # no more padding than needed


@pytest.mark.parametrize("value", [-1, 0.5, 2.0**31, float("nan")])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ValueError, match=r"sequences\[1\]: got .* expected"):
        Trials.from_sequences([np.ones((2, 3)), np.array([[1, value]] * 3).T], 10.0)


def test_what_is_no_trial_is_refused():
    refused("sequences: got none", Trials.from_sequences, [], 10.0)
    refused(r"sequences\[1\]: got shape \(0, 3\)", Trials.from_sequences, [np.ones((2, 3)), np.ones((0, 3))], 10.0)
    refused(r"sequences\[1\]: got 4 neurons", Trials.from_sequences, [np.ones((2, 3)), np.ones((2, 4))], 10.0)
    refused(r"sequences\[0\]: got <U32", Trials.from_sequences, [np.ones((2, 3)).astype("U")], 10.0)


def test_parts_that_do_not_fit_are_refused(unchecked):
    ones, four = torch.ones(2, 4, 3, dtype=torch.int32), torch.tensor([4, 4])
    refused("counts: got torch.float32", Trials, ones.float(), four, 10.0)
    refused("counts: got -1, expected none below zero", Trials, -ones, four, 10.0)
    refused("counts: got spikes beyond the end of a trial", Trials, ones, torch.tensor([4, 3]), 10.0)
    refused("lengths: got 0 to 4, expected 1 to the 4 bins", Trials, 0 * ones, torch.tensor([4, 0]), 10.0)
    refused(r"lengths: got torch.int64 of shape \(3,\)", Trials, 0 * ones, torch.tensor([4, 4, 4]), 10.0)


@pytest.mark.parametrize("indices", [[], [2], [-1], [0.5], [True, False], [[0]]])
def test_other_places_are_refused(unchecked, indices):
    trials = Trials.from_sequences([np.ones((2, 3)), np.ones((1, 3))], 10.0)
    with pytest.raises(ValueError, match="indices: got"):
        trials.pick(torch.tensor(indices))


def test_bins_have_a_range():
    refused("bin_ms: got nan, expected a positive number", Trials.from_sequences, [np.ones((2, 3))], float("nan"))
    trials = Trials.from_sequences([np.ones((2, 3))], 1.0)
    refused("bins: got 0, expected a whole number of at least 1", trials.cut, 0)
