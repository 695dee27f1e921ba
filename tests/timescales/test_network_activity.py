import pytest
import torch

from brainlib.timescales import LeakyRNN
from brainlib.timescales.activity import activity, dimensionality, record


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


def test_unfit_arguments():
    with pytest.raises(ValueError, match="trials: got 0"):
        activity(loners(torch.tensor([2.0])), torch.Generator(), 100, 0)
    with pytest.raises(ValueError, match="length: got 0"):
        activity(loners(torch.tensor([2.0])), torch.Generator(), 0, 1)


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
    with pytest.raises(ValueError, match=r"share: got 1\.0"):
        dimensionality(torch.randn(5, 1, 2), 1.0)
    with pytest.raises(ValueError, match="states: got values that are not finite"):
        dimensionality(torch.full((5, 1, 2), torch.inf))
