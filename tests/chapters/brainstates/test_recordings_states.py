"""Running, pausing, resting and where it runs: labels from places, and what states and the rate tell of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters, sticky
from brainlib.data import Hippocampus, Located, Trials
from brainlib.data.registry import REGISTRY
from brainlib.ledger import Record, read_claims
from brainlib.ledger.verdicts import judge
from chapters.brainstates import measures, recordings, states
from chapters.brainstates.fits import HMM
from chapters.brainstates.recordings import PAUSE, REST, RUN, UNSEEN, Sample, Setting
from chapters.brainstates.states import DOING, OTHERS, RATE, WHERE, by_chance, information

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
    sample = recordings.read(Setting("hippocampus", 250.0, 5.0))
    assert sample.trials.counts.shape == (8 + 5, 20, 3) and sample.behaviour.shape == (13, 20)
    assert (sample.behaviour[:8] != REST).all() and (sample.behaviour[8:] == REST).all()
    assert (sample.behaviour[:3] == PAUSE).all() and (sample.behaviour[5:7] == RUN).all()
    assert [part.tolist() for part in sample.cut(3)] == [[0, 1, 2, 8, 9], [3, 4, 5, 10, 11], [6, 7, 12]]


def test_stretches_of_the_track_are_those_of_running(monkeypatch):
    monkeypatch.setattr(recordings, "hippocampus", made_up)
    sample = recordings.read(Setting("hippocampus", 250.0, 5.0))
    run = sample.stretch[sample.stretch != UNSEEN]
    up = run if run[0] == 0 else 4 - run  # which end is 0 is not said
    assert (sample.stretch[sample.behaviour != RUN] == UNSEEN).all()
    assert (up.diff() >= 0).all() and up.bincount().tolist() == pytest.approx([16] * 5, abs=2)


def test_a_state_that_is_the_label_tells_all_and_another_nothing():
    labels = torch.tensor([[0, 0, 0, 0], [1, 1, 2, 2]])
    assert information(labels, labels) == pytest.approx(1)
    assert information(2 - labels, labels) == pytest.approx(1)
    assert information(torch.tensor([[0, 1, 0, 1], [0, 1, 0, 1]]), labels) == pytest.approx(0, abs=1e-12)
    half = information((labels > 0).long(), labels)  # 1 bit of 1.5
    assert half == pytest.approx(1 / 1.5)
    unseen = torch.cat((labels, torch.full((2, 1), UNSEEN)), 1)
    assert information(torch.tensor([[3, 3, 3, 3, 7], [1, 1, 2, 2, 0]]), unseen) == pytest.approx(1)


def test_chance_is_the_labels_of_shuffled_pieces():
    labels = torch.arange(40)[:, None].expand(40, 50) % 2  # all of a piece is alike, as run and rest are
    assert by_chance(labels, labels) < 0.05
    same = torch.arange(50).expand(40, 50) % 2
    assert by_chance(same, same) == pytest.approx(1)


def test_the_rate_tells_what_is_in_the_rate():
    labels = torch.arange(400).div(20, rounding_mode="floor").remainder(2).view(2, 200)
    counts = torch.poisson(2.0 + 4 * labels[..., None].expand(2, 200, 5), generator=torch.Generator().manual_seed(0))
    trials = Trials.from_sequences(list(counts), 100.0)
    levels = states.rate_levels(trials, trials, labels, 2)
    assert set(levels.unique().tolist()) == {0, 1} and levels.double().mean() == pytest.approx(0.5, abs=0.05)
    assert information(levels, labels) > 0.8


def test_states_go_from_quiet_to_busy():
    counts = [torch.tensor([[0, 0], [0, 0], [9, 1], [9, 3]]), torch.tensor([[9, 2], [0, 0], [0, 0], [0, 0]])]
    data = design(Trials.from_sequences(counts, 100.0), coupling=False)
    bias = Emission().inverse_link(torch.tensor([[9.0, 2.0], [0.01, 0.01]]))
    parameters = Parameters(bias[..., None], sticky(2, 0.5).log().float(), torch.tensor([0.5, 0.5]).log())
    order = states.quiet_to_busy(parameters, data)
    assert order.tolist() == [1, 0]
    assert states.decode(parameters, data, order).tolist() == [[0, 0, 1, 1], [1, 0, 0, 0]]


def test_a_tour_is_the_share_of_each_state_at_each_place():
    place = torch.linspace(0, 0.99, 100, dtype=torch.float64).view(2, 50)
    trials = Trials.from_sequences([np.zeros((50, 1))] * 2, 100.0)
    sample = Sample(trials, "made up", behaviour=torch.full((2, 50), RUN), place=place)
    share = states.tour(sample, (place >= 0.5).long(), bins=4)
    assert share.tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize(("lead", "others", "outcome"), [(0.0, 0.0, "fails"), (0.2, 0.0, "holds"), (0.2, 0.2, "void")])
def test_claims_on_behaviour(monkeypatch, lead, others, outcome):
    noise = 0.01 * np.random.default_rng(0).normal(size=5)
    one = {HMM: (lead + 0.1 + noise).tolist(), RATE: [0.1] * 5}
    one |= {f"{HMM}, {OTHERS}": (others + noise).tolist(), f"{RATE}, {OTHERS}": [0.0] * 5}
    monkeypatch.setattr(states, "told", lambda profile, seed: {DOING: one, WHERE: one})
    claims = read_claims("chapters/brainstates/claims.toml")
    for id, found in measures.behaviour("laptop", 0, "cpu").items():
        record = Record(id, tuple(found.effect), tuple(found.seeds), "laptop", {}, tuple(found.control))
        assert judge(claims[id], record)[0] == outcome
