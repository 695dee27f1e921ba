"""The authors' networks are what their repository says; those of chapter 3's page are what the chapter says."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from data_files import NOT_AT_HAND
from known_network import known_network

from brainlib.data import DataUnavailable
from brainlib.timescales import LeakyRNN
from brainlib.timescales.curricula import multi_head
from brainlib.timescales.evaluation import running_test
from brainlib.timescales.training import CurriculumConfig, Epoch, TauSummary, TrainedNetwork
from chapters.timescales import lesions, live_network, released
from chapters.timescales.networks import CONDITIONS, MULTI, SINGLE
from chapters.timescales.released import OFFICIAL, SPAN, summary
from chapters.timescales.settings import SETTINGS


def test_a_summary_is_what_numpy_finds():
    network = LeakyRNN(7, 2, generator=torch.Generator().manual_seed(5))
    weight, tau = network.weight.detach().numpy().astype(float), network.tau.numpy()
    off_diagonal, radius = weight[~np.eye(7, dtype=bool)], np.abs(np.linalg.eigvals(weight)).max()
    expected = tau.mean(), tau.std(ddof=1), tau.max(), off_diagonal.mean(), radius
    assert tuple(summary(network).values()) == pytest.approx(expected, rel=1e-5)


def test_the_released_curricula_agree_on_their_first_span_and_cover_the_same_ones():
    single, multi = OFFICIAL["networks"]["single-head"], OFFICIAL["networks"]["multi-head"]
    assert single["2"] == multi["2"] and set(single) == set(multi)
    for epochs in OFFICIAL["epochs"].values():
        assert list(map(int, epochs)) == list(range(2, 12))
        assert list(epochs.values()) == sorted(set(epochs.values()))


def test_the_authors_networks_are_measured_as_ours_are(monkeypatch):
    monkeypatch.setattr("brainlib.data.doors.RETRIES", 0)
    try:
        found = released.networks()
    except DataUnavailable as error:
        pytest.skip(f"{NOT_AT_HAND}{error.file}")
    for condition in released.CONDITIONS:
        expected = OFFICIAL["networks"][condition][str(SPAN)]
        assert tuple(summary(found[condition].network).values()) == pytest.approx(expected, abs=6e-3)
    for one in found.values():
        spans = list(one.heads)
        test = one.test(torch.Generator().manual_seed(0), spans)
        assert one.span == SPAN and min(test.accuracy(one.network)) > 0.97
    pair = {condition: found[condition] for condition in released.CONDITIONS}
    sizes = lesions.Lesions(1, 1, (0.464,), (0.1,), 2, 2, (3,), 1)
    for left in lesions.pushed(pair, sizes, 0)["equal"].values():
        (single,), (multi,) = (left[condition].values() for condition in released.CONDITIONS)
        assert multi > single


def test_a_network_comes_back_with_its_heads_and_facts(tmp_path):
    network, tau = known_network(), TauSummary(2.0, 1.7, 5.0, 0.75)
    config = CurriculumConfig("parity", multi_head(), units=4, heads=3, largest_span=4)
    history = [Epoch((2,), (1.0,), True, 0.0, tau, 0.0), Epoch((2, 3), (1.0, 1.0), True, 0.0, tau, 0.0)]
    one = TrainedNetwork(config, 7, network, history, dict.fromkeys((1, 2), network.state_dict()), "here")
    live_network.write([one], 3, tmp_path / "network.safetensors")
    found, facts = live_network.load("multi-head", tmp_path / "network.safetensors")
    assert (found.units, found.heads, facts["seed"], facts["spans"]) == (4, 2, 7, [2, 3])
    bits = torch.ones(5, 1, 1)
    assert torch.allclose(found(bits), network(bits, heads=[0, 1]), rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="span: got 4"):
        live_network.write([one], 4, tmp_path / "network.safetensors")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_committed_file_is_of_the_laptop_run_and_small(condition):
    _, facts = live_network.load(condition)
    assert len(live_network.PATH.read_bytes()) < 60_000
    expected = SETTINGS["laptop"].conditions[condition]
    assert facts["config"] == json.loads(json.dumps(asdict(expected))) and facts["provenance"]["revision"]


def test_one_network_misses_its_slowest_units_least_and_the_other_most():
    multi, single = live_network.lost(MULTI), live_network.lost(SINGLE)
    assert min(multi["intact"]) > 0.99 and min(multi["slowest"]) > 0.98 and min(single["intact"]) > 0.97
    for what in ("fastest", "random", "pushed", "stretched"):
        assert multi[what][-1] < min(0.95, multi["slowest"][-1]), what
        assert single[what][-1] > single["slowest"][-1], what


def test_shorter_time_constants_break_the_single_head_network_alone_and_no_original_is_touched():
    right = {}
    for condition in CONDITIONS:
        network, facts = live_network.load(condition)
        tau, spans = network.tau.clone(), facts["spans"]
        test = running_test(network, "parity", spans, range(len(spans)), torch.Generator().manual_seed(0))
        right[condition] = min(test.accuracy(live_network.stretched(network, 0.5)))
        assert network.tau.equal(tau)
    assert right[MULTI] > 0.98 and right[SINGLE] < 0.6
