"""The brains' own statistics; seeds; a model on what they did."""

import math

import pytest
import torch

from brainlib.arguments import seeded
from brainlib.brainstates.evaluation import reorder
from brainlib.brainstates.inference import log_emission, posterior
from chapters.brainstates.brains import data_set, demo_brain, judged, paper_brain, simulate
from chapters.brainstates.table import Setting


@pytest.mark.parametrize("kind", [demo_brain, paper_brain])
def test_a_seed_is_a_brain_and_its_spikes_and_its_parts_fit(kind):
    (one, first), (other, second), (third, _) = ((kind(g), g) for g in (seeded(1), seeded(1), seeded(2)))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(one.parameters, other.parameters, strict=True))
    assert not torch.equal(one.parameters.weights, third.parameters.weights)
    (trials, states), (again, states_again) = simulate(one, 3, 200, first), simulate(other, 3, 200, second)
    assert torch.equal(trials.counts, again.counts) and torch.equal(states, states_again)
    assert not torch.equal(trials.counts[0], trials.counts[1])
    S, N, _ = one.adjacency.shape
    torch.testing.assert_close(one.parameters.coupling, one.adjacency * one.strengths)
    assert (one.strengths > 0).all() and set(one.adjacency.unique().tolist()) == {-1, 0, 1}
    chosen = one.adjacency_prior.expand(S, N, N, 3).gather(-1, one.adjacency[..., None] + 1)
    assert (chosen > 0).all()
    torch.testing.assert_close(one.parameters.log_transition.exp().sum(1), torch.ones(S))
    assert torch.equal(one.parameters.bias, one.parameters.bias[:1].expand(S, N))


def test_the_demonstration_s_setting():
    random = seeded(0)
    brains = [demo_brain(random) for _ in range(20)]
    rates = torch.stack([simulate(brain, 1, 2000, random)[0].counts.float().mean() for brain in brains])
    assert rates.mean() == pytest.approx(0.5, abs=0.04)  # one draw of the official code has 0.46
    uniform = torch.stack([brain.strengths for brain in brains]).double().expm1() / 3
    assert uniform.mean() == pytest.approx(0.5, abs=0.01) and uniform.var() == pytest.approx(1 / 12, abs=0.003)
    prior = torch.stack([brain.adjacency_prior for brain in brains]).view(-1, 3)
    assert prior[:, 1].var() == pytest.approx(0.8 * 0.2 / 3, abs=0.005)  # the Dirichlet's parameters sum to 2
    classes = torch.stack([brain.adjacency for brain in brains])
    assert [(classes == sign).double().mean().item() for sign in (-1, 0, 1)] == pytest.approx([0.1, 0.8, 0.1], abs=0.02)
    stay = brains[0].parameters.log_transition.exp()
    torch.testing.assert_close(stay, torch.full((5, 5), 0.005) + 0.975 * torch.eye(5))


def test_the_paper_s_setting():
    random = seeded(0)
    brains = [paper_brain(random, strength_sd=1.2) for _ in range(20)]
    logarithms = torch.stack([brain.strengths for brain in brains]).log().double()
    assert logarithms.mean() == pytest.approx(-5, abs=0.03) and logarithms.std() == pytest.approx(1.2, abs=0.02)
    prior = torch.stack([brain.adjacency_prior for brain in brains]).view(-1, 3)
    assert prior.mean(0).tolist() == pytest.approx([0.1, 0.8, 0.1], abs=0.02)
    assert prior[:, 1].var() == pytest.approx(0.8 * 0.2 / 2, abs=0.006)
    bias = torch.stack([brain.parameters.bias[0] for brain in brains])
    assert bias.square().mean() == pytest.approx(0.0008, rel=0.3)
    assert simulate(brains[0], 2, 5000, random)[0].counts.float().mean() == pytest.approx(math.log(2), abs=0.03)
    with pytest.raises(ValueError, match="strength_sd: got 40, expected less"):
        paper_brain(random, strength_sd=40.0)


def test_a_data_set_is_cut_and_states_are_matched_whatever_their_names():
    data = data_set(demo_brain(seeded(3), 2, 4), Setting(train=4, test=3, bins=120), seeded(3))
    assert data.train.counts.shape == (4, 120, 4) and data.test.counts.shape == (3, 120, 4)
    assert torch.equal(data.test_states, data.states[4:])
    truth, swapped = data.brain.parameters, reorder(data.brain.parameters, torch.tensor([1, 0]))
    (*scores, order), (*others, back) = (judged(p, data.test, data.brain.emission, data) for p in (truth, swapped))
    assert scores[2] == others[2] > 0.5 and order.tolist() == [0, 1] and back.tolist() == [1, 0]
    torch.testing.assert_close(scores[0], others[0])
    path = posterior(truth, data.test, data.brain.emission).states.argmax(-1)
    evidence = log_emission(truth, data.test, data.brain.emission)
    by_hand = [sum(float(e_t[z]) for e_t, z in zip(*trial, strict=True)) for trial in zip(evidence, path, strict=True)]
    assert scores[1].tolist() == pytest.approx(by_hand)
