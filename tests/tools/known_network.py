"""A network with weights set by hand, of which everything is known."""

import torch

from brainlib.timescales import LeakyRNN

LAST, BEFORE, BOTH, IDLE = range(4)  # units
PARITY, MATCH, ONE = range(3)  # heads


@torch.no_grad()
def known_network() -> LeakyRNN:
    """Solves parity and match for span 2 exactly: `LAST` holds the last bit, `BEFORE` the one before it, `BOTH` whether
    they are both 1. Nobody hears `IDLE`, which is slow. Head `ONE` always answers 1."""
    network = LeakyRNN(4, 3, activation="relu", tau=torch.tensor([1.0, 1.0, 1.0, 5.0]), generator=torch.Generator())
    for parameter in network.parameters():
        parameter.zero_()
    network.input_weight[[LAST, BOTH, IDLE]] = 1.0
    network.weight[BEFORE, LAST] = network.weight[BOTH, LAST] = network.weight[IDLE, BEFORE] = 1.0
    network.input_bias[BOTH] = -1.0
    network.input_bias[IDLE] = 0.5
    differ = torch.tensor([1.0, 1.0, -2.0, 0.0])
    network.readout_weight[PARITY, 1], network.readout_bias[PARITY, 1] = differ, -0.5
    network.readout_weight[MATCH, 1], network.readout_bias[MATCH, 1] = -differ, 0.5
    network.readout_bias[ONE, 1] = 1.0
    return network
