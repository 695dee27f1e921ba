"""Spikes are counted once, in the bin that they fall into, however inexact their times are written."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brainlib.data import bin_spikes


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(
    st.lists(st.lists(st.integers(-20, 400), max_size=30), min_size=1, max_size=3),
    st.sampled_from([1, 3, 10, 33]),
    st.integers(0, 5000),
    st.integers(33, 300),
)
def test_times_in_whole_milliseconds_fall_where_whole_numbers_say(after_ms, bin_ms, start_ms, long_ms):
    times = [(np.array(spikes, dtype=np.float64) + start_ms) / 1000 for spikes in after_ms]
    counts = bin_spikes(times, float(bin_ms), start_ms / 1000, (start_ms + long_ms) / 1000)
    expected = torch.zeros(long_ms // bin_ms, len(times), dtype=torch.uint8)
    for neuron, spikes in enumerate(after_ms):
        for spike in spikes:
            if 0 <= spike < len(expected) * bin_ms:
                expected[spike // bin_ms, neuron] += 1
    assert torch.equal(counts, expected)


def test_counts_above_a_byte():
    counts = bin_spikes([np.full(256, 0.25), np.array([])], 100.0, 0.0, 0.5)
    assert counts.dtype == torch.int32
    assert counts.tolist() == [[0, 0], [0, 0], [256, 0], [0, 0], [0, 0]]


def test_times_too_coarse_for_the_bins_are_told():
    """A clock of 30 kHz ticks 30 times in a bin of 1 ms; float32 puts some ticks of later seconds elsewhere."""
    times = np.arange(3_000_000, 3_003_000) / 30_000
    assert (bin_spikes([times], 1.0, 100.0, 100.1) == 30).all()
    with pytest.warns(UserWarning, match=r"times: .* are up to 0\.0076 bins apart, .* expected .* float64"):
        bin_spikes([times, times.astype(np.float32)], 1.0, 100.0, 100.1)
    bin_spikes([np.array([0.25, 0.5], dtype=np.float32)], 100.0, 0.0, 1.0)  # fine enough


@pytest.mark.parametrize(
    ("times", "bin_ms", "stop_s", "message"),
    [
        ([], 10.0, 1.0, "times: got none"),
        ([np.array([0.1]), np.array([np.nan])], 10.0, 1.0, r"times\[1\]: got a time that is not finite"),
        ([np.array([[0.1]])], 10.0, 1.0, r"times\[0\]: got .* no row"),
        ([np.array([0.1])], 0.0, 1.0, r"bin_ms: got 0\.0, expected a positive number"),
        ([np.array([0.1])], float("nan"), 1.0, "bin_ms: got nan"),
        ([np.array([0.1])], 10.0, 0.009, r"stop_s: got 0\.009, expected at least a bin of 10\.0 ms after 0\.0 s"),
        ([np.array([0.1])], 10.0, float("inf"), "stop_s: got inf"),
    ],
)
def test_what_cannot_be_binned_is_refused(times, bin_ms, stop_s, message):
    with pytest.raises(ValueError, match=message):
        bin_spikes(times, bin_ms, 0.0, stop_s)
