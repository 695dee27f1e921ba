"""The unit against its equations in float64, for every switch and in every form; its starts, and bad input."""

import math

import pytest
import torch
from reference_units import ASTROCYTES, SWITCHES, by_hand, some_state, tokens, unit
from refusals import refused

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
