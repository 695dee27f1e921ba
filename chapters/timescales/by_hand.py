"""A leaky network built by hand that answers every parity exactly, with time constants of 1 and no training.

Let q_k(t) be the parity of the last k bits at time t. Then

    q_k(t) = q_{k-1}(t - 1) xor x_t = |q_{k-1}(t - 1) - x_t|,   q_0 = 0,

so q_k can be handed on along a chain, one link a bit. Link k is two units, the leaky ReLU of q_{k-1} - x_t and of its
negative, whose sum is 0.99 |q_{k-1} - x_t|. Nothing comes back along the chain: whatever it held is gone after as many
bits as it has links, and all parities up to that stand in it side by side.
"""

import torch

from brainlib.timescales.model import LeakyRNN

SUM = 1 - 0.01  # phi(d) + phi(-d) = SUM |d|, phi's slope below 0 being 0.01


def parity_by_hand(largest: int, units: int | None = None) -> LeakyRNN:
    """The chain of `largest` links, a head for each span from 2 to `largest`, in order; `units` beyond two a link
    (None: none) stay silent. All time constants are 1.

    Raises `ValueError` for a span below 2 and for fewer units than the chain has.
    """
    if largest < 2:
        raise ValueError(f"largest: got {largest}, expected a span of at least 2")
    units = 2 * largest if units is None else units
    if units < 2 * largest:
        raise ValueError(f"units: got {units}, expected at least two a link, {2 * largest}")
    network = LeakyRNN(units, heads=largest - 1, generator=torch.Generator())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.set_tau_(torch.ones(units))
        for link in range(largest):
            above, below = 2 * link, 2 * link + 1
            network.input_weight[above], network.input_weight[below] = -1, 1
            if link:
                network.weight[above, above - 2 : above] = 1 / SUM
                network.weight[below, above - 2 : above] = -1 / SUM
                network.readout_weight[link - 1, 1, above : below + 1] = 1 / SUM
        network.readout_weight[:, 0] = -network.readout_weight[:, 1]
        network.readout_bias.copy_(torch.tensor([0.5, -0.5]))
    return network
