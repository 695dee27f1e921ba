import importlib

import pytest
import torch

from brainlib.timescales import GatedRNN, LeakyRNN
from brainlib.timescales.measures import activity, autocorrelation, dimensionality, fit_decay, record


def loners(tau: torch.Tensor) -> LeakyRNN:
    """Units that hear the input alone and never get below zero, so that they are linear: autocorrelation (1 - a)^k."""
    network = LeakyRNN(len(tau), 1, tau=tau, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for weight in (network.weight, network.recurrent_bias, network.input_bias):
            weight.zero_()
        network.input_weight.fill_(1.0)
    return network


@pytest.mark.parametrize("rate", [None, 0.5])
def test_a_leaky_unit_alone_forgets_as_its_leak_says(rate):
    tau = torch.tensor([2.0, 4.0, 8.0])
    found = activity(loners(tau), torch.Generator().manual_seed(1), 4000, 16, rate).tau_net
    expected = -1 / torch.log(1 - 1 / tau)
    assert found.single.tolist() == pytest.approx(expected.tolist(), rel=0.07)


def test_trials_may_be_simulated_in_groups(monkeypatch):
    module = importlib.import_module("brainlib.timescales.measures.activity")
    lengths = []
    record = module.record
    monkeypatch.setattr(module, "AT_ONCE", 2 * 3 * 2000)
    monkeypatch.setattr(module, "record", lambda *given: lengths.append(given[2]) or record(*given))
    found = activity(loners(torch.tensor([2.0, 4.0, 8.0])), torch.Generator().manual_seed(1), 2000, 5)
    assert lengths == [2, 2, 1] and found.tau_net.share == 1


def test_no_random_number_of_the_callers_is_drawn():
    before = torch.get_rng_state()
    runs = [activity(loners(torch.tensor([2.0, 4.0])), torch.Generator().manual_seed(3), 500, 2) for _ in range(2)]
    assert runs[0].tau_net.values.equal(runs[1].tau_net.values) and torch.get_rng_state().equal(before)


@pytest.mark.parametrize("network", [LeakyRNN(12, 2), GatedRNN("gru", 12, 2)], ids=["leaky", "gru"])
def test_both_are_of_one_recording(network):
    states = record(network, 400, 3, torch.Generator().manual_seed(0), rate=0.5)
    found = activity(network, torch.Generator().manual_seed(0), 400, 3, rate=0.5, lags=10)
    assert found.dimensions == dimensionality(states)
    torch.testing.assert_close(found.tau_net, fit_decay(autocorrelation(states, 10)), equal_nan=True)


def test_unfit_arguments():
    with pytest.raises(ValueError, match="trials: got 0"):
        activity(loners(torch.tensor([2.0])), torch.Generator(), 100, 0)
    with pytest.raises(ValueError, match="length: got 0"):
        activity(loners(torch.tensor([2.0])), torch.Generator(), 0, 1)
