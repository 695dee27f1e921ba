"""Emissions against torch.distributions, autograd and sums over all counts; and spikes simulated with them."""

import math

import pytest
import torch
from refusals import refused
from torch import distributions
from torch.nn.functional import softplus

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission, require_counts
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes

ALL = [*(Emission(link=link) for link in ("softplus", "exp", "sigmoid")), Emission("bernoulli")]
every_emission = pytest.mark.parametrize("emission", ALL, ids=lambda e: f"{e.kind}-{e.link}")
LINKS = {"softplus": softplus, "exp": torch.exp, "sigmoid": torch.sigmoid}
ETA = torch.linspace(-6, 3, 37, dtype=torch.float64)


def distribution(emission, eta):
    f = LINKS[emission.link](eta)
    if emission.kind == "poisson":
        return distributions.Poisson(f)
    return distributions.Bernoulli(logits=f.expm1().log())


def possible(emission):
    return torch.arange(2 if emission.kind == "bernoulli" else 600)


@every_emission
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_torch_has_the_same_distribution(emission, dtype):
    counts = possible(emission)[:20].to(dtype)
    theirs = distribution(emission, ETA)
    found = emission.log_prob(ETA[:, None], counts)
    expected = torch.stack([theirs.log_prob(x) for x in counts.double()], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(emission.mean(ETA), theirs.mean)


@every_emission
def test_score_and_information_are_exact(emission):
    eta = ETA.clone().requires_grad_()
    counts = possible(emission)
    log_p = emission.log_prob(eta[:, None], counts)
    p = log_p.detach().exp()
    torch.testing.assert_close(p.sum(1), torch.ones_like(ETA))
    score, information = emission.score_and_information(ETA[:, None], counts)
    by_autograd = torch.stack([torch.autograd.grad(column.sum(), eta, retain_graph=True)[0] for column in log_p.T[:30]])
    torch.testing.assert_close(score[:, :30], by_autograd.T, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close((p * score).sum(1), torch.zeros_like(ETA), rtol=0, atol=1e-9)
    torch.testing.assert_close((p * score**2).sum(1), information[:, 0], rtol=1e-8, atol=1e-12)


@every_emission
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_out_all_is_finite_and_single_precision_suffices(emission, dtype):
    eta = torch.cat([torch.linspace(-1000, 1000, 2001), torch.linspace(-40, 40, 801)]).to(dtype)
    counts = torch.tensor([0, 1] if emission.kind == "bernoulli" else [0, 1, 7, 255, 10**6])
    found = emission.log_prob(eta[:, None], counts), *emission.score_and_information(eta[:, None], counts)
    assert all(values.isfinite().all() for values in found)
    assert (found[0] < 1e-3).all() and (found[2] >= 0).all()
    wide = eta.double()[:, None]
    exact = emission.log_prob(wide, counts), *emission.score_and_information(wide, counts)
    for ours, theirs in zip(found, exact, strict=True):
        cancelling = (counts + emission.mean(wide)) * (1 + wide.abs())
        assert ((ours - theirs).abs() <= 2e-6 * torch.maximum(theirs.abs(), cancelling) + 1e-37).all()


@every_emission
def test_the_drive_of_a_mean(emission):
    torch.testing.assert_close(emission.inverse_link(emission.mean(ETA)), ETA)
    tiny = torch.tensor([1e-30])
    torch.testing.assert_close(emission.mean(emission.inverse_link(tiny)), tiny, rtol=1e-4, atol=0)
    most = [1.0] if emission.kind == "bernoulli" or emission.link == "sigmoid" else []
    for mean in (0.0, -1.0, float("nan"), *most):
        with pytest.raises(ValueError, match=r"mean: got .*, expected above 0 and below"):
            emission.inverse_link(torch.tensor([mean, 0.5]))


def test_a_bernoulli_emission_is_logistic():
    one, other = Emission("bernoulli"), Emission("bernoulli", "sigmoid")
    counts = torch.arange(2)
    assert one.log_prob(ETA[:, None], counts).equal(other.log_prob(ETA[:, None], counts))
    refused("link: got 'exp', expected 'softplus' for a Bernoulli emission", Emission, "bernoulli", "exp")


def test_counts_that_an_emission_cannot_give():
    require_counts(Emission(), torch.tensor([0, 300]))
    require_counts(Emission("bernoulli"), torch.tensor([0, 1], dtype=torch.uint8))
    refused("counts: got 0 to 2", require_counts, Emission("bernoulli"), torch.tensor([0, 2]))
    refused("counts: got -1 to 2, expected 0 or more", require_counts, Emission(), torch.tensor([-1, 2]))
    refused(r"counts: got torch\.float32, expected integers", require_counts, Emission(), torch.tensor([0.5]))


UNLIKELY = 4.5  # standard deviations


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
        for n in range(counts.shape[1]):
            score, variance = features.T @ scores[:, n], features.T @ (features * information[:, n, None])
            total += (score @ torch.linalg.solve(variance, score)).item()
            degrees += features.shape[1]
    return (total - degrees) / math.sqrt(2 * degrees)


@pytest.mark.parametrize("names", [("poisson", "softplus"), ("poisson", "exp"), ("poisson", "sigmoid"), ("bernoulli",)])
def test_spikes_come_at_the_rates_of_the_design(names):
    random, emission = seeded(3), Emission(*names)
    truth = glm(0.2 * torch.randn(2, 3, 7, generator=random) - 0.3, ((0.9, 0.1), (0.2, 0.8)), (0.5, 0.5))
    trials, states = sample_spikes(truth, emission, 8, 1500, random, basis=torch.eye(2))
    plan = design(trials, torch.eye(2), dtype=torch.float64)
    assert abs(excess(truth, emission, plan, states)) < UNLIKELY
    assert excess(truth, emission, plan, 1 - states) > 3 * UNLIKELY


def test_transitions_come_with_their_probabilities():
    p_true = ((0.5, 0.5, 0.0), (0.1, 0.6, 0.3), (0.3, 0.0, 0.7))
    truth = glm(torch.zeros(3, 1, 2), p_true, (0.2, 0.3, 0.5))
    _, states = sample_spikes(truth, Emission(), 10, 20_000, seeded(0))
    counted = torch.zeros(3, 3)
    counted.index_put_((states[:, :-1].flatten(), states[:, 1:].flatten()), torch.ones(()), accumulate=True)
    p = torch.tensor(p_true)
    deviation = (counted.sum(1, keepdim=True) * p * (1 - p)).sqrt()
    assert (counted[p == 0] == 0).all()
    assert ((counted - counted.sum(1, keepdim=True) * p).abs() <= UNLIKELY * deviation).all()


def test_the_first_state_is_the_initial_one_and_nothing_came_before():
    """In the official code it is drawn from the first row of the transitions instead."""
    truth = glm(torch.tensor([[[50.0, 1.0]], [[50.0, 1.0]]]), ((0.0, 1.0), (0.5, 0.5)), (0.75, 0.25))
    trials, states = sample_spikes(truth, Emission(link="sigmoid"), 40_000, 1, seeded(0))
    assert abs((states == 0).sum() - 30_000) < UNLIKELY * math.sqrt(40_000 * 0.75 * 0.25)
    rate = 1 / (1 + math.exp(-1))
    assert abs(trials.spikes - 40_000 * rate) < UNLIKELY * math.sqrt(40_000 * rate)


def test_counts_beyond_a_byte_take_more_room():
    trials, _ = sample_spikes(glm(torch.tensor([[[0.0, 6.0]]])), Emission(link="exp"), 1, 50, seeded(0))
    assert trials.counts.dtype == torch.int32 and trials.counts.max() > 400


WEIGHTS = torch.zeros(1, 2, 3)


def test_what_cannot_be_simulated():
    def simulated(message, truth, trials=1, bins=5, **options):
        refused(f"^{message}", sample_spikes, truth, Emission(), trials, bins, seeded(0), **options)

    simulated("trials: got 0", glm(WEIGHTS), trials=0)
    simulated("weights: got 3 features, expected 1 for 2 neurons", glm(WEIGHTS), coupling=False)
    simulated(r"weights: got shape \(1, 1, 2, 3\)", glm(WEIGHTS[None]))
    simulated("log_transition: got probabilities that sum to 0.5 to 0.5", glm(WEIGHTS, ((0.5,),)))
    simulated("log_initial: got probabilities that sum to 0.1 to 0.1", glm(WEIGHTS, initial=(0.1,)))
    simulated("weights: got a network that runs away to .* spikes", glm(torch.tensor([[[9.0, 1.0]]])), bins=500)
