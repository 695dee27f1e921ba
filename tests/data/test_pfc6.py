"""Rats in a maze: files that the test writes in the form of CRCNS pfc-6."""

import numpy as np
import pytest
import torch

from brainlib import data

STARTS_MS = [1_968_759.3, 1_993_249.2, 2_005_927.9]
BEHAVIOUR = "".join(
    f"{start}\t{start + 2836.0}\t{rule}\t{correct}\t1\t0\n"
    for start, rule, correct in zip(STARTS_MS, (4, 4, 1), (0, 1, 1), strict=True)
)
SPIKES_MS = [  # after the start of the trial, trial, neuron
    (-5000.1, 0, 2),  # before the first bin
    (-5000.0, 0, 2),
    (-4980.1, 0, 2),
    (-4980.0, 0, 7),
    (0.0, 1, 5),
    (5.5, 1, 5),
    (9999.9, 2, 5),
    (10_000.0, 2, 5),  # after the last
]
SPIKES = "".join(f"{STARTS_MS[trial] + after:9.1f}\t{neuron}\n" for after, trial, neuron in SPIKES_MS)


@pytest.fixture
def folder(tmp_path):
    def write(spikes=SPIKES, behaviour=BEHAVIOUR, session="200104"):
        (tmp_path / session).mkdir()
        for table, text in (("SpikeData", spikes), ("Behavior", behaviour)):
            (tmp_path / session / f"{session}_{table}.dat").write_text(text)
        return tmp_path

    return write


def test_trials_around_their_starts(folder):
    found = data.pfc6(folder())
    assert found.trials.counts.shape == (3, 750, 3) and found.trials.bin_ms == 20.0
    assert [place.tolist() for place in found.trials.counts.nonzero()] == [
        [0, 0, 0],
        [0, 1, 2],
        [1, 250, 1],
        [2, 749, 1],
    ]
    assert found.trials.counts.amax((1, 2)).tolist() == [2, 2, 1]
    assert found.duration_s.tolist() == pytest.approx([2.836] * 3)
    assert found.rule.tolist() == [4, 4, 1]
    assert found.correct.tolist() == [False, True, True]
    assert found.went_left.tolist() == [True] * 3 and found.light_left.tolist() == [False] * 3
    assert found.rule.dtype == torch.int64 and "Peyrache" in found.source


def test_another_session(folder):
    found = data.pfc6(str(folder(session="181012")), "181012")
    assert found.trials.spikes == 6


@pytest.mark.parametrize(
    ("spikes", "behaviour", "message"),
    [
        ("", BEHAVIOUR, r"SpikeData\.dat: got a table of shape \(0, 1\), expected finite numbers in 2 columns"),
        ("1.0\t1\t1\n", BEHAVIOUR, r"SpikeData\.dat: got a table of shape \(1, 3\)"),
        (SPIKES + "1.0\n", BEHAVIOUR, r"SpikeData\.dat: not a table of numbers"),
        (SPIKES + "\x00\n", BEHAVIOUR, r"SpikeData\.dat: not a table of numbers"),
        (SPIKES + "nan\t1\n", BEHAVIOUR, r"SpikeData\.dat: got a table .* expected finite"),
        (SPIKES + "1.0\t1.5\n", BEHAVIOUR, r"SpikeData\.dat: got a number with a fraction"),
        (SPIKES, "start\tend\n", r"Behavior\.dat: not a table of numbers"),
        (SPIKES, "2.0\t1.0\t1\t1\t1\t1\n", r"Behavior\.dat: a trial ends before it starts"),
        (SPIKES, "1.0\t2.0\t5\t1\t1\t1\n", r"Behavior\.dat: expected rules from 1 to 4"),
        (SPIKES, "1.0\t2.0\t1\t1\t2\t1\n", r"Behavior\.dat: expected .* 0 or 1"),
    ],
)
def test_tables_of_another_form_are_refused(folder, spikes, behaviour, message):
    with pytest.raises(data.DataError, match=message):
        data.pfc6(folder(spikes, behaviour))


def test_bytes_that_are_no_text_are_refused(folder):
    path = folder() / "200104" / "200104_SpikeData.dat"
    path.write_bytes(np.random.default_rng(0).bytes(200))
    with pytest.raises(data.DataError, match="not a table of numbers"):
        data.pfc6(path.parents[1])


def test_what_is_missing_is_told_and_how_to_get_it(folder, tmp_path):
    with pytest.raises(ValueError, match=r"folder: got .*nowhere', expected a folder that exists"):
        data.pfc6(tmp_path / "nowhere")
    with pytest.raises(data.DataUnavailable, match=r"200104_SpikeData\.dat, .*200104_Behavior\.dat: missing.*crcns"):
        data.pfc6(tmp_path)
    (folder() / "200104" / "200104_Behavior.dat").unlink()
    with pytest.raises(
        data.DataUnavailable, match=r"200104_Behavior\.dat: missing\. Make an account .*Peyrache"
    ) as told:
        data.pfc6(tmp_path)
    assert "SpikeData" not in str(told.value)
