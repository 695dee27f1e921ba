"""Tests of a network of which everything is known, whole and lesioned."""

import pytest
import torch
from known_network import BEFORE, BOTH, IDLE, LAST, MATCH, ONE, PARITY
from refusals import refused

from brainlib.timescales import LeakyRNN
from brainlib.timescales.evaluation import accuracy, relative_accuracy, running_test
from brainlib.timescales.lesions import ablated, fastest_and_slowest, perturbed_tau, perturbed_weight
from brainlib.timescales.tasks import chance, draw_bits


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


def test_the_official_way_leaves_it_to_the_other_heads():
    network = drawn()
    official, ours = ablated(network, 2, heads=[0]), ablated(network, 2)
    assert not official.readout_weight[0, :, 2].any() and not ours.readout_weight[:, :, 2].any()
    assert official.readout_weight[1:].equal(network.readout_weight[1:])
    assert official.weight.equal(ours.weight)


def test_what_is_lost_without_each_unit(known, generator):
    """Without the last bit the answer is always "even"; without the one before, (1, 0) looks even; without both, (1, 1)
    looks odd."""
    test = running_test(known, "parity", [2], [PARITY], generator)
    last, before = test.bits[-1000:, :, 0], test.bits[-1001:-1, :, 0]
    wrong = {LAST: last != before, BEFORE: (before == 1) & (last == 0), BOTH: (before == 1) & (last == 1)}
    expected = [1 - wrong[unit].double().mean().item() for unit in (LAST, BEFORE, BOTH)]
    found = [test.accuracy(ablated(known, unit))[0] for unit in (LAST, BEFORE, BOTH, IDLE)]
    assert found == pytest.approx([*expected, 1]) and test.accuracy(known) == [1.0]


def test_fastest_and_slowest():
    network = LeakyRNN(6, 1, tau=torch.tensor([3.0, 1.0, 2.0, 1.0, 9.0, 4.0]))
    fastest, slowest = fastest_and_slowest(network, 2)
    assert fastest.tolist() == [1, 3] and slowest.tolist() == [5, 4]


def test_what_is_not_there(known):
    refused("unit: got 4, expected 0 to 3", ablated, known, 4)
    refused(r"heads: got \[3\], expected some of 0 to 2", ablated, known, 0, [3])
    refused("count: got 3, expected 1 to 2", fastest_and_slowest, known, 3)


@pytest.fixture
def network() -> LeakyRNN:
    return LeakyRNN(30, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("strength", [0.0, 0.0464, 10.0])
@torch.no_grad()
def test_weights_move_by_exactly_that_share_of_their_norm(network, generator, strength):
    moved = perturbed_weight(network, strength, generator)
    change = moved.weight - network.weight
    assert float(change.norm() / network.weight.norm()) == pytest.approx(strength, rel=1e-5)
    assert not moved.weight.diagonal().any() and isinstance(moved.weight, torch.nn.Parameter)


@pytest.mark.parametrize("form", ["clamp", "projected", "softplus", "fixed"])
@pytest.mark.parametrize("strength", [0.0, 0.01, 0.215])
@torch.no_grad()
def test_time_constants_grow_by_exactly_that_share_of_their_norm(generator, form, strength):
    how = {"tau": 1.5} if form == "fixed" else {"tau_form": form}
    network = LeakyRNN(30, 2, generator=torch.Generator().manual_seed(1), **how)
    change = perturbed_tau(network, strength, generator).tau - network.tau
    assert float(change.norm() / network.tau.norm()) == pytest.approx(strength, rel=1e-3, abs=1e-6)
    assert change.min() >= -1e-6


@pytest.mark.parametrize("push", [perturbed_weight, perturbed_tau])
def test_nothing_else_moves(network, push):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    moved = push(network, 0.3, torch.Generator().manual_seed(2))
    assert all(tensor.equal(before[name]) for name, tensor in network.state_dict().items())
    changed = {name for name, tensor in moved.state_dict().items() if not tensor.equal(before[name])}
    assert changed == {"weight" if push is perturbed_weight else "raw_tau"}
    assert torch.get_rng_state().equal(state)
    again, other = (push(network, 0.3, torch.Generator().manual_seed(seed)).state_dict() for seed in (2, 3))
    (name,) = changed
    assert again[name].equal(moved.state_dict()[name]) and not other[name].equal(again[name])


def test_a_negative_strength_is_refused(network, generator):
    refused(r"strength: got -0\.1, expected at least 0", perturbed_weight, network, -0.1, generator)
    refused(r"strength: got -0\.1, expected at least 0", perturbed_tau, network, -0.1, generator)


@pytest.mark.parametrize(("task", "head"), [("parity", PARITY), ("match", MATCH)])
@pytest.mark.parametrize("rate", ["task", None, 0.5])
def test_a_network_that_solves_the_task_is_always_right(known, generator, task, head, rate):
    assert accuracy(known, task, [2], [head], 700, generator, rate) == {2: 1.0}


def test_spans_are_judged_by_their_own_heads(known, generator):
    found = accuracy(known, "parity", (2, 3, 4), (PARITY, PARITY, ONE), 6000, generator)
    assert list(found) == [2, 3, 4] and found[2] == 1
    assert found[3] == pytest.approx(0.5, abs=0.03)  # right when the third bit is 0
    assert found[4] == pytest.approx(1 - chance("parity", 4), abs=0.03)  # how often it is odd


@pytest.mark.parametrize("task", ["parity", "match"])
def test_a_running_test_asks_each_head_after_every_bit(known, generator, task):
    test = running_test(known, task, [2, 5], [0, 1], generator, sequences=3, steps=20, warm_up=6)
    bits = test.bits[:, :, 0].long()
    assert test.bits.shape == (26, 3, 1) and test.answers.shape == (2, 20, 3) and test.h0.shape == (3, 4)
    for span, answers in zip((2, 5), test.answers, strict=True):
        for step in range(20):
            window = bits[6 + step - span + 1 : 6 + step + 1]
            assert answers[step].equal(window.sum(0) % 2 if task == "parity" else (window[0] == window[-1]).long())


def test_a_running_test_counts_what_is_right(known, generator):
    test = running_test(known, "parity", [2, 2], [PARITY, ONE], generator)
    right, guessed = test.accuracy(known)
    assert right == 1.0 and guessed == pytest.approx(test.answers[1].double().mean().item())
    assert guessed == pytest.approx(0.5, abs=0.03)  # balanced bits


def test_unfit_arguments(known, generator):
    refused("sequences: got 0", accuracy, known, "parity", [2], [0], 0, generator)
    refused("heads: got 1", accuracy, known, "parity", [2, 3], [0], 10, generator)
    refused(r"baseline: got 0\.5, expected an accuracy above", relative_accuracy, 0.5, 0.5)
    refused("warm_up: got 3 bits", running_test, known, "parity", [5], [PARITY], generator, warm_up=3)
