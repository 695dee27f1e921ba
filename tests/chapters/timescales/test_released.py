"""The five numbers of a network are those that numpy finds, and the released ones keep to what is known of them."""

import numpy as np
import pytest
import torch

from brainlib.timescales import LeakyRNN
from chapters.timescales.released import OFFICIAL, summary


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
