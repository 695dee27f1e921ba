"""The five numbers of a network are those that numpy finds; the authors' networks are what their repository says."""

import numpy as np
import pytest
import torch
from data_files import NOT_AT_HAND

from brainlib.data import DataUnavailable
from brainlib.timescales import LeakyRNN
from chapters.timescales import lesions, released
from chapters.timescales.released import OFFICIAL, SPAN, summary


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
