"""Hippocampus: files that the test writes, whole, damaged and contradictory; and, where they are, the real ones."""

import io

import numpy as np
import pytest
import torch
from data_files import needs_data
from scipy.io import savemat

from brainlib import data
from brainlib.data.hippocampus import FRAME, SPIKES, TRAJECTORY

SETTINGS = b"""<Start settings>
threshold: 199
clockrate: 30000
Fields: <time uint32><xloc uint16><yloc uint16><xloc2 uint16><yloc2 uint16>
<End settings>
"""
START, STOP = 100.0, 102.0


def unit(times, timerange=(START, STOP)):
    return {"time": np.array(times, dtype=np.float64)[:, None], "timerange": np.array([timerange]), "meanrate": 0.5}


def cells(*content):
    """A row of MATLAB cells."""
    row = np.empty((1, len(content)), dtype=object)
    row[0] = content
    return row


EMPTY = np.zeros((1, 0))
TETRODES = [cells(unit([100.5, 101.0001]), EMPTY, unit([])), EMPTY, cells(EMPTY, unit([100.1, 100.1, 101.9]))]


def spikes(tetrodes=TETRODES):
    file = io.BytesIO()
    savemat(file, {"spikes": cells(cells(cells(*tetrodes)))})
    return file.getvalue()


def trajectory(x, seconds=None, head=SETTINGS):
    seconds = START + np.arange(len(x)) / 60 if seconds is None else np.asarray(seconds)
    frames = np.zeros(len(x), dtype=FRAME)
    frames["clock"], frames["x"], frames["y"] = np.round(seconds * 30_000), x, 7
    return head + frames.tobytes()


@pytest.fixture
def files(cache, register):
    """Puts files of the given contents where the book finds them."""

    def put(mat=None, video=None):
        for name, content in ((SPIKES, mat or spikes()), (TRAJECTORY, video or trajectory([3, 3, 4]))):
            register(name, content)
            (cache / name).parent.mkdir(exist_ok=True)
            (cache / name).write_bytes(content)

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


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"mat": spikes([EMPTY])}, "expected units of one time range, got 0 units"),
        ({"mat": spikes([cells(unit([100.5]), unit([100.5], (100, 103)))])}, "got 2 units of 2"),
        ({"mat": spikes([cells(unit([100.5, 100.4]))])}, r"unit 0 .* out of order or outside of 100\.0 to 102\.0 s"),
        ({"mat": spikes([cells(unit([99.0]))])}, "unit 0 .* outside"),
        ({"mat": spikes([cells(unit([np.nan]))])}, "unit 0 .* outside"),
        ({"mat": spikes([cells({"time": np.ones((2, 2)), "timerange": np.ones((1, 2))})])}, "expected a row"),
        ({"mat": spikes([cells({"spikes": 1.0})])}, "damaged, or not of the expected form"),
        ({"mat": b"MATLAB 5.0"}, "damaged, or not of the expected form"),
        ({"video": trajectory([3, 4], head=SETTINGS.replace(b"uint32", b"uint64"))}, "settings are of another form"),
        ({"video": trajectory([3, 4], head=SETTINGS.replace(b"clockrate", b"rate"))}, "damaged"),
        ({"video": trajectory([3, 4])[:-1]}, "damaged"),
        ({"video": trajectory([])}, "there is no frame"),
        ({"video": trajectory([3, 4], [101, 100])}, "not in the order of time"),
    ],
)
def test_files_that_contradict_themselves_are_refused(files, broken, message):
    files(**broken)
    name = SPIKES if "mat" in broken else TRAJECTORY
    with pytest.raises(data.DataError, match=rf"{name}: .*{message}"):
        data.hippocampus()


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
