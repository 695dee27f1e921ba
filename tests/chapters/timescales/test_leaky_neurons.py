"""Two neurons in a loop, and the network built by hand."""

import math

import pytest
import torch
from refusals import refused

from brainlib.arguments import seeded
from brainlib.timescales import LeakyRNN, tasks
from chapters.timescales.by_hand import parity_by_hand
from chapters.timescales.circuit import (
    INPUT_WEIGHT,
    Circuit,
    autocorrelation,
    modes,
    respond,
    time_constant,
)


def test_a_neuron_alone_forgets_by_its_leak():
    circuit = Circuit((4.0, 4.0))
    expected = 0.75 ** torch.arange(20, dtype=torch.float64)
    torch.testing.assert_close(autocorrelation(circuit, 19)[:, 0], expected)
    assert time_constant(circuit) == pytest.approx(-1 / math.log(0.75), rel=1e-6)


def test_the_loop_stretches_the_time_constant():
    tau, gain = 5.0, 0.49
    assert time_constant(Circuit((tau, tau), backward=gain)) == pytest.approx(-1 / math.log(1 - 0.3 / tau))
    assert time_constant(Circuit((tau, tau), backward=0.7, forward=0.7)) == pytest.approx(-1 / math.log(1 - 0.3 / tau))


def test_the_worst_bits_leave_the_circuit_linear():
    circuit = Circuit((1.0, 2.0), forward=1.5, backward=-0.6)
    steps, impulse = 60, torch.zeros(60, 1, dtype=torch.float64)
    powers = [torch.linalg.matrix_power(circuit.transition, k) @ (circuit.leak * INPUT_WEIGHT) for k in range(steps)]
    for unit in range(2):
        worst = torch.stack([power[unit] for power in powers]).flip(0)[:, None] < 0  # each bit pushes the unit down
        found = respond(circuit, worst.double())[-1, 0, unit]
        expected = -sum(abs(float(power[unit])) for power in powers) / 2
        assert float(found) == pytest.approx(expected, abs=1e-9)
    assert respond(circuit, impulse + 0.5).abs().max() < 1e-12  # halves change nothing


def test_a_circuit_that_cannot_be_is_refused():
    refused("tau", Circuit, tau=(0.5, 1.0))
    refused("tau", Circuit, tau=(math.nan, 1.0))
    refused("forward", Circuit, tau=(1.0, 1.0), forward=0.0)
    refused("backward", Circuit, tau=(1.0, 1.0), backward=-1.0)


def test_the_modes_of_two_neurons_are_those_of_the_circuit():
    network = LeakyRNN(2, 1, tau=torch.tensor([1.5, 6.0]), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.weight.copy_(Circuit((1.5, 6.0), forward=-0.5, backward=1.2).weight)
    found, slowest = modes(network)
    assert len(found) == 2
    assert slowest == pytest.approx(time_constant(Circuit((1.5, 6.0), forward=-0.5, backward=1.2)), rel=1e-5)


@pytest.mark.parametrize("rate", ["task", 0.5])
def test_the_network_solves_every_parity_it_was_built_for(rate):
    network, spans = parity_by_hand(largest=101, units=500), range(2, 102)
    bits, answers = tasks.draw("parity", spans, 200, seeded(0), rate, length=150)
    with torch.no_grad():
        found = network(bits, network.initial_state(200, seeded(1))).argmax(-1)
    assert torch.equal(found, answers)


def test_what_was_built_by_hand_remembers_nothing_beyond_its_longest_span():
    network = parity_by_hand(largest=6)
    assert network.units == 12 and network.heads == 5 and network.tau.tolist() == [1] * 12
    bits, answers = tasks.draw("parity", range(2, 7), 64, seeded(0), length=6)
    with torch.no_grad():
        logits = network(bits, network.initial_state(64, seeded(1)))
        torch.testing.assert_close(logits, network(bits, 10 * network.initial_state(64, seeded(2))))
    assert torch.equal(logits.argmax(-1), answers)
    assert torch.linalg.matrix_power(network.weight.detach(), 6).eq(0).all()
    longer = tasks.answers("parity", tasks.draw_bits(9, 4000, seeded(0), 0.5), [7])[0]
    bits = tasks.draw_bits(9, 4000, seeded(0), 0.5)
    with torch.no_grad():
        right = (network(bits, heads=[4]).argmax(-1)[0] == longer).float().mean()
    assert abs(right - 0.5) < 0.04


def test_what_cannot_be_built():
    refused("largest: got 1", parity_by_hand, 1, None)
    refused("units: got 9, .* 10", parity_by_hand, 5, 9)
