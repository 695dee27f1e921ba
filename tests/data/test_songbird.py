"""The songbird's events: a file that the test writes; and, where it can be had, the real one."""

import numpy as np
import pytest
from scipy.io import savemat

from brainlib import data

NAME = "MackeviciusData.mat"
ACTIVITY = np.maximum(np.random.default_rng(0).normal(-1, 1, (75, 666)), 0)


@pytest.fixture
def file(cache, register):
    def write(activity, name="NEURAL"):
        savemat(cache / NAME, {name: activity, "VIDEOfs": 30})
        register(NAME, (cache / NAME).read_bytes())

    return write


def test_activity_becomes_events(file):
    file(ACTIVITY)
    trials = data.songbird()
    assert trials.counts.shape == (1, 666, 75)
    assert np.array_equal(trials.counts[0].numpy().T, ACTIVITY > 0)
    assert trials.bin_ms == pytest.approx(1000 / 30)


@pytest.mark.parametrize("activity", [ACTIVITY[:74], ACTIVITY.T, -ACTIVITY, ACTIVITY * np.nan, ACTIVITY > 0])
def test_activity_of_another_form_is_refused(file, activity):
    file(activity)
    with pytest.raises(data.DataError, match=rf"{NAME}: got .*, expected activity of shape \(75, 666\)"):
        data.songbird()


def test_a_file_without_activity_is_refused(file):
    file(ACTIVITY, "SONG")
    with pytest.raises(data.DataError, match=rf"{NAME}: damaged, or not of the expected form"):
        data.songbird()


def test_the_real_songbird():
    try:
        trials = data.songbird()
    except data.DataUnavailable as error:
        pytest.skip(f"the real songbird is NOT tested: {error}")
    assert (trials.neurons, trials.bins, trials.spikes) == (75, 666, 3336)
    assert int(trials.counts.max()) == 1
    assert int((trials.counts[0].sum(0) == 0).sum()) == 1  # a neuron without events
