"""The unit against its equations in float64, for every switch: values, states and all gradients, in every form."""

import pytest
import torch
from reference_units import ASTROCYTES, SWITCHES, by_hand, some_state, tokens, unit

from brainlib.astrosnn.unit import AMSUState

MATRICES = ("matrix", "gated", "delta")


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


def at_once(built, x, state, form="auto"):
    y, after = built(x, state, return_state=True, form=form)
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


@pytest.mark.parametrize("form", ["recurrent", "parallel", "chunked"])
@pytest.mark.parametrize("astrocyte", MATRICES)
def test_the_forms_are_one_function(astrocyte, form):
    built = unit(astrocyte=astrocyte)
    assert_same(everything(built, lambda *a: at_once(*a, form=form)), everything(built, at_once))


@torch.no_grad()
@pytest.mark.parametrize("astrocyte", ASTROCYTES)
def test_without_a_state_it_starts_from_zeros(astrocyte):
    built, x = unit(astrocyte=astrocyte), tokens()
    assert built(x).equal(built(x, built.initial_state(2)))
    assert built.step(x[:, 0])[0].equal(built.step(x[:, 0], built.initial_state(2))[0])


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
