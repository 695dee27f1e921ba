"""Simulated spikes and states against the truth they came from; the brains' own statistics; seeds."""

import math

import pytest
import torch

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.history import exponential_basis, identity_basis
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import demo_brain, group_brain, paper_brain, sample_spikes, simulate

UNLIKELY = 4.5  # standard deviations


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def glm(weights, transition=((1.0,),), initial=(1.0,)):
    return Parameters(weights, torch.tensor(transition).log(), torch.tensor(initial).log())


def excess(parameters, emission, plan, states):
    """Whether the weights are where the likelihood is highest, up to chance: the squared scores of each state's and
    neuron's weights over their variance are chi-squared; their sum, standardised.
    """
    total, degrees = 0.0, 0
    for s, weights in enumerate(parameters.weights.double()):
        here = (states == s) & plan.mask
        features, counts = plan.features[here], plan.counts[here]
        scores, information = emission.score_and_information(features @ weights.T, counts)
        for n, allowed in enumerate(plan.allowed):
            heard = features[:, allowed]
            score, variance = heard.T @ scores[:, n], heard.T @ (heard * information[:, n, None])
            total += (score @ torch.linalg.solve(variance, score)).item()
            degrees += int(allowed.sum())
    return (total - degrees) / math.sqrt(2 * degrees)


@pytest.mark.parametrize("kind", ["poisson", "bernoulli", "negative_binomial"])
@pytest.mark.parametrize("link", ["softplus", "exp", "sigmoid"])
def test_spikes_come_at_the_rates_of_the_design(kind, link):
    random, emission = seeded(3), Emission(kind, link, dispersion=3.0)
    allowed = torch.cat([torch.ones(3, 6), torch.eye(3), torch.ones(3, 3)], dim=1)
    truth = glm((0.2 * torch.randn(2, 3, 12, generator=random) - 0.3) * allowed, ((0.9, 0.1), (0.2, 0.8)), (0.5, 0.5))
    heard = {
        "basis": identity_basis(2),
        "refractory": exponential_basis(3),
        "stimuli": torch.randn(8, 1500, 2, generator=random),
    }
    trials, states = sample_spikes(truth, emission, 8, 1500, random, **heard)
    plan = design(trials, **heard, dtype=torch.float64)
    assert torch.equal(plan.allowed, allowed.bool())
    assert abs(excess(truth, emission, plan, states)) < UNLIKELY
    assert excess(truth, emission, plan, 1 - states) > 3 * UNLIKELY


def test_the_negative_binomial_varies_more():
    emission = Emission("negative_binomial", "exp", dispersion=2.0)
    trials, _ = sample_spikes(glm(torch.tensor([[[math.log(3.0)]]])), emission, 1, 100_000, seeded(), coupling=False)
    counts = trials.counts.double()
    assert counts.mean() == pytest.approx(3, abs=0.05) and counts.var() == pytest.approx(3 + 9 / 2, abs=0.25)


def test_a_demonstration_s_spikes():
    random = seeded()
    brain = demo_brain(random)
    trials, states = simulate(brain, 20, 2000, random)
    plan = design(trials, brain.basis, dtype=torch.float64)
    assert abs(excess(brain.parameters, brain.emission, plan, states)) < UNLIKELY
    assert excess(brain.parameters, brain.emission, plan, (states + 1) % 5) > 3 * UNLIKELY


def test_transitions_come_with_their_chances():
    chances = ((0.5, 0.5, 0.0), (0.1, 0.6, 0.3), (0.3, 0.0, 0.7))
    truth = glm(torch.zeros(3, 1, 2), chances, (0.2, 0.3, 0.5))
    _, states = sample_spikes(truth, Emission(), 10, 20_000, seeded())
    counted = torch.zeros(3, 3)
    counted.index_put_((states[:, :-1].flatten(), states[:, 1:].flatten()), torch.ones(()), accumulate=True)
    p = torch.tensor(chances)
    deviation = (counted.sum(1, keepdim=True) * p * (1 - p)).sqrt()
    assert (counted[p == 0] == 0).all()
    assert ((counted - counted.sum(1, keepdim=True) * p).abs() <= UNLIKELY * deviation).all()


def test_the_first_state_is_the_initial_one_and_nothing_was_heard_before():
    """In the official code it is drawn from the first row of the transitions instead."""
    truth = glm(torch.tensor([[[50.0, 1.0]], [[50.0, 1.0]]]), ((0.0, 1.0), (0.5, 0.5)), (0.75, 0.25))
    trials, states = sample_spikes(truth, Emission(link="sigmoid"), 40_000, 1, seeded())
    assert abs((states == 0).sum() - 30_000) < UNLIKELY * math.sqrt(40_000 * 0.75 * 0.25)
    rate = 1 / (1 + math.exp(-1))
    assert abs(trials.spikes - 40_000 * rate) < UNLIKELY * math.sqrt(40_000 * rate)


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


def test_counts_beyond_a_byte_take_more_room():
    trials, _ = sample_spikes(glm(torch.tensor([[[0.0, 6.0]]])), Emission(link="exp"), 1, 50, seeded())
    assert trials.counts.dtype == torch.int32 and trials.counts.max() > 400


WEIGHTS = torch.zeros(1, 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: demo_brain(seeded(), states=0), "states: got 0, expected a whole number of at least 1"),
        (lambda: paper_brain(seeded(), neurons=0), "neurons: got 0, expected a whole number of at least 1"),
        (lambda: group_brain(seeded(), groups=0), "groups: got 0, expected a whole number of at least 1"),
        (lambda: paper_brain(seeded(), strength_sd=-1.0), "strength_sd: got -1.0, expected a finite number"),
        (lambda: paper_brain(seeded(), strength_sd=float("nan")), "strength_sd: got nan"),
        (lambda: paper_brain(seeded(), strength_sd=40.0), "strength_sd: got 40, expected less"),
        (lambda: sample_spikes(glm(WEIGHTS), Emission(), 0, 5, seeded()), "trials: got 0"),
        (lambda: sample_spikes(glm(WEIGHTS), Emission(), 5, 0, seeded()), "bins: got 0"),
        (
            lambda: sample_spikes(glm(WEIGHTS), Emission(), 1, 5, seeded(), coupling=False),
            "weights: got 3 features, expected 1 for 2 neurons",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS[None]), Emission(), 1, 5, seeded()),
            r"weights: got shape \(1, 1, 2, 3\), expected \(states, neurons, features\) without runs",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS), Emission(), 1, 5, seeded(), stimuli=torch.zeros(1, 4, 1)),
            r"stimuli: got shape \(1, 4, 1\), expected \(1, 5, covariates\)",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS), Emission(), 1, 5, seeded(), stimuli=torch.full((1, 5, 1), torch.nan)),
            "stimuli: got NaN or infinite values",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS / 0), Emission(), 1, 5, seeded()),
            "weights: got NaN or infinite values, expected finite numbers",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS, transition=((0.5,),)), Emission(), 1, 5, seeded()),
            "log_transition: got chances that sum to 0.5 to 0.5, expected 1",
        ),
        (
            lambda: sample_spikes(glm(WEIGHTS, initial=(0.1,)), Emission(), 1, 5, seeded()),
            "log_initial: got chances that sum to 0.1 to 0.1, expected 1",
        ),
        (
            lambda: sample_spikes(glm(torch.tensor([[[9.0, 1.0]]])), Emission(), 1, 500, seeded()),
            r"weights: got a network that runs away to .* spikes a bin",
        ),
    ],
)
def test_what_cannot_be_simulated(call, message):
    with pytest.raises(ValueError, match=message):
        call()
