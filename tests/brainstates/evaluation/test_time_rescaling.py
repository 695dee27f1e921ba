import math

import pytest
import torch
from scipy.stats import kstest
from small_brains import one_state, record, switching

from brainlib.arguments import seeded
from brainlib.brainstates.design import design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.rescaling import time_rescaling
from brainlib.data.trials import Trials


def constant(rate: float) -> Parameters:
    """One state, one neuron, no history: `rate` spikes a bin."""
    return Parameters(torch.tensor([[[math.log(math.expm1(rate))]]]), torch.zeros(1, 1), torch.zeros(1))


def test_intervals_by_hand():
    """Rate .5: Q = .5 a bin. Spikes in the 3rd bin and, a trial's end between, after two more silent ones."""
    trials = Trials.from_sequences([torch.tensor([[0], [0], [2], [0]]), torch.tensor([[0], [1], [1]])], 1.0)
    found = time_rescaling(constant(0.5), design(trials, coupling=False), Emission(), seeded(3))
    drawn = torch.rand(3, generator=seeded(3), dtype=torch.float64)
    within = -torch.log(1 - drawn * (1 - math.exp(-0.5)))
    expected = 1 - torch.exp(-(torch.tensor([1.0, 1.0, 0.0]) + within))
    torch.testing.assert_close(found.uniform, expected, rtol=1e-6, atol=1e-7)
    assert found.neuron.tolist() == [0, 0, 0]
    assert (within > 0).all() and (within < 0.5).all()


def test_a_bin_does_not_change_its_own_prediction():
    """Many spikes in the last bin say much of its state, and nothing of how likely they were."""
    parameters = switching()
    trials, _ = record(parameters, Emission(), 1, 30)
    louder = trials.counts.clone()
    louder[0, -1] += 5
    quiet, loud = (
        time_rescaling(parameters, design(Trials(counts, trials.lengths, 1.0)), Emission(), seeded(0))
        for counts in (torch.cat((trials.counts[:, :-1], torch.ones_like(louder[:, -1:])), 1), louder)
    )
    assert quiet.uniform.equal(loud.uniform)


@pytest.mark.parametrize("emission", [Emission(), Emission("bernoulli")])
def test_under_the_true_model_intervals_are_uniform(emission):
    parameters = switching()
    for seed in range(3):
        trials, _ = record(parameters, emission, 10, 1000, seed)
        found = time_rescaling(parameters, design(trials), emission, seeded(seed))
        assert [found.of(n).pvalue > 0.001 for n in range(4)] == [True] * 4


def test_wrong_models_are_rejected():
    """Without the states, without the wiring, and with states that last too short: each against many spikes."""
    parameters = switching(stay=0.99)
    trials, _ = record(parameters, Emission(), 10, 2000)
    regression = design(trials)
    uncoupled = parameters._replace(weights=parameters.weights.clone())
    uncoupled.weights[..., :-1] = 0
    for model in (one_state(parameters, 1), uncoupled, switching(stay=0.6)):
        assert kstest(time_rescaling(model, regression, Emission(), seeded(0)).uniform, "uniform").pvalue < 1e-3
