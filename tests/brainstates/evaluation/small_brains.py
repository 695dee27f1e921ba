"""Brains small enough to check by hand, and their recordings."""

import torch

from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.brainstates.simulate import sample_spikes
from brainlib.data.trials import Trials


def switching(stay: float = 0.95, neurons: int = 4, seed: int = 0) -> Parameters:
    """Two states with wiring and rates of their own."""
    generator = torch.Generator().manual_seed(seed)
    weights = 0.6 * torch.randn(2, neurons, neurons + 1, generator=generator)
    weights[0, :, -1] -= 1.5
    weights[1, :, -1] += 0.3
    transition = torch.tensor([[stay, 1 - stay], [1 - stay, stay]]).log()
    return Parameters(weights, transition, torch.tensor([0.3, 0.7]).log())


def one_state(parameters: Parameters, state: int = 0) -> Parameters:
    """As if the brain never left one of its states."""
    return Parameters(parameters.weights[state : state + 1], torch.zeros(1, 1), torch.zeros(1))


def record(
    parameters: Parameters, emission: Emission, trials: int, bins: int, seed: int = 1
) -> tuple[Trials, torch.Tensor]:
    return sample_spikes(parameters, emission, trials, bins, torch.Generator().manual_seed(seed))
