"""What every state says of the counts: features against loops, gradients, and the posterior of every run."""

import itertools

import pytest
import torch
from refusals import refused
from torch.nn.functional import softplus

from brainlib.brainstates import inference
from brainlib.brainstates.design import design, exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.kernels import forward_backward
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from chapters.brainstates import equations

LINKS = {"softplus": softplus, "exp": torch.exp, "sigmoid": torch.sigmoid}


def trials(*lengths, neurons=3, most=4):
    random = torch.Generator().manual_seed(sum(lengths))
    sequences = [torch.randint(0, most, (length, neurons), generator=random) for length in lengths]
    return Trials.from_sequences(sequences, 1.0)


def parameters(*runs, states=2, neurons=3, features=4, dtype=torch.float64):
    random = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*runs, *shape, generator=random, dtype=dtype)

    return Parameters(
        draw(states, neurons, features), draw(states, states).log_softmax(-1), draw(states).log_softmax(-1)
    )


@pytest.mark.parametrize("link", ["softplus", "exp", "sigmoid"])
def test_the_paper_s_equations(link):
    data, truth = trials(12, 5), parameters(states=3)
    found = log_emission(truth, design(data, dtype=torch.float64), Emission(link=link))
    assert found.shape == (2, 12, 3) and found.dtype == torch.float64
    phi = exponential_basis()[:, 0]
    for b, length in enumerate(data.lengths):
        counts = data.counts[b, :length]
        loops = equations.log_emission(counts, truth.coupling, truth.bias, phi, LINKS[link])
        torch.testing.assert_close(found[b, :length], loops, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["poisson", "bernoulli"])
def test_runs_and_blocks_make_no_difference(kind, monkeypatch):
    data = trials(11, 7, most=2 if kind == "bernoulli" else 300)
    plan = design(data, torch.eye(2), dtype=torch.float64)
    plan = plan._replace(features=plan.features / 100)
    several = parameters(2, 3, features=plan.features.shape[-1])
    whole = log_emission(several, plan, Emission(kind))
    assert whole.shape == (2, 3, 2, 11, 2)
    monkeypatch.setitem(inference.CACHED, "cpu", 1)
    torch.testing.assert_close(log_emission(several, plan, Emission(kind)), whole, rtol=1e-13, atol=1e-13)
    one = Parameters(*(field[1, 2] for field in several))
    torch.testing.assert_close(log_emission(one, plan, Emission(kind)), whole[1, 2], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("emission", [*(Emission(link=link) for link in LINKS), Emission("bernoulli")])
def test_gradients(emission, monkeypatch):
    monkeypatch.setitem(inference.CACHED, "cpu", 50)
    plan, start = design(trials(6, 4, most=2), dtype=torch.float64), parameters(2)

    def of(weights):
        return log_emission(start._replace(weights=weights), plan, emission)

    assert torch.autograd.gradcheck(of, start.weights.clone().requires_grad_())


def test_the_posterior_of_every_run():
    runs = 2, 2
    plan, emission = design(trials(9, 1, 5), dtype=torch.float64), Emission()
    several = parameters(*runs)
    found = posterior(several, plan, emission)
    assert found.states.shape == (*runs, 3, 9, 2) and found.log_likelihood.shape == (*runs, 3)
    evidence = log_emission(several, plan, emission)
    for place in itertools.product(*(range(n) for n in runs)):
        one = (evidence[place], several.log_transition[place], several.log_initial[place])
        for ours, theirs in zip(found, forward_backward(*one, plan.lengths), strict=True):
            torch.testing.assert_close(ours[place], theirs)


def test_what_does_not_fit():
    plan = design(trials(5))
    refused("weights: got 3 neurons and 5 features", log_emission, parameters(features=5), plan, Emission())
    refused("weights: got 2 neurons and 4 features", log_emission, parameters(neurons=2), plan, Emission())
    broken = parameters()
    broken.weights[1, 2, 0] = float("nan")
    refused("weights: got NaN or infinite values", log_emission, broken, plan, Emission())


RANDOM = torch.Generator().manual_seed(0)
TRIALS = Trials.from_sequences([torch.randint(0, 3, (length, 3), generator=RANDOM) for length in (9, 4)], bin_ms=1.0)
COUNTS = torch.randint(0, 4, (2, 23, 3), generator=RANDOM, dtype=torch.uint8)
TWO = torch.rand(7, 2, generator=RANDOM)


@pytest.mark.parametrize("basis", [exponential_basis(), TWO])
def test_features_are_those_of_three_loops(basis):
    trials = Trials.from_sequences([*COUNTS, 1000 * COUNTS[0].int()], bin_ms=1.0)  # beyond a byte
    features = design(trials, basis, dtype=torch.float64).features
    assert features.shape == (3, 23, 3 * basis.shape[1] + 1) and (features[..., -1] == 1).all()
    for b, counts in enumerate(trials.counts):
        for j, phi in enumerate(basis.T):
            loops = equations.history(counts, phi)
            torch.testing.assert_close(features[b, :, 3 * j : 3 * (j + 1)], loops, rtol=1e-14, atol=1e-14)


def test_the_official_exponential():
    published = torch.tensor([0.6364, 0.2341, 0.0861, 0.0317, 0.0117])
    torch.testing.assert_close(exponential_basis()[:, 0], published, rtol=0, atol=5e-5)
    assert exponential_basis(4, 0.0).flatten().tolist() == [0.25] * 4


def test_trials_picked():
    plan = design(TRIALS)
    assert plan.features.dtype == torch.float32 and torch.equal(plan.mask, TRIALS.mask)
    assert design(TRIALS, coupling=False).features.shape == (2, 9, 1)
    short = plan.pick([1])
    assert short.features.shape == (1, 4, 4) and short.lengths.tolist() == [4]
    assert torch.equal(short.features, design(TRIALS.pick([1])).features)
    assert torch.equal(plan.pick(torch.tensor([1, 0])).lengths, torch.tensor([4, 9]))


@pytest.mark.parametrize("indices", [[-1], torch.empty(0, dtype=torch.int64), torch.tensor([0, 7])])
def test_trials_that_are_not_there(indices):
    with pytest.raises(ValueError, match=r"indices: got .*, expected some of 0 to 1"):
        design(TRIALS).pick(indices)


def test_what_makes_no_design():
    refused(r"basis: got shape \(0, 1\), expected finite numbers of shape", design, TRIALS, torch.zeros(0, 1))
    refused("basis: got shape", design, TRIALS, torch.full((3, 1), float("nan")))
    refused("dtype: got torch.float16, expected torch.float32 or", design, TRIALS, dtype=torch.float16)
    refused("decay: got nan, expected a finite number", exponential_basis, 5, float("nan"))
