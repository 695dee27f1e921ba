import math

import pytest
import torch

from brainlib.timescales import LeakyRNN
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


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"tau": (0.5, 1.0)}, "tau"),
        ({"tau": (math.nan, 1.0)}, "tau"),
        ({"tau": (1.0, 1.0), "forward": 0.0}, "forward"),
        ({"tau": (1.0, 1.0), "backward": -1.0}, "backward"),
    ],
)
def test_a_circuit_that_cannot_be_is_refused(arguments, named):
    with pytest.raises(ValueError, match=named):
        Circuit(**arguments)


def test_the_modes_of_two_neurons_are_those_of_the_circuit():
    network = LeakyRNN(2, 1, tau=torch.tensor([1.5, 6.0]), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.weight.copy_(Circuit((1.5, 6.0), forward=-0.5, backward=1.2).weight)
    found, slowest = modes(network)
    assert len(found) == 2
    assert slowest == pytest.approx(time_constant(Circuit((1.5, 6.0), forward=-0.5, backward=1.2)), rel=1e-5)
