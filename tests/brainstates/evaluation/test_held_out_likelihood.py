import math

import pytest
import torch
from small_brains import record, switching

from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import (
    bits_per_spike,
    homogeneous_log_likelihood,
    marginal_log_likelihood,
)
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.kernels import reference
from brainlib.data.trials import Trials


def test_the_marginal_likelihood_by_all_paths():
    parameters = switching()
    whole = design(record(parameters, Emission(), 2, 7)[0], dtype=torch.float64)
    regression = whole._replace(lengths=torch.tensor([7, 4]))
    evidence = log_emission(parameters, regression, Emission())
    marginal = marginal_log_likelihood(parameters, regression, Emission())
    for trial, length in enumerate([7, 4]):
        logs = evidence[trial, :length], parameters.log_transition, parameters.log_initial
        log_joint = reference.all_paths(*logs).log_joint
        assert marginal[trial].item() == pytest.approx(log_joint.logsumexp(0).item(), rel=1e-6)


def test_constant_rates_by_hand():
    """Means with half a spike and a bin added: 2.5 / 4 and .5 / 4, whatever the link."""
    train = design(Trials.from_sequences([torch.tensor([[1, 0], [0, 0]]), torch.tensor([[1, 0]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[2, 0]]), torch.tensor([[0, 1], [1, 0]])], 1.0))
    found = homogeneous_log_likelihood(train, test, Emission(link="sigmoid"))
    a, b = 2.5 / 4, 0.5 / 4
    first = 2 * math.log(a) - a - math.log(2) - b
    second = -a + math.log(b) - b + math.log(a) - a - b
    assert found.tolist() == pytest.approx([first, second])


def test_constant_probabilities_of_a_bernoulli_emission_by_hand():
    train = design(Trials.from_sequences([torch.tensor([[1], [0], [1]])], 1.0))
    test = design(Trials.from_sequences([torch.tensor([[1], [0]])], 1.0))
    p = 2.5 / 4
    assert homogeneous_log_likelihood(train, test, Emission("bernoulli")).item() == pytest.approx(math.log(p * (1 - p)))


def test_unfit_arguments(unchecked):
    one, other = (design(Trials.from_sequences([torch.ones(3, n)], 1.0)) for n in (1, 2))
    with pytest.raises(ValueError, match="test: got 2 neurons, expected 1"):
        homogeneous_log_likelihood(one, other, Emission())
    with pytest.raises(ValueError, match="spikes: got 0"):
        bits_per_spike(torch.zeros(2), torch.zeros(2), 0)
    with pytest.raises(ValueError, match=r"baseline: got the shape \(3,\)"):
        bits_per_spike(torch.zeros(2), torch.zeros(3), 1)
