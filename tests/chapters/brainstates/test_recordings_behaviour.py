"""Running, pausing and resting: labels from places, blocks with a part of each, and what a path of states tells."""

from pathlib import Path

import numpy as np
import pytest
import torch

from brainlib.data import Hippocampus, Located
from brainlib.data.registry import REGISTRY
from chapters.brainstates import recordings
from chapters.brainstates.recordings import PAUSE, REST, RUN, UNSEEN, Setting
from chapters.brainstates.states import by_chance, information

SOURCE = Located(Path("nowhere"), "cache", REGISTRY["hippocampus_linear_track/spikes.mat"])


def made_up() -> Hippocampus:
    """70 s: it pauses for 20, runs for 20 at 30 pixels a second, and from 40.25 s on the light is not seen."""
    frames = np.arange(0, 70, 0.05)
    x = np.interp(frames, [0, 20, 40, 40.2], [0, 2, 602, 610])
    x[frames > 40.22] = np.nan
    return Hippocampus(
        times=[np.arange(0.1, 70, 0.5), np.array([3.0]), np.arange(20, 40, 0.1)],
        start_s=0.0,
        stop_s=70.0,
        source=SOURCE,
        tetrodes=torch.tensor([1, 1, 2]),
        frames_s=torch.from_numpy(frames),
        places_px=torch.from_numpy(np.stack([x, 0 * x], 1)),
    )


def test_labels_by_hand():
    found = recordings.label(made_up(), torch.tensor([0.0, 10.0, 25.0, 39.5, 40.5, 69.0], dtype=torch.float64))
    assert found.tolist() == [PAUSE, PAUSE, RUN, RUN, REST, REST]


def test_a_beginning_that_is_not_seen_is_no_pause_and_the_jump_out_of_it_no_run():
    recording = made_up()
    recording.places_px[:60] = torch.nan  # 3 s
    found = recordings.label(recording, torch.tensor([0.0, 2.9, 3.1, 3.3, 25.0, 40.5], dtype=torch.float64))
    assert found.tolist() == [UNSEEN, UNSEEN, UNSEEN, PAUSE, RUN, REST]


def test_pieces_of_the_track_and_of_the_rest_are_held_out_together(monkeypatch):
    monkeypatch.setattr(recordings, "hippocampus", made_up)
    sample = recordings.read(Setting("hippocampus", 250.0, 5.0, 2, {}, {}))
    assert sample.trials.counts.shape == (8 + 5, 20, 2)  # the neuron with a single spike is left out
    assert sample.behaviour.shape == (13, 20)
    assert (sample.behaviour[:8] != REST).all() and (sample.behaviour[8:] == REST).all()
    assert (sample.behaviour[:3] == PAUSE).all() and (sample.behaviour[5:7] == RUN).all()
    seen, held_out = sample.split(1, 3)
    assert held_out.tolist() == [3, 4, 5, 10, 11]
    assert seen.tolist() == [0, 1, 2, 8, 9, 6, 7, 12]  # the last share, which tunes, has both


def test_a_state_that_is_the_behaviour_tells_all_and_another_nothing():
    behaviour = torch.tensor([[0, 0, 0, 0], [1, 1, 2, 2]])
    assert information(behaviour, behaviour) == pytest.approx(1)
    assert information(2 - behaviour, behaviour) == pytest.approx(1)
    assert information(torch.tensor([[0, 1, 0, 1], [0, 1, 0, 1]]), behaviour) == pytest.approx(0, abs=1e-12)
    half = information((behaviour > 0).long(), behaviour)  # 1 bit of 1.5
    assert half == pytest.approx(1 / 1.5)
    unseen = torch.cat((behaviour, torch.full((2, 1), UNSEEN)), 1)
    assert information(torch.tensor([[3, 3, 3, 3, 7], [1, 1, 2, 2, 0]]), unseen) == pytest.approx(1)


def test_chance_is_the_behaviour_of_other_pieces():
    behaviour = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]])
    assert by_chance(behaviour, behaviour) == pytest.approx(0, abs=1e-12)
    same = behaviour[:1].expand(3, 4)
    assert by_chance(same, same) == pytest.approx(1)
