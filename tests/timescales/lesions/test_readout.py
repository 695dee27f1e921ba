import pytest
import torch
from known_network import IDLE

from brainlib.timescales.lesions.ablation import ablated
from brainlib.timescales.lesions.readout import fresh_readouts


def test_fresh_readouts_find_what_the_state_holds_and_nothing_else(known, generator):
    found = fresh_readouts(ablated(known, IDLE), "parity", [1, 2, 3], generator, sequences=4)
    assert found[1] == found[2] == 1.0
    assert found[3] == pytest.approx(0.5, abs=0.05)  # the bit before the last two is nowhere; 4,000 answers


def test_a_readout_that_answers_wrongly_does_not_matter(known, generator):
    with torch.no_grad():
        known.readout_weight.zero_()
    assert fresh_readouts(known, "parity", [2], generator, sequences=4) == {2: 1.0}


def test_the_network_stays_as_it_is(known, generator):
    before = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    fresh_readouts(known, "parity", [2], generator, sequences=2)
    assert all(torch.equal(tensor, before[name]) for name, tensor in known.state_dict().items())
    assert all(parameter.grad is None for parameter in known.parameters())


def test_no_sequences_are_refused(known, generator):
    with pytest.raises(ValueError, match="sequences: got 0"):
        fresh_readouts(known, "parity", [2], generator, sequences=0)
