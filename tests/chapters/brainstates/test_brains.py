"""The brains' own statistics; seeds."""

import math

import pytest
import torch

from chapters.brainstates.brains import demo_brain, group_brain, paper_brain, simulate


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", [demo_brain, paper_brain, group_brain])
def test_a_seed_is_a_brain_and_its_spikes(kind):
    (one, first), (other, second), (third, _) = ((kind(g), g) for g in (seeded(1), seeded(1), seeded(2)))
    for ours, theirs in zip(one.parameters, other.parameters, strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(one.parameters.weights, third.parameters.weights)
    trials, states = simulate(one, 3, 200, first, bin_ms=2.0)
    again, states_again = simulate(other, 3, 200, second)
    assert torch.equal(trials.counts, again.counts) and torch.equal(states, states_again) and trials.bin_ms == 2.0
    later, _ = simulate(one, 3, 200, first)
    assert not torch.equal(trials.counts, later.counts)
    assert not torch.equal(trials.counts[0], trials.counts[1])


@pytest.mark.parametrize("kind", [demo_brain, paper_brain, group_brain])
def test_the_parts_of_a_brain_fit(kind):
    brain = kind(seeded())
    S, N, _ = brain.adjacency.shape
    torch.testing.assert_close(brain.parameters.coupling, brain.adjacency * brain.strengths)
    assert (brain.strengths > 0).all() and set(brain.adjacency.unique().tolist()) == {-1, 0, 1}
    torch.testing.assert_close(brain.adjacency_prior.sum(-1), torch.ones(N, N))
    chosen = brain.adjacency_prior.expand(S, N, N, 3).gather(-1, brain.adjacency[..., None] + 1)
    assert (chosen > 0).all()
    torch.testing.assert_close(brain.parameters.log_transition.exp().sum(1), torch.ones(S))
    torch.testing.assert_close(brain.parameters.log_initial.exp(), torch.full((S,), 1 / S))
    assert torch.equal(brain.parameters.bias, brain.parameters.bias[:1].expand(S, N))


def test_the_demonstration_s_setting():
    random = seeded()
    brains = [demo_brain(random) for _ in range(20)]
    rates = torch.stack([simulate(brain, 1, 2000, random)[0].counts.float().mean() for brain in brains])
    assert rates.mean() == pytest.approx(0.5, abs=0.04)  # one draw of the official code has 0.46
    assert rates.min() > 0.38 and rates.max() < 0.62
    strengths = torch.stack([brain.strengths for brain in brains])
    uniform = strengths.double().expm1() / 3
    assert uniform.mean() == pytest.approx(0.5, abs=0.01) and uniform.var() == pytest.approx(1 / 12, abs=0.003)
    prior = torch.stack([brain.adjacency_prior for brain in brains]).view(-1, 3)
    assert prior.mean(0).tolist() == pytest.approx([0.1, 0.8, 0.1], abs=0.02)
    assert prior[:, 1].var() == pytest.approx(0.8 * 0.2 / 3, abs=0.005)  # the Dirichlet's parameters sum to 2
    classes = torch.stack([brain.adjacency for brain in brains])
    assert [(classes == sign).double().mean().item() for sign in (-1, 0, 1)] == pytest.approx([0.1, 0.8, 0.1], abs=0.02)
    assert torch.stack([brain.parameters.bias for brain in brains]).abs().max() < 0.05
    stay = brains[0].parameters.log_transition.exp()
    torch.testing.assert_close(stay, torch.full((5, 5), 0.005) + 0.975 * torch.eye(5))


def test_the_paper_s_setting():
    random = seeded()
    brains = [paper_brain(random, strength_sd=1.2) for _ in range(20)]
    logarithms = torch.stack([brain.strengths for brain in brains]).log().double()
    assert logarithms.mean() == pytest.approx(-5, abs=0.03) and logarithms.std() == pytest.approx(1.2, abs=0.02)
    prior = torch.stack([brain.adjacency_prior for brain in brains]).view(-1, 3)
    assert prior.mean(0).tolist() == pytest.approx([0.1, 0.8, 0.1], abs=0.02)
    assert prior[:, 1].var() == pytest.approx(0.8 * 0.2 / 2, abs=0.006)
    bias = torch.stack([brain.parameters.bias[0] for brain in brains])
    assert bias.square().mean() == pytest.approx(0.0008, rel=0.3)
    torch.testing.assert_close(
        brains[0].parameters.log_transition.exp(), torch.full((5, 5), 0.005) + 0.975 * torch.eye(5)
    )
    assert simulate(brains[0], 2, 5000, random)[0].counts.float().mean() == pytest.approx(math.log(2), abs=0.03)


def test_groups_know_nothing_of_each_other():
    brain = group_brain(seeded())
    group = torch.arange(15) // 5
    apart = group[:, None] != group
    assert brain.adjacency.shape == (8, 15, 15) and (brain.adjacency[:, apart] == 0).all()
    assert torch.equal(brain.adjacency_prior[apart], torch.tensor([0.0, 1.0, 0.0]).expand(150, 3))
    for state in range(8):
        for g in range(3):
            alike = state ^ (1 << (2 - (g + 1) % 3))  # another group's state is the other one
            rows = brain.parameters.coupling[:, group == g]
            assert torch.equal(rows[state], rows[alike])
            assert not torch.equal(rows[state], rows[state ^ (1 << (2 - g))])
    p = brain.parameters.log_transition.exp()
    assert p[0, 0] == pytest.approx(0.98**3) and p[0, 1] == pytest.approx(0.98**2 * 0.02)
    assert p[5, 2] == pytest.approx(0.02**3)


def test_single_sizes():
    for brain in (demo_brain(seeded(), states=1, neurons=1), paper_brain(seeded(), states=1, neurons=2)):
        trials, states = simulate(brain, 1, 1, seeded())
        assert trials.counts.shape[:2] == (1, 1) and states.tolist() == [[0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: demo_brain(seeded(), states=0), "states: got 0, expected a whole number of at least 1"),
        (lambda: paper_brain(seeded(), neurons=0), "neurons: got 0, expected a whole number of at least 1"),
        (lambda: group_brain(seeded(), groups=0), "groups: got 0, expected a whole number of at least 1"),
        (lambda: paper_brain(seeded(), strength_sd=float("nan")), "strength_sd: got nan"),
        (lambda: paper_brain(seeded(), strength_sd=40.0), "strength_sd: got 40, expected less"),
    ],
)
def test_brains_that_cannot_be(call, message):
    with pytest.raises(ValueError, match=message):
        call()
