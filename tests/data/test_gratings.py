"""Gratings: files that the test writes, whole and damaged; and, where they are, the real recordings."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from brainlib import data
from brainlib.data.formats import load_matlab
from brainlib.data.gratings import STILL, _arrange
from brainlib.data.registry import REGISTRY

NAME = "data_v1_binned_static.mat"
COUNTS = np.random.default_rng(0).integers(0, 5, (3, 2, 90, 4)).astype(np.uint8)  # neurons, gratings, time, repeats
SHOWN = [{"orientation": 0, "contrast": 10}, {"orientation": 22.5, "contrast": 100}]


def write(path, **changed):
    recordings = np.empty((STILL, 1), dtype=object)
    for place in range(STILL):
        recordings[place, 0] = {"spikes": COUNTS, "conditions": SHOWN}
    recordings[5, 0] |= changed
    savemat(path, {"data": recordings}, do_compression=True)


@pytest.fixture
def file(cache, register):
    def make(**changed):
        write(cache / NAME, **changed)
        register(NAME, (cache / NAME).read_bytes())

    return make


def test_a_recording_is_read(file):
    file()
    found = data.gratings(5, moving=False)
    trials = found.trials
    assert (len(trials), trials.neurons, trials.bin_ms) == (8, 3, 10.0)
    assert trials.lengths.tolist() == [90] * 8
    assert found.conditions.tolist() == [0, 1] * 4
    assert found.angles_deg.tolist() == [0, 22.5] and found.contrasts_percent.tolist() == [10, 100]
    for trial, condition in enumerate(found.conditions.tolist()):
        assert np.array_equal(trials.counts[trial].numpy().T, COUNTS[:, condition, :, trial // 2])
    assert "Licence: none needed" in str(found.source)


@pytest.mark.parametrize(
    "changed",
    [
        {"spikes": COUNTS[:, :, :89]},
        {"spikes": COUNTS[:, :1]},
        {"spikes": COUNTS.astype(float)},
        {"spikes": COUNTS[:0]},
        {"spikes": "none"},
        {"conditions": [{"direction": 0, "contrast": 10}] * 2},
    ],
)
def test_a_recording_of_another_form_is_refused(file, changed):
    file(**changed)
    with pytest.raises(data.DataError, match=rf"{NAME}: "):
        data.gratings(5, moving=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gratings")
    write(folder / "whole.mat")
    return folder


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=3), st.floats(0.2, 2))
def test_flipped_bits_and_cut_files_give_trials_or_an_error_with_the_name(folder, flips, keep):
    content = bytearray((folder / "whole.mat").read_bytes())
    for place, bit in flips:
        content[int(place * len(content))] ^= 1 << bit
    broken = folder / "broken.mat"
    broken.write_bytes(content[: int(keep * len(content))])
    try:
        recordings = load_matlab(broken, "data")
        found = _arrange(broken, recordings[5], "orientation", data.Located(broken, "cache", REGISTRY[NAME]))
    except data.DataError as error:
        assert str(broken) in str(error)
    else:
        assert found.trials.counts.shape == (8, 90, 3)


@pytest.mark.parametrize(("index", "moving", "last"), [(27, True, 26), (-1, True, 26), (17, False, 16)])
def test_another_index_is_refused(index, moving, last):
    with pytest.raises(ValueError, match=f"index: got {index}, expected a whole number from 0 to {last}"):
        data.gratings(index, moving)


def real(index, moving):
    try:
        return data.gratings(index, moving)
    except data.DataUnavailable as error:
        pytest.skip(f"the real gratings are NOT tested: {error}")


def test_the_real_moving_gratings():
    found = real(6, moving=True)
    trials = found.trials
    assert (len(trials), trials.neurons, trials.spikes) == (2064, 22, 254_813)
    assert trials.lengths.unique().tolist() == [90] and trials.counts.dtype == torch.uint8
    assert found.conditions.bincount().tolist() == [129] * 16
    assert found.angles_deg.tolist() == [22.5 * place for place in range(16)]
    assert found.contrasts_percent.unique().tolist() == [100]
    rate = trials.counts.double().mean((0, 2))
    assert rate[25:70].mean() > 1.5 * rate[:20].mean()  # the grating is there from bin 20 on


def test_the_real_still_gratings():
    found = real(16, moving=False)
    assert (len(found.trials), found.trials.neurons, found.trials.spikes) == (320, 17, 10_273)
    assert found.contrasts_percent.unique().tolist() == [20, 50]
    assert found.angles_deg.unique().tolist() == [0, 22, 45, 67, 90, 112, 135, 158]
