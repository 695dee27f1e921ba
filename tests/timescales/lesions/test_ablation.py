import pytest
import torch
from known_network import BEFORE, BOTH, IDLE, LAST, MATCH, PARITY

from brainlib.timescales import LeakyRNN
from brainlib.timescales.lesions import ablated, ablation, fastest_and_slowest
from brainlib.timescales.tasks import draw_bits
from brainlib.timescales.testing import running_test


def drawn(units: int = 7, seed: int = 0, **form) -> LeakyRNN:
    """With weights large enough that everybody hears everybody."""
    network = LeakyRNN(units, 3, generator=torch.Generator().manual_seed(seed), **form).double()
    with torch.no_grad():
        network.weight.mul_(3)
    return network


@pytest.mark.parametrize("inside", [True, False])
def test_the_others_live_on_as_in_a_network_without_it(inside, generator):
    network, unit = drawn(inside=inside), 2
    others = [i for i in range(7) if i != unit]
    smaller = LeakyRNN(6, 3, inside=inside, tau=network.tau[others].float()).double()
    with torch.no_grad():
        smaller.weight.copy_(network.weight[others][:, others])
        smaller.readout_weight.copy_(network.readout_weight[:, :, others])
        smaller.readout_bias.copy_(network.readout_bias)
        for name in ("input_weight", "input_bias", "recurrent_bias"):
            getattr(smaller, name).copy_(getattr(network, name)[others])
        smaller.set_tau_(network.tau[others])
        bits, h0 = draw_bits(40, 5, generator), network.initial_state(5, generator)
        lesioned = ablated(network, unit)
        torch.testing.assert_close(lesioned.states(bits, h0)[:, :, others], smaller.states(bits, h0[:, others]))
        torch.testing.assert_close(lesioned(bits, h0), smaller(bits, h0[:, others]))


@pytest.mark.parametrize("heads", [None, [0]])
@pytest.mark.parametrize("inside", [True, False])
@torch.no_grad()
def test_it_stays_constant_whatever_is_read(inside, heads, generator):
    network = drawn(inside=inside)
    states = ablated(network, 2, heads).states(draw_bits(400, 6, generator), network.initial_state(6, generator))
    at_rest = states[200:, :, 2]
    assert at_rest.abs().max() > 1e-4  # a constant, not silence
    torch.testing.assert_close(at_rest, at_rest[-1:, :1].expand_as(at_rest), rtol=0, atol=1e-12)
    assert states[200:, :, 3].std() > 1e-3


def test_the_official_way_leaves_it_to_the_other_heads():
    network = drawn()
    official, ours = ablated(network, 2, heads=[0]), ablated(network, 2)
    assert not official.readout_weight[0, :, 2].any() and not ours.readout_weight[:, :, 2].any()
    assert official.readout_weight[1:].equal(network.readout_weight[1:])
    assert official.weight.equal(ours.weight)


def test_what_is_lost_without_each_unit(known, generator):
    """Without the last bit the answer is always "even"; without the one before, (1, 0) looks even; without both, (1, 1)
    looks odd."""
    test = running_test(known, "parity", 2, PARITY, generator)
    last, before = test.bits[-1000:, :, 0], test.bits[-1001:-1, :, 0]
    wrong = {LAST: last != before, BEFORE: (before == 1) & (last == 0), BOTH: (before == 1) & (last == 1)}
    expected = [1 - wrong[unit].double().mean().item() for unit in (LAST, BEFORE, BOTH)]
    assert ablation(known, [LAST, BEFORE, BOTH, IDLE], test).tolist() == pytest.approx([*expected, 1])
    assert test.accuracy(known) == 1


def test_many_are_ablated_as_one_at_a_time(generator):
    network = drawn()
    test = running_test(network, "match", 2, MATCH, generator, sequences=4, steps=200)
    together = ablation(network, range(7), test)
    alone = [test.accuracy(ablated(network, unit)) for unit in reversed(range(7))]
    assert together.flip(0).tolist() == alone and len(set(alone)) > 2


def test_the_network_itself_is_left_as_it_was(known):
    before = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    lesioned = ablated(known, LAST)
    assert all(tensor.equal(before[name]) for name, tensor in known.state_dict().items())
    assert not lesioned.weight.equal(known.weight)
    for name in ("raw_tau", "input_bias", "recurrent_bias", "readout_bias"):
        assert getattr(lesioned, name).equal(getattr(known, name))


def test_fastest_and_slowest():
    network = LeakyRNN(6, 1, tau=torch.tensor([3.0, 1.0, 2.0, 1.0, 9.0, 4.0]))
    fastest, slowest = fastest_and_slowest(network, 2)
    assert fastest.tolist() == [1, 3] and slowest.tolist() == [5, 4]


def test_what_is_not_there(known):
    with pytest.raises(ValueError, match="unit: got 4, expected 0 to 3"):
        ablated(known, 4)
    with pytest.raises(ValueError, match=r"heads: got \[3\], expected some of 0 to 2"):
        ablated(known, 0, [3])
    with pytest.raises(ValueError, match="count: got 3, expected 1 to 2"):
        fastest_and_slowest(known, 3)
