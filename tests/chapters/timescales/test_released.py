"""The five numbers of a network are those that numpy finds, and the released ones keep to what is known of them."""

import numpy as np
import pytest
import torch

from brainlib.timescales import LeakyRNN
from chapters.timescales.released import EPOCHS, SUMMARIES, Summary


def test_a_summary_is_what_numpy_finds():
    network = LeakyRNN(7, 2, generator=torch.Generator().manual_seed(5))
    weight, tau = network.weight.detach().numpy().astype(float), network.tau.numpy()
    off_diagonal = weight[~np.eye(7, dtype=bool)]
    found = Summary.of(network)
    assert found.weight_mean == pytest.approx(off_diagonal.mean(), rel=1e-5)
    assert found.spectral_radius == pytest.approx(np.abs(np.linalg.eigvals(weight)).max(), rel=1e-5)
    assert (found.tau_mean, found.tau_max) == pytest.approx((tau.mean(), tau.max()), rel=1e-6)
    assert found.tau_std == pytest.approx(tau.std(ddof=1), rel=1e-5)


def test_an_untrained_network_of_the_papers_size_looks_as_the_released_one():
    found = Summary.of(LeakyRNN(500, 1, generator=torch.Generator().manual_seed(0)))
    assert found.tau_mean == pytest.approx(1.5, abs=0.04)  # three standard errors
    assert found.spectral_radius == pytest.approx(0.589, abs=0.04)


def test_the_released_curricula_agree_on_their_first_span_and_cover_the_same_ones():
    single, multi = SUMMARIES["single-head"], SUMMARIES["multi-head"]
    assert single[2] == multi[2]
    assert set(single) == set(multi) <= set(EPOCHS["single-head"])
    for epochs in EPOCHS.values():
        assert list(epochs) == list(range(2, 12))
        assert all(a < b for a, b in zip(epochs.values(), list(epochs.values())[1:], strict=False))
