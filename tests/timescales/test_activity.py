"""Autocorrelations and their time constants, and the dimensions of activity."""

import math

import pytest
import torch
from refusals import refused

from brainlib.timescales import LeakyRNN
from brainlib.timescales.activity import activity, dimensionality, record
from brainlib.timescales.autocorrelation import TauNet, autocorrelation, fit_decay


def autoregressive(factors: list[float], length: int, sequences: int = 4, seed: int = 0) -> torch.Tensor:
    """h_t = factor h_{t-1} + noise, of variance 1, a unit for each factor: the autocorrelation at lag k is factor^k."""
    generator = torch.Generator().manual_seed(seed)
    factor = torch.tensor(factors, dtype=torch.float64)
    noise = torch.randn(length, sequences, len(factors), generator=generator, dtype=torch.float64)
    noise[1:] *= (1 - factor**2).sqrt()
    states = [noise[0]]
    for step in noise[1:]:
        states.append(factor * states[-1] + step)
    return torch.stack(states)


def decay(tau: float) -> float:
    return math.exp(-1 / tau)


def test_the_autocovariance_is_the_mean_over_pairs():
    states = torch.randn(50, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    states += torch.tensor([7.0, -5.0, 0.0], dtype=torch.float64)[:, None]  # a mean of its own each
    centred = states - states.mean(0)
    by_lag = torch.stack([(centred[: 50 - k] * centred[k:]).sum(0) / (50 - k) for k in range(6)]).mean(1)
    torch.testing.assert_close(autocorrelation(states, lags=5), by_lag / by_lag[0], rtol=1e-11, atol=1e-11)


def test_the_series_may_be_transformed_in_groups(monkeypatch):
    states = autoregressive([0.3, 0.8, 0.9], 100)
    whole = autocorrelation(states, 5)
    monkeypatch.setattr("brainlib.timescales.autocorrelation.AT_ONCE", 5 * 128)
    torch.testing.assert_close(autocorrelation(states, 5), whole, rtol=1e-13, atol=1e-13)


def test_the_time_constant_of_an_autoregressive_process_is_found():
    taus = [2.0, 4.0, 8.0] * 4
    states = autoregressive([decay(tau) for tau in taus], 3000, sequences=24)
    found = fit_decay(autocorrelation(states, 30))
    assert found.share == 1
    agree = (found.values / torch.tensor(taus) - 1).abs() < 0.05
    assert 0.5 <= agree.double().mean() < 1  # of the others the second exponential fits noise
    assert (found.values > 0.95 * torch.tensor(taus)).all()


@pytest.mark.parametrize("start", [1.0, 0.6])
@pytest.mark.parametrize("tau", [0.5, 1.5, 6.0, 40.0])
def test_an_exact_exponential(tau, start):
    curve = start * torch.exp(-torch.arange(31, dtype=torch.float64) / tau)
    assert fit_decay(curve[:, None]).values.item() == pytest.approx(tau, rel=1e-4)


@pytest.mark.parametrize(("fast", "slow", "share"), [(1.0, 8.0, 0.5), (2.0, 12.0, 0.7), (3.0, 30.0, 0.4)])
def test_an_exact_sum_of_two(fast, slow, share):
    t = torch.arange(31, dtype=torch.float64)
    curve = share * torch.exp(-t / fast) + (1 - share) * torch.exp(-t / slow)
    assert fit_decay(curve[:, None]).values.item() == pytest.approx(slow, rel=1e-3)


def test_what_fluctuates_or_alternates_does_not_survive():
    states = torch.cat((autoregressive([0.0, -0.9], 5000), torch.ones(5000, 4, 1).double()), dim=2)
    states = torch.cat((states, autoregressive([decay(3.0)], 5000, seed=1)), dim=2)
    found = fit_decay(autocorrelation(states, 30))
    assert found.share == 1 / 4
    assert found.values[2].isnan() and not found.values[:2].isnan().any()


def test_statistics_are_those_of_the_survivors():
    values = torch.tensor([torch.nan, 0.4, 1.0, 2.0, 3.0, 10.0], dtype=torch.float64)
    tau_net = TauNet(values)
    assert (tau_net.share, tau_net.mean, tau_net.median) == (0.5, 5.0, 3.0)
    nobody = TauNet(torch.tensor([0.5, torch.nan], dtype=torch.float64))
    assert nobody.share == 0 and all(math.isnan(value) for value in (nobody.mean, nobody.median))


def test_unfit_arguments():
    refused("lags: got 1, expected at least 2", autocorrelation, torch.zeros(5, 1, 1), 1)
    refused("fewer than the 5 states", autocorrelation, torch.zeros(5, 1, 1), 5)


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
    assert found.values.tolist() == pytest.approx(expected.tolist(), rel=0.07)


def test_unfit_recordings():
    refused("trials: got 0", activity, loners(torch.tensor([2.0])), torch.Generator(), 100, 0)
    refused("length: got 0", activity, loners(torch.tensor([2.0])), torch.Generator(), 0, 1)


def with_variances(variances: list[float], units: int = 12, time: int = 200, seed: int = 0) -> torch.Tensor:
    """One sequence whose principal components have exactly these variances, up to a factor."""
    generator = torch.Generator().manual_seed(seed)

    def orthonormal(rows: int, columns: int) -> torch.Tensor:
        drawn = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
        return torch.linalg.qr(drawn - drawn.mean(0)).Q

    deviations = torch.tensor(variances, dtype=torch.float64).sqrt()
    states = (orthonormal(time, len(variances)) * deviations) @ orthonormal(units, len(variances)).T
    return (states + torch.randn(units, generator=generator, dtype=torch.float64))[:, None]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1), (0.8, 2), (0.9, 3), (0.97, 4)])
def test_components_are_counted_until_they_hold_more_than_the_share(share, expected):
    assert dimensionality(with_variances([0.05, 0.6, 0.1, 0.25]), share) == expected


def test_sequences_count_by_themselves():
    """Two lines in different directions: one dimension each, not two."""
    lines = torch.cat((with_variances([1.0], seed=1), with_variances([1.0], seed=2)), dim=1)
    assert dimensionality(lines) == 1
    assert dimensionality(torch.cat((lines, with_variances([1.0, 1.0])), dim=1)) == pytest.approx(4 / 3)


def test_rest_has_no_dimension():
    assert dimensionality(torch.full((30, 2, 4), 0.1)) == 0


def test_the_beginning_is_not_recorded():
    """From any state to the same activity, as far as the burn-in reaches."""
    network = LeakyRNN(12, 2, generator=torch.Generator().manual_seed(0))
    first, second = (record(network, 20, 2, torch.Generator().manual_seed(seed), rate=1.0) for seed in (1, 2))
    torch.testing.assert_close(first, second)


def test_states_without_a_dimension_are_refused():
    refused(r"share: got 1\.0", dimensionality, torch.randn(5, 1, 2), 1.0)
    refused("states: got values that are not finite", dimensionality, torch.full((5, 1, 2), torch.inf))
