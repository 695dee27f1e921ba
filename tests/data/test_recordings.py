"""Recordings: counted in bins however inexact their times are written, and read from files of their form; and, where
they are, the real ones.
"""

import io
import shutil

import h5py
import numpy as np
import pytest
import torch
from data_files import needs_data
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from scipy.io import savemat

from brainlib import data
from brainlib.data import bin_spikes
from brainlib.data.recordings import FRAME, SPIKES, TRAJECTORY


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


def test_what_cannot_be_binned_is_refused():
    refused("times: got none", bin_spikes, [], 10.0, 0.0, 1.0)
    once, never = np.array([0.1]), np.array([np.nan])
    refused(r"times\[1\]: got a time that is not finite", bin_spikes, [once, never], 10.0, 0.0, 1.0)
    refused(r"bin_ms: got 0\.0, expected a positive number", bin_spikes, [np.array([0.1])], 0.0, 0.0, 1.0)
    refused(r"stop_s: got 0\.009", bin_spikes, [np.array([0.1])], 10.0, 0.0, 0.009)


PARTS = {
    "spikes": np.array([0.1, 0.5, 0.9, 0.2, 0.3]),
    "sCount": np.array([3, 0, 2], dtype=np.int32),
    "epos": np.array([[100.0, 200, 200], [100, 300, 300]]),
    "summary/duration": np.array([2.0]),
    "meta/species": np.array([b"mouse"]),
    "meta/age": np.array([11], dtype=np.int32),
    "meta/genotype": np.array([b"wt"]),
}


def test_waves_are_read(cache, register, tmp_path):
    with h5py.File(tmp_path / "written.h5", "w") as file:
        for name, content in PARTS.items():
            file[name] = content
    register(f"{data.WAVES[0]}.h5", (tmp_path / "written.h5").read_bytes(), folder=cache)
    found = data.waves()
    assert [times.tolist() for times in found.times] == [[0.1, 0.5, 0.9], [], [0.2, 0.3]]
    assert found.positions_um.tolist() == [[100, 100], [200, 300], [200, 300]]
    assert (found.duration_s, found.animal) == (2.0, "mouse, 11 days, wt")
    assert "Licence: none needed" in str(found.source)
    trials = found.trials(500.0)
    assert trials.counts.tolist() == [[[1, 0, 2], [2, 0, 0], [0, 0, 0], [0, 0, 0]]] and trials.bin_ms == 500.0
    refused(r"name: got 'waves', expected one of Blankenship2011_WT_01, Sun2008", data.waves, "waves")


@pytest.mark.parametrize(
    ("name", "neurons", "spikes", "duration_s", "animal"),
    [
        ("Blankenship2011_WT_01", 55, 127_716, 3131.0, "mouse, 11 days, wt"),
        ("Sun2008_X026P11R-MEME1", 108, 382_168, 781.0, "mouse, 11 days, Beta2 Xu"),
    ],
)
def test_the_real_waves(name, neurons, spikes, duration_s, animal):
    needs_data(f"{name}.h5")
    found = data.waves(name)
    assert (len(found.times), found.duration_s, found.animal) == (neurons, duration_s, animal)
    trials = found.trials(100.0)
    assert trials.spikes == sum(map(len, found.times)) == spikes
    assert trials.counts.shape == (1, duration_s * 10, neurons)


HEAD = b"""<Start settings>
threshold: 199
clockrate: 30000
Fields: <time uint32><xloc uint16><yloc uint16><xloc2 uint16><yloc2 uint16>
<End settings>
"""
START, STOP = 100.0, 102.0


def unit(times):
    return {"time": np.array(times, dtype=np.float64)[:, None], "timerange": np.array([[START, STOP]]), "meanrate": 0.5}


def cells(*content):
    """A row of MATLAB cells."""
    row = np.empty((1, len(content)), dtype=object)
    row[0] = content
    return row


EMPTY = np.zeros((1, 0))
TETRODES = [cells(unit([100.5, 101.0001]), EMPTY, unit([])), EMPTY, cells(EMPTY, unit([100.1, 100.1, 101.9]))]


def spikes():
    file = io.BytesIO()
    savemat(file, {"spikes": cells(cells(cells(*TETRODES)))})
    return file.getvalue()


def trajectory(x):
    seconds = START + np.arange(len(x)) / 60
    frames = np.zeros(len(x), dtype=FRAME)
    frames["clock"], frames["x"], frames["y"] = np.round(seconds * 30_000), x, 7
    return HEAD + frames.tobytes()


@pytest.fixture
def files(cache, register):
    """Puts files of the given contents where the book finds them."""

    def put(video=None):
        register(SPIKES, spikes(), folder=cache)
        register(TRAJECTORY, video or trajectory([3, 3, 4]), folder=cache)

    return put


def test_units_and_places_are_read(files):
    files()
    found = data.hippocampus()
    assert [times.tolist() for times in found.times] == [[100.5, 101.0001], [100.1, 100.1, 101.9]]
    assert found.tetrodes.tolist() == [1, 3]
    assert (found.start_s, found.stop_s, found.duration_s) == (100, 102, 2)
    assert found.frames_s.tolist() == pytest.approx([100, 100 + 1 / 60, 100 + 2 / 60])
    assert found.places_px.tolist() == [[3, 7], [3, 7], [4, 7]]
    assert found.trials(500.0).counts.tolist() == [[[0, 2], [1, 0], [1, 0], [0, 1]]]
    assert "Licence: none needed" in str(found.source)


def test_speed_is_that_of_the_light(files):
    x = np.arange(120)  # a pixel a frame is 60 a second
    files(video=trajectory(np.where(x < 60, x, 60)))
    found = data.hippocampus().speed(torch.tensor([90.0, 100.5, 101.0, 101.5, 120.0], dtype=torch.float64))
    assert found.tolist() == pytest.approx([0, 60, 30, 0, 0], abs=0.1)


def test_a_place_that_is_held_is_no_place(files):
    """10 s at the picture's edge, a jump and a second of movement, a halt of 2 s, and the edge again."""
    x = np.concatenate([np.full(600, 477), np.arange(60), np.full(120, 59), np.full(360, 522)])
    files(video=trajectory(x))
    found = data.hippocampus()
    seen = found.places_px.isfinite().all(-1)
    assert seen.tolist() == [600 <= frame < 780 for frame in range(len(x))]
    speed = found.speed(START + torch.tensor([0.0, 9.9, 10.2, 10.5, 12.0, 12.8, 15.0], dtype=torch.float64))
    assert speed.isnan().tolist() == [True, True, True, False, False, True, True]
    assert speed[3:5].tolist() == pytest.approx([60, 0], abs=0.1)


def test_the_real_hippocampus():
    needs_data(SPIKES, TRAJECTORY)
    found = data.hippocampus()
    assert (len(found.times), sum(map(len, found.times))) == (31, 28_829)
    assert found.tetrodes.bincount().tolist() == [0, 14, 0, 1, 1, 0, 0, 0, 0, 2, 11, 0, 0, 2]
    assert (found.start_s, found.stop_s) == (4396.9975, 6365.2707)
    assert found.trials(250.0).counts.shape == (1, 7873, 31) and found.trials(250.0).spikes == 28_829
    assert len(found.frames_s) == len(found.places_px) == 118_965
    assert found.frames_s.diff().median().item() == pytest.approx(1 / 60, abs=1e-3)
    seen = found.places_px.isfinite().all(-1)
    assert seen.nonzero()[[0, -1], 0].tolist() == [1550, 59_131] and seen[1550:59_132].all()
    assert found.places_px[seen].std(0).min() > 50 and found.places_px[seen].diff(dim=0).norm(dim=1).max() < 20


STARTS_MS = [1_968_759.3, 1_993_249.2, 2_005_927.9]
BEHAVIOUR = "".join(
    f"{start}\t{start + 2836.0}\t{rule}\t{correct}\t1\t0\n"
    for start, rule, correct in zip(STARTS_MS, (4, 4, 1), (0, 1, 1), strict=True)
)
FIRED_MS = [  # after the start of the trial, trial, neuron
    (-5000.1, 0, 2),  # before the first bin
    (-5000.0, 0, 2),
    (-4980.1, 0, 2),
    (-4980.0, 0, 7),
    (0.0, 1, 5),
    (5.5, 1, 5),
    (9999.9, 2, 5),
    (10_000.0, 2, 5),  # after the last
]
FIRED = "".join(f"{STARTS_MS[trial] + after:9.1f}\t{neuron}\n" for after, trial, neuron in FIRED_MS)
PLACES = "".join(f"{STARTS_MS[0] - 6000 + 1000 * frame:.1f}\t{frame}.0\t7.5\n" for frame in range(60))  # a second each


@pytest.fixture
def maze(tmp_path):
    def write(spikes=FIRED, behaviour=BEHAVIOUR, places=PLACES, session="200104"):
        (tmp_path / session).mkdir()
        for table, text in (("SpikeData", spikes), ("Behavior", behaviour), ("Pos", places)):
            (tmp_path / session / f"{session}_{table}.dat").write_text(text)
        return tmp_path

    return write


def test_trials_around_their_starts(maze):
    found = data.pfc6(maze())
    assert found.trials.counts.shape == (3, 750, 3) and found.trials.bin_ms == 20.0
    assert [place.tolist() for place in found.trials.counts.nonzero()] == [
        [0, 0, 0],
        [0, 1, 2],
        [1, 250, 1],
        [2, 749, 1],
    ]
    assert found.trials.counts.amax((1, 2)).tolist() == [2, 2, 1]
    assert found.behaviour[:, 2:].tolist() == [[4, 0, 1, 0], [4, 1, 1, 0], [1, 1, 1, 0]]
    assert found.behaviour.diff()[:, 0].tolist() == pytest.approx([2836] * 3) and "Peyrache" in found.source
    assert found.places.shape == (3, 750, 2) and (found.places[..., 1] == 7.5).all()
    assert found.places[0, [0, 50, 749], 0].tolist() == pytest.approx([1.01, 2.01, 15.99])


def test_tables_of_another_form_are_refused(maze):
    def wrong(message, **tables):
        folder = maze(**tables)
        refused(message, data.pfc6, folder, error=data.DataError)
        shutil.rmtree(folder / "200104")

    wrong(r"SpikeData\.dat: got a table of shape \(0, 1\), expected finite numbers in 2 columns", spikes="")
    wrong(r"SpikeData\.dat: not a table of numbers", spikes=FIRED + "1.0\n")
    wrong(r"SpikeData\.dat: got a neuron whose number has a fraction", spikes=FIRED + "1.0\t1.5\n")
    wrong(r"Behavior\.dat: expected .* 0 or 1", behaviour="1.0\t2.0\t1\t1\t2\t1\n")
    wrong(r"Pos\.dat: expected times that increase", places=2 * PLACES)


def test_what_is_missing_is_told_and_how_to_get_it(tmp_path):
    refused(r"folder: got .*nowhere', expected a folder that exists", data.pfc6, tmp_path / "nowhere")
    with pytest.raises(data.DataUnavailable, match=r"200104_SpikeData\.dat, .*200104_Pos\.dat: missing.*crcns"):
        data.pfc6(tmp_path)


@pytest.fixture
def session(tmp_path):
    """An NWB file's tables of units and trials: three neurons, two trials of which the second ends early."""
    h5py = pytest.importorskip("h5py")

    def write(**tables):
        fired = [[100.0, 100.0045, 106.0], [], [110.001, 115.9999]]
        units = {"spike_times": np.concatenate(fired), "spike_times_index": np.cumsum([3, 0, 2]).astype("u4")}
        trials = {"start_time": np.array([100.0, 110.0]), "stop_time": np.array([105.0, 112.0])}
        with h5py.File(tmp_path / "sub-1_ses-1.nwb", "w") as file:
            for group, columns in ({"units": units, "intervals/trials": trials} | tables).items():
                for name, column in columns.items():
                    file[f"{group}/{name}"] = column
        return tmp_path

    return write


def test_trials_of_an_nwb_file(session):
    found = data.barrel(session())
    assert found.counts.shape == (2, 2000, 3) and found.bin_ms == 3.0
    assert found.counts.nonzero().tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 2], [1, 1999, 2]]


def test_other_files_than_nwb_with_trials_are_refused(session, tmp_path):
    with pytest.raises(data.DataUnavailable, match=r"got no NWB file.*Rodgers"):
        data.barrel(tmp_path)
    with pytest.raises(data.DataError, match=r"ses-1\.nwb: not an NWB file with units and trials"):
        data.barrel(session(**{"intervals/trials": {}}))
