"""How probable unseen spikes are under a model.

The marginal log-likelihood, log p(x_1 .. x_T), sums over all paths of states; it is also the sum of one-step
predictions, log p(x_t | x_1 .. x_{t-1}). The authors' programs report another number, the plug-in log-likelihood, which
looks the states up in the data that it then scores.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.inference import log_emission
from brainlib.brainstates.kernels import forward_backward, log_likelihood
from brainlib.brainstates.parameters import Parameters


@torch.no_grad()
def marginal_log_likelihood(parameters: Parameters, design: Design, emission: Emission) -> Float64[Tensor, "trials"]:
    """log p(x) of each trial, in nats.

    Raises `ValueError` as `log_emission` does, for weights that do not fit the design.
    """
    result = log_emission(parameters, design, emission)
    chain = parameters.to(result.dtype)
    return log_likelihood(result, chain.log_transition, chain.log_initial, design.lengths)


@torch.no_grad()
def plug_in_log_likelihood(parameters: Parameters, design: Design, emission: Emission) -> Float64[Tensor, "trials"]:
    """sum over t of log p(x_t | z_t, history) of each trial in nats, z_t the most probable state given the whole trial.

    As the authors' programs evaluate: not the probability of anything, since z_t is chosen with x_t and what follows in
    sight, and the states' own probability is left out. Raises as `marginal_log_likelihood`.
    """
    result = log_emission(parameters, design, emission)
    chain = parameters.to(result.dtype)
    posterior = forward_backward(result, chain.log_transition, chain.log_initial, design.lengths)
    chosen = result.gather(-1, posterior.states.argmax(-1, keepdim=True))[..., 0]
    return torch.where(design.mask, chosen, 0).double().sum(-1)


def homogeneous_log_likelihood(train: Design, test: Design, emission: Emission) -> Float64[Tensor, "trials"]:
    """log p(x) of each test trial if every neuron kept the mean rate it had in training, in nats.

    Half a spike is added to each neuron's training counts, and one bin, so that a neuron silent there is not impossible
    later. Raises `ValueError` for other neurons in training.
    """
    if train.counts.shape[-1] != test.counts.shape[-1]:
        raise ValueError(f"test: got {test.counts.shape[-1]} neurons, expected {train.counts.shape[-1]} as in training")
    mean = (train.counts[train.mask].double().sum(0) + 0.5) / (train.lengths.sum() + 1)
    emission = replace(emission, link="softplus")  # any mean can be had
    result = torch.zeros(test.counts.shape[:2], dtype=torch.float64, device=mean.device)
    for n, eta in enumerate(emission.inverse_link(mean)):
        result += emission.log_prob(eta, test.counts[..., n])
    return torch.where(test.mask, result, 0).sum(-1)


def bits_per_spike(log_likelihood: Float[Tensor, "trials"], baseline: Float[Tensor, "trials"], spikes: int) -> float:
    """What a model knows beyond another: (log p - log p_baseline) / (spikes log 2), over all trials.

    The baseline is `homogeneous_log_likelihood` or the `marginal_log_likelihood` of a one-state model, of the same
    trials. Raises `ValueError` for other trials and without spikes.
    """
    if log_likelihood.shape != baseline.shape:
        raise ValueError(f"baseline: got {len(baseline)} trials, expected {len(log_likelihood)}")
    if spikes < 1:
        raise ValueError(f"spikes: got {spikes}, expected at least 1")
    return (log_likelihood.double() - baseline.double()).sum().item() / (spikes * math.log(2))


def free_parameters(design: Design, states: int) -> int:
    """How many numbers a fit chooses: the weights of every state, transitions and the first state.

    Raises `ValueError` for no states.
    """
    if states < 1:
        raise ValueError(f"states: got {states}, expected at least 1")
    weights = states * design.counts.shape[-1] * design.features.shape[-1]
    return weights + states * (states - 1) + states - 1


def bic(log_likelihood: float, free: int, bins: int) -> float:
    """Schwarz's criterion, -2 log p + free log(bins), of the training data's marginal log-likelihood; lower is better.

    A bin is one observation, of all neurons together. It counts parameters as if no prior held them back. Raises
    `ValueError` for fewer than 1 bin.
    """
    if bins < 1:
        raise ValueError(f"bins: got {bins}, expected at least 1")
    return -2 * log_likelihood + free * math.log(bins)
