import pytest
import torch
from known_network import PARITY

from brainlib.timescales import LeakyRNN
from brainlib.timescales.lesions import perturbation, perturbed_tau, perturbed_weight
from brainlib.timescales.testing import running_test


@pytest.fixture
def network() -> LeakyRNN:
    return LeakyRNN(30, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("strength", [0.0, 0.0464, 1.0, 10.0])
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


@torch.no_grad()
def test_units_stuck_below_one_are_pushed_from_one(network, generator):
    network.raw_tau.fill_(0.7)
    change = perturbed_tau(network, 0.1, generator).tau - 1
    assert float(change.norm()) == pytest.approx(0.1 * 30**0.5, rel=1e-4)


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


@pytest.mark.parametrize("what", ["weight", "tau"])
def test_accuracy_after_pushes(known, generator, what):
    test = running_test(known, "parity", 2, PARITY, generator)
    found = perturbation(known, what, [0.0, 0.02, 3.0], 6, test, generator)
    assert found.shape == (3, 6) and (found[0] == 1).all()
    assert found[1].mean() > 0.9 > found[2].mean() + 0.05
    assert len(found[2].unique()) > 1  # every draw another direction


def test_the_table_is_that_of_single_pushes(known):
    test = running_test(known, "parity", 2, PARITY, torch.Generator().manual_seed(0))
    table = perturbation(known, "weight", [0.5, 1.0], 3, test, torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(9)
    alone = [test.accuracy(perturbed_weight(known, strength, generator)) for strength in (0.5, 1.0) for _ in range(3)]
    assert table.flatten().tolist() == alone


def test_unfit_arguments(known, generator):
    test = running_test(known, "parity", 2, PARITY, generator, steps=5)
    for push in (perturbed_weight, perturbed_tau):
        with pytest.raises(ValueError, match=r"strength: got -0\.1, expected at least 0"):
            push(known, -0.1, generator)
    with pytest.raises(ValueError, match=r"strength: got -1\.0"):
        perturbation(known, "tau", [0.1, -1.0], 1, test, generator)
    with pytest.raises(ValueError, match="draws: got 0"):
        perturbation(known, "tau", [0.1], 0, test, generator)
