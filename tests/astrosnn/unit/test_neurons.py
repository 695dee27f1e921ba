"""Layers of spiking neurons: their equations, starts, states, bad input, and their place in `nn.Sequential`."""

import pytest
import torch
from refusals import refused

from brainlib.astrosnn import AMSU, AMSUConfig, reference
from brainlib.astrosnn.neurons import ALIF, LIF, PLIF

KINDS = (LIF, PLIF, ALIF)


def currents(batch=2, time=40, channels=6):
    return 2 * torch.randn(batch, time, channels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(neurons, current):
    if not isinstance(neurons, ALIF):
        beta = 1 - 1 / neurons.tau if isinstance(neurons, LIF) else 1 / (1 + (-neurons.decay).exp())
        return reference.lif(current.transpose(0, 1), beta=beta, threshold=neurons.threshold)[0].transpose(0, 1)
    m, a, rho, spikes = 0, 0, 1 / (1 + (-neurons.decay).exp()), []
    for drive in current.unbind(1):
        u = (1 - 1 / neurons.tau) * m + drive
        s = reference.spike(u - (neurons.threshold + neurons.weight * a))
        m, a = u * (1 - s.detach()), rho * a + (1 - rho) * s
        spikes.append(s)
    return torch.stack(spikes, 1)


def assert_same(neurons, current):
    results, leaves = [], [current.requires_grad_(), *neurons.parameters()]
    for spikes in (neurons(current), by_hand(neurons, current)):
        results.append([spikes, *torch.autograd.grad(spikes.cumsum(1).sin().sum(), leaves)])
    assert all(gradient.any() for gradient in results[0])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_equations(kind):
    assert_same(kind(6, threshold=0.8).double(), currents())


@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_learn(kind):
    neurons = kind(6, learn_threshold=True).double()
    with torch.no_grad():
        neurons.threshold += torch.linspace(-0.3, 0.3, 6)
    assert_same(neurons, currents())


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_may_be_cut_anywhere(kind):
    neurons, current = kind(6).double(), currents()
    whole, last = neurons(current, return_state=True)
    first, between = neurons(current[:, :13], return_state=True)
    second, end = neurons(current[:, 13:], between.detached(), return_state=True)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-12, atol=1e-12)
    assert all((a is b is None) or torch.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(end, last, strict=True))


def test_time_constants_start_from_fast_to_slow():
    tau = 1 / (1 - torch.sigmoid(ALIF(5).double().decay))
    torch.testing.assert_close(tau[[0, 2, -1]], torch.tensor([20.0, 200.0, 2000.0]).double(), rtol=1e-3, atol=0)


def test_bad_currents_and_states(unchecked):
    neurons, current = LIF(6).double(), currents()
    refused(r"current: got shape \(2, 40, 5\), expected \(batch, time, channels = 6\)", neurons, current[..., :5])
    state = neurons(current, return_state=True)[1]
    refused("state: got AMSUState, expected NeuronState", neurons, current, AMSU(AMSUConfig(dim=8)).initial_state(2))
    refused(r"state.adaptation: got None, expected", ALIF(6).double(), current, state)


def test_bad_options():
    refused("channels: got 0, expected a whole number of at least 1", LIF, 0)
    refused("tau: got 0.5, expected a time constant of at least 1 step", LIF, 4, tau=0.5)
    refused("threshold: got 0.0, expected a positive number", LIF, 4, threshold=0.0)
