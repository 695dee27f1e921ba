"""The unit, and layers of spiking neurons, against their equations in float64; starts, states, bad input."""

import math

import pytest
import torch
from reference_units import ASTROCYTES, SWITCHES, by_hand, some_state, tokens, unit
from refusals import refused

from brainlib.astrosnn import reference
from brainlib.astrosnn.neurons import ALIF, LIF, PLIF
from brainlib.astrosnn.unit import AMSU, AMSUConfig, AMSUState


def name(switches):
    return " ".join(str(value) for value in switches.values())


def present(tensors):
    return [tensor for tensor in tensors if tensor is not None]


def everything(built, run):
    """Outputs, last state, and the gradients of a loss that reads them all."""
    x, state = tokens().requires_grad_(), some_state(built)
    state = AMSUState(*(s if s is None else s.requires_grad_() for s in state))
    found = present(run(built, x, state))
    loss = sum(((i + 1) * tensor + 0.3).sin().sum() for i, tensor in enumerate(found))
    leaves = [x, *present(state), *built.parameters()]
    return [*found, *torch.autograd.grad(loss, leaves)]


def at_once(built, x, state):
    y, after = built(x, state, return_state=True)
    return y, *after


def by_token(built, x, state):
    ys = []
    for token in x.unbind(1):
        y, state = built.step(token, state)
        ys.append(y)
    return torch.stack(ys, 1), *state


def assert_same(found, expected, tolerance=1e-10):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("switches", SWITCHES, ids=name)
def test_values_and_gradients_are_those_of_the_equations(switches):
    built = unit(**switches)
    expected = everything(built, by_hand)
    assert 0.02 < (built.trace(tokens()).spikes.mean()) < 0.98
    assert all(gradient.any() for gradient in expected)
    assert_same(everything(built, at_once), expected)
    assert_same(everything(built, by_token), expected)


@torch.no_grad()
@pytest.mark.parametrize(
    ("astrocyte", "injection"), [*((astrocyte, "threshold") for astrocyte in ASTROCYTES), ("gated", "membrane")]
)
def test_a_trace_is_what_happened(astrocyte, injection):
    built, x = unit(astrocyte=astrocyte, injection=injection), tokens(time=20)
    trace, y = built.trace(x), built(x)
    torch.testing.assert_close(built.output(trace.spikes), y)
    decision = trace.membrane + (trace.astrocyte if injection == "threshold" else 0)
    assert ((decision >= 1) == trace.spikes.bool()).all()
    assert trace.astrocyte.any() == (astrocyte != "none")


@pytest.mark.parametrize("astrocyte", ["matrix", "gated", "delta"])
def test_heads_start_with_memories_from_fast_to_slow(astrocyte):
    built = AMSU(AMSUConfig(dim=8, astrocyte=astrocyte, fastest=2.0, slowest=11.0))
    expected = 1 - 2.0 ** -torch.tensor([2, 5, 8, 11])
    torch.testing.assert_close(built.astrocyte.gamma(), expected)
    log_decay = built.astrocyte.project(torch.randn(3, 8))[3]
    torch.testing.assert_close(log_decay.exp().expand(3, 4), expected.expand(3, 4))
    if astrocyte == "delta":
        torch.testing.assert_close(built.astrocyte.project(torch.zeros(1, 8))[4], torch.full((1, 4), 0.5))


def test_bad_configurations(unchecked):
    refused("astrocyte: got 'glia'", AMSUConfig, dim=8, astrocyte="glia")
    refused("injection: got 'soma', expected one of threshold, membrane", AMSUConfig, dim=8, injection="soma")
    refused("reset: got 'zero', expected one of hard, soft, none", AMSUConfig, dim=8, reset="zero")
    refused("dim: got 16.0, expected a whole number", AMSUConfig, dim=16.0)
    refused("dim: got 8, expected a multiple of heads = 3", AMSUConfig, dim=8, heads=3)
    refused("fastest, slowest: got 5.0, 4.0", AMSUConfig, dim=8, fastest=5.0, slowest=4.0)
    refused("tau: got 0.5, expected a time constant of at least 1", AMSUConfig, dim=8, tau=0.5)
    refused("injection: got 'membrane' with", AMSUConfig, dim=8, astrocyte="calcium", injection="membrane")
    refused("features: got 'elu' with astrocyte 'delta'", AMSUConfig, dim=8, astrocyte="delta", features="elu")


def test_bad_input(unchecked):
    built, narrow = unit(), torch.zeros(1, 8).double()
    state = some_state(built)
    refused("x: got 6 channels, expected 8", built, tokens(dim=6), state)
    refused("x: got torch.float32 .* on cpu", built, tokens().float(), state)
    refused(r"state.membrane: got .* \(1, 8\) on cpu", built, tokens(), state._replace(membrane=narrow))
    refused("state.memory: got None", built, tokens(), state._replace(memory=None))


@pytest.mark.parametrize("astrocyte", ASTROCYTES)
def test_what_is_not_a_number_stays_visible(astrocyte):
    """A NaN is told, and not taken for silence."""
    built = AMSU(AMSUConfig(dim=8, heads=2, astrocyte=astrocyte))
    x = torch.randn(2, 6, 8)
    broken = x.clone()
    broken[1, 3, 0] = math.nan
    y = built(broken)
    assert y[1, 3:].isnan().all() and not y[0].isnan().any() and not y[1, :3].isnan().any()
    assert built.step(broken[:, 3])[0][1].isnan().all()


KINDS = (LIF, PLIF, ALIF)


def currents(batch=2, time=40, channels=6):
    return 2 * torch.randn(batch, time, channels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def in_loops(neurons, current):
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


def assert_in_loops(neurons, current):
    results, leaves = [], [current.requires_grad_(), *neurons.parameters()]
    for spikes in (neurons(current), in_loops(neurons, current)):
        results.append([spikes, *torch.autograd.grad(spikes.cumsum(1).sin().sum(), leaves)])
    assert all(gradient.any() for gradient in results[0])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_their_equations(kind):
    assert_in_loops(kind(6, threshold=0.8).double(), currents())


@pytest.mark.parametrize("kind", KINDS)
def test_thresholds_learn(kind):
    neurons = kind(6, learn_threshold=True).double()
    with torch.no_grad():
        neurons.threshold += torch.linspace(-0.3, 0.3, 6)
    assert_in_loops(neurons, currents())


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
