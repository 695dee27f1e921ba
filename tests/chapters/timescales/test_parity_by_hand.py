"""The network built by hand solves what it was built for."""

import pytest
import torch

from brainlib.arguments import seeded
from brainlib.timescales import tasks
from chapters.timescales.by_hand import parity_by_hand


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


@pytest.mark.parametrize(("largest", "units", "message"), [(1, None, "largest: got 1"), (5, 9, "units: got 9, .* 10")])
def test_what_cannot_be_built(largest, units, message):
    with pytest.raises(ValueError, match=message):
        parity_by_hand(largest, units)
