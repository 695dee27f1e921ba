"""Retinal waves: files that the test writes, whole, damaged and contradictory; and, where they are, the real ones."""

import shutil

import h5py
import numpy as np
import pytest
import torch
from data_files import needs_data
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from brainlib import data
from brainlib.data.registry import REGISTRY
from brainlib.data.waves import _read

NAME = data.WAVES[0]
PARTS = {
    "spikes": np.array([0.1, 0.5, 0.9, 0.2, 0.3]),
    "sCount": np.array([3, 0, 2], dtype=np.int32),
    "epos": np.array([[100.0, 200, 200], [100, 300, 300]]),
    "summary/duration": np.array([2.0]),
    "meta/species": np.array([b"mouse"]),
    "meta/age": np.array([11], dtype=np.int32),
    "meta/genotype": np.array([b"wt"]),
}


def write(path, parts):
    with h5py.File(path, "w") as file:
        for name, content in parts.items():
            file[name] = content


@pytest.fixture
def recording(cache, register, tmp_path):
    """Writes a file with changed parts, and lets the book find it."""

    def make(**changed):
        parts = {name: changed.get(name.rpartition("/")[2], content) for name, content in PARTS.items()}
        write(tmp_path / "written.h5", {name: content for name, content in parts.items() if content is not None})
        register(f"{NAME}.h5", (tmp_path / "written.h5").read_bytes())
        shutil.copy(tmp_path / "written.h5", cache / f"{NAME}.h5")

    return make


def test_a_recording_is_read(recording):
    recording()
    found = data.waves(NAME)
    assert [times.tolist() for times in found.times] == [[0.1, 0.5, 0.9], [], [0.2, 0.3]]
    assert found.positions_um.tolist() == [[100, 100], [200, 300], [200, 300]]
    assert (found.duration_s, found.animal) == (2.0, "mouse, 11 days, wt")
    assert "Licence: none needed" in str(found.source) and "A Test (2025)" in str(found.source)
    trials = found.trials(500.0)
    assert trials.counts.tolist() == [[[1, 0, 2], [2, 0, 0], [0, 0, 0], [0, 0, 0]]]
    assert trials.bin_ms == 500.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sCount": np.array([3, 1, 2])}, "sCount tells of 6 spikes, but there are 5"),
        ({"sCount": np.array([6, -3, 2])}, "sCount is not one count of spikes a neuron"),
        ({"sCount": np.array([2.5, 0.5, 2])}, "sCount is not one count"),
        ({"sCount": np.array([[3, 0, 2]])}, "sCount is not one count"),
        ({"sCount": np.array([], dtype=np.int32)}, "sCount is not one count"),
        ({"sCount": np.array([2, 1, 2])}, None),  # another neuron had the third spike: nothing contradicts it
        ({"sCount": np.array([4, 0, 1])}, "the spikes of a neuron are not in the order of time"),
        ({"spikes": np.array([0.1, 0.9, 0.5, 0.2, 0.3])}, "not in the order of time"),
        ({"spikes": np.array([0.1, 0.5, np.nan, 0.2, 0.3])}, "spikes before the start or after the end"),
        ({"spikes": np.array([-0.1, 0.5, 0.9, 0.2, 0.3])}, "spikes before the start or after the end"),
        ({"spikes": np.array([0.1, 0.5, 2.1, 0.2, 0.3])}, r"spikes before .* after the end, at 2\.0 s"),
        ({"duration": np.array([np.inf])}, "spikes before the start or after the end, at inf s"),
        ({"epos": PARTS["epos"][:, :2]}, r"epos has shape \(2, 2\), expected two coordinates of 3 neurons"),
        ({"epos": PARTS["epos"].T}, r"epos has shape \(3, 2\)"),
        ({"epos": PARTS["epos"] * np.nan}, "epos has shape"),
        ({"epos": None}, "damaged, or not of the expected form"),
        ({"spikes": np.array([b"a"])}, "damaged, or not of the expected form"),
        ({"genotype": np.array([3])}, "damaged, or not of the expected form"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(recording, changed, message):
    recording(**changed)
    if message is None:
        assert len(data.waves(NAME).times) == 3
    else:
        with pytest.raises(data.DataError, match=rf"{NAME}\.h5: .*{message}"):
            data.waves(NAME)


def test_a_part_of_absurd_size_is_not_read(recording, cache, register):
    recording()
    path = cache / f"{NAME}.h5"
    with h5py.File(path, "a") as file:
        del file["spikes"]
        file.create_dataset("spikes", shape=(10**12,), dtype=np.float64, chunks=(1000,))  # takes no room on the disk
    register(f"{NAME}.h5", path.read_bytes())
    with pytest.raises(data.DataError, match="spikes has 1,000,000,000,000 numbers"):
        data.waves(NAME)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    write(folder / "whole.h5", PARTS)
    return folder


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=4), st.floats(0.2, 2))
def test_flipped_bits_and_cut_files_give_a_sound_recording_or_an_error_with_the_name(folder, flips, keep):
    content = bytearray((folder / "whole.h5").read_bytes())
    for place, bit in flips:
        content[int(place * len(content))] ^= 1 << bit
    broken = folder / "broken.h5"
    broken.write_bytes(content[: int(keep * len(content))])
    try:
        found = _read(broken, data.Located(broken, "cache", REGISTRY[f"{NAME}.h5"]))
    except data.DataError as error:
        assert str(broken) in str(error)
    else:
        assert len(found.times) == len(found.positions_um)
        assert found.positions_um.isfinite().all()
        for times in found.times:
            assert ((times >= 0) & (times <= found.duration_s)).all() and (np.diff(times) >= 0).all()


def test_another_name_is_refused():
    with pytest.raises(ValueError, match=r"name: got 'waves', expected one of Blankenship2011_WT_01, Sun2008"):
        data.waves("waves")


def test_a_file_of_other_content_is_not_read(cache):
    (cache / f"{NAME}.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(data.DataError, match=r"WT_01\.h5: the content is not the expected one"):
        data.waves(NAME)


@pytest.mark.parametrize(
    ("name", "neurons", "spikes", "duration_s", "animal", "bursting", "rank"),
    [
        ("Blankenship2011_WT_01", 55, 127_716, 3131.0, "mouse, 11 days, wt", 0.13, -0.74),
        ("Sun2008_X026P11R-MEME1", 108, 382_168, 781.0, "mouse, 11 days, Beta2 Xu", 0.0, -0.51),
    ],
)
def test_the_real_waves(name, neurons, spikes, duration_s, animal, bursting, rank):
    needs_data(f"{name}.h5")
    found = data.waves(name)
    assert (len(found.times), found.duration_s, found.animal) == (neurons, duration_s, animal)
    trials = found.trials(100.0)
    assert trials.spikes == sum(map(len, found.times)) == spikes
    assert trials.counts.shape == (1, duration_s * 10, neurons)
    population = trials.counts[0].sum(1).double()
    assert (population > 5 * population.median()).double().mean() == pytest.approx(bursting, abs=0.005)

    first, second = torch.triu_indices(neurons, neurons, 1)
    correlation = torch.corrcoef(trials.counts[0].double().T)[first, second]
    distance = torch.cdist(found.positions_um, found.positions_um)[first, second]
    assert spearmanr(correlation, distance).statistic == pytest.approx(rank, abs=0.005)
