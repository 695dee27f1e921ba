"""Neurons without an astrocyte: their equations, starts, states and bad input."""

import inspect
import subprocess
import sys

import pytest
import torch

from brainlib.astrosnn import reference
from brainlib.astrosnn.neurons import ALIF, LIF, PLIF, Neurons
from brainlib.astrosnn.unit import AMSU, AMSUConfig

KINDS = (LIF, PLIF, ALIF)


def built(kind, dim=6, seed=0, **options):
    return kind(dim, generator=torch.Generator().manual_seed(seed), **options).double()


def tokens(batch=2, time=40, dim=6):
    return 2 * torch.randn(batch, time, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_hand(neurons, x):
    current = x @ neurons.input.weight.T + neurons.input.bias
    if not isinstance(neurons, ALIF):
        beta = 1 - 1 / neurons.tau if isinstance(neurons, LIF) else 1 / (1 + (-neurons.decay).exp())
        return reference.lif(current.transpose(0, 1), beta=beta)[0].transpose(0, 1) @ neurons.output.weight.T
    m, a, rho, outputs = 0, 0, 1 / (1 + (-neurons.decay).exp()), []
    for drive in current.unbind(1):
        u = (1 - 1 / neurons.tau) * m + drive
        s = reference.spike(u - (1 + neurons.weight * a))
        m, a = u * (1 - s.detach()), rho * a + (1 - rho) * s
        outputs.append(s @ neurons.output.weight.T)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_equations(kind):
    neurons, x = built(kind), tokens().requires_grad_()
    results = []
    for y in (neurons(x)[0], by_hand(neurons, x)):
        results.append([y, *torch.autograd.grad(y.sin().sum(), [x, *neurons.parameters()])])
    assert all(gradient.any() for gradient in results[0])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_may_be_cut_anywhere_and_read_token_by_token(kind):
    neurons, x = built(kind), tokens()
    whole, last = neurons(x)
    first, between = neurons(x[:, :13])
    second, _ = neurons(x[:, 13:], between)
    torch.testing.assert_close(torch.cat((first, second), 1), whole, rtol=1e-12, atol=1e-12)
    state = None
    for t, token in enumerate(x.unbind(1)):
        y, state = neurons.step(token, state)
        torch.testing.assert_close(y, whole[:, t], rtol=1e-12, atol=1e-12)
    assert all((a is b is None) or a.equal(b) for a, b in zip(state, last, strict=True))
    assert neurons.state_size(1) == neurons.state_size(10**6) == sum(s[0].numel() for s in last if s is not None)


def test_a_fixed_neuron_is_the_unit_without_its_astrocyte():
    generators = (torch.Generator().manual_seed(3) for _ in range(2))
    unit, neurons = AMSU(AMSUConfig(dim=8, astrocyte="none"), next(generators)), LIF(8, generator=next(generators))
    x = torch.randn(2, 20, 8)
    assert unit(x)[0].equal(neurons(x)[0])


def test_time_constants_start_from_fast_to_slow():
    tau = 1 / (1 - torch.sigmoid(built(PLIF).decay))
    torch.testing.assert_close(tau[[0, -1]], torch.tensor([1.5, 300.0]).double(), rtol=1e-3, atol=0)
    assert (tau.diff() > 0).all()
    tau = 1 / (1 - torch.sigmoid(built(ALIF, dim=5).decay))
    torch.testing.assert_close(tau[[0, 2, -1]], torch.tensor([20.0, 200.0, 2000.0]).double(), rtol=1e-3, atol=0)
    assert LIF(4).tau == 2.0 and (ALIF(4).weight == 1.8).all()


@torch.no_grad()
def test_slow_membranes_forget_later():
    neurons = built(PLIF, dim=6)
    neurons.input.bias.zero_()
    _, state = neurons(
        torch.zeros(1, 50, 6).double(), neurons.initial_state(1)._replace(membrane=torch.ones(1, 6).double() / 2)
    )
    torch.testing.assert_close(state.membrane[0], torch.sigmoid(neurons.decay) ** 50 / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_and_states(kind):
    neurons, x = built(kind), tokens()
    run = inspect.unwrap(Neurons.forward)
    with pytest.raises(ValueError, match="x: got 5 channels, expected 6"):
        run(neurons, x[..., :5])
    with pytest.raises(ValueError, match=r"x: got torch.float32 on cpu, expected torch.float64 on cpu"):
        run(neurons, x.float())
    with pytest.raises(ValueError, match=r"state.membrane: got torch.float64 \(3, 6\) on cpu, expected .* \(2, 6\)"):
        run(neurons, x, neurons.initial_state(3))
    with pytest.raises(ValueError, match="state: got AMSUState, expected NeuronState"):
        run(neurons, x, AMSU(AMSUConfig(dim=8)).initial_state(2))
    with pytest.raises(ValueError, match=r"state.adaptation: got"):
        other = built(LIF if kind is ALIF else ALIF)
        run(neurons, x, other.initial_state(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(0), "dim: got 0, expected at least 1"),
        (lambda: LIF(4, tau=0.5), "tau: got 0.5, expected a time constant of at least 1 token"),
        (lambda: PLIF(4, fastest=1.0), "fastest, slowest: got 1.0, 300.0, expected 1 < fastest <= slowest"),
        (lambda: ALIF(4, slowest=2.0), "fastest, slowest: got 20.0, 2.0, expected 1 < fastest <= slowest"),
    ],
)
def test_bad_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numba_loads_when_it_is_used():
    code = "import sys, brainlib.astrosnn.neurons; print({'numba', 'triton', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
