"""Simulated brains of the paper: wiring that switches with a hidden state, and the spikes that it makes.

Classes of connections are in the paper's order: inhibitory, none, excitatory.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.brainstates.design import Design, design, exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.evaluation import marginal_log_likelihood, match_states, state_accuracy
from brainlib.brainstates.inference import log_emission, posterior
from brainlib.brainstates.parameters import Parameters, sticky
from brainlib.brainstates.simulate import numpy_generator, sample_spikes
from brainlib.data.trials import Trials

ATTEMPTS = 100  # to draw a stable network


class Brain(NamedTuple):
    """A brain whose wiring is known.

    - `parameters`: the true ones; weights through `basis`, then a bias that all states share;
    - `adjacency[s, n, n']`: the sign of the connection from n' to n in state s; 0 is none;
    - `adjacency_prior[n, n', :]`: a_0, the chances of the three classes from which every state drew;
    - `strengths[s, n, n']`: positive, also where there is no connection; weights = adjacency x strengths, equation (3).
    """

    parameters: Parameters
    adjacency: Int64[Tensor, "states neurons neurons"]
    adjacency_prior: Float[Tensor, "neurons neurons 3"]
    strengths: Float[Tensor, "states neurons neurons"]
    emission: Emission
    basis: Float[Tensor, "lags functions"]


class DataSet(NamedTuple):
    """A brain, what it did in training and in the test, and in which states: `train` may lack sequences of `spikes`."""

    brain: Brain
    spikes: Trials
    train: Design
    test: Design
    states: Int64[Tensor, "trials time"]

    @property
    def test_states(self) -> Int64[Tensor, "trials time"]:
        """The true states of the test."""
        return self.states[-len(self.test.lengths) :]


def demo_brain(generator: torch.Generator, states: int = 5, neurons: int = 20) -> Brain:
    """The brain of the official demonstration; its sigmoid link allows less than one spike a bin, 0.46 on average.

    a_0 ~ Dirichlet(0.2, 1.6, 0.2)   strengths log(1 + 3 u), u ~ U(0, 1)   biases U(-0.05, 0.05)
    a state stays with 0.98 and goes to each of the others with 0.02 / (states - 1)
    """
    random = numpy_generator(generator)
    prior = random.dirichlet((0.2, 1.6, 0.2), (neurons, neurons))
    strengths = np.log1p(3 * random.random((states, neurons, neurons)))
    bias = random.uniform(-0.05, 0.05, neurons)
    adjacency = draw_adjacency(prior, states, random)
    return assembled(prior, adjacency, strengths, bias, sticky(states, 0.98).numpy(), Emission(link="sigmoid"))


def paper_brain(
    generator: torch.Generator, states: int = 5, neurons: int = 20, strength_sd: float = 2.0, kind: str = "paper"
) -> Brain:
    """A brain of the paper's synthetic set, with a softplus link: about 0.7 spikes a bin.

        a_0 ~ Dirichlet(0.1, 0.8, 0.1)   ln strengths ~ N(-5, strength_sd^2)   biases N(0, 0.0008), a variance
        a state stays with 0.98 and goes to each of the others with 0.02 / (states - 1): 0.005 for the paper's 5

    The default deviation is that of the paper's prior on strengths. The paper prints a variance of 1.5, with which the
    true parameters themselves find 42 % of the states (mean over six brains, 20,000 bins each); with deviations of 1.5,
    1.75, 2 and 2.25 they find 60, 77, 89 and 93 %. A network that can run away (`stable`), at 2 one in 24, is drawn
    again, which the paper does not mention.

    Of another `kind`: "unconnected", with an anatomy on paper and all strengths 0; "Dale", each source neuron of one
    sign, drawn by lot, which gets the chances of both.

    Raises `ValueError` for a deviation so large that hardly any network is stable.
    """
    S, N = states, neurons
    random = numpy_generator(generator)
    for _ in range(ATTEMPTS):
        prior = random.dirichlet((0.1, 0.8, 0.1), (N, N))
        if kind == "Dale":
            excites = random.random(N) < 0.5
            edges = prior[..., 0] + prior[..., 2]
            prior = np.stack([np.where(excites, 0, edges), prior[..., 1], np.where(excites, edges, 0)], axis=-1)
        strengths = random.lognormal(-5, strength_sd, (S, N, N)) * (kind != "unconnected")
        bias = random.normal(0, math.sqrt(0.0008), N)
        adjacency = draw_adjacency(prior, S, random)
        if stable(adjacency * strengths):
            break
    else:
        raise ValueError(f"strength_sd: got {strength_sd:g}, expected less: {ATTEMPTS} networks would run away")
    return assembled(prior, adjacency, strengths, bias, sticky(S, 0.98).numpy(), Emission())


def simulate(
    brain: Brain, trials: int, bins: int, generator: torch.Generator
) -> tuple[Trials, Int64[Tensor, "trials time"]]:
    """Spikes of a brain and the states that it was in; as `sample_spikes`."""
    return sample_spikes(brain.parameters, brain.emission, trials, bins, generator, basis=brain.basis)


def data_set(brain: Brain, sizes: Any, generator: torch.Generator) -> DataSet:
    """`sizes.train` and `sizes.test` sequences of `sizes.bins` bins."""
    trials, states = simulate(brain, sizes.train + sizes.test, sizes.bins, generator)
    everything = design(trials, brain.basis)
    train, test = range(sizes.train), range(sizes.train, sizes.train + sizes.test)
    return DataSet(brain, trials, everything.pick(train), everything.pick(test), states)


def judged(
    parameters: Parameters, test: Design, emission: Emission, data: DataSet
) -> tuple[Tensor, Tensor, float, Tensor | None]:
    """A model on the test sequences of a data set, `test` being the design by which it reads them.

    The marginal and the plug-in log-likelihood of each sequence in nats; the share of the bins whose state is right,
    one matching of states for all sequences; and the true states' counterparts, None if there are not as many.

    The plug-in log-likelihood, sum over t of log p(x_t | z_t, history) with z_t the most probable state given the whole
    sequence, is what the authors' programs report: not the probability of anything, since z_t is chosen with x_t and
    what follows in sight, and the states' own probability is left out.
    """
    S = len(data.brain.adjacency)
    path = posterior(parameters, test, emission).states.argmax(-1)
    matched = data.test_states, path, data.test.lengths, S
    order = match_states(*matched) if len(parameters.log_initial) == S else None
    marginal = marginal_log_likelihood(parameters, test, emission)
    along = log_emission(parameters, test, emission).gather(-1, path[..., None])[..., 0]
    plug_in = torch.where(test.mask, along, 0).double().sum(-1)
    return marginal, plug_in, state_accuracy(*matched), order


def assembled(
    prior: np.ndarray,  # [N, N, 3]
    adjacency: np.ndarray,  # [S, N, N]
    strengths: np.ndarray,  # [S, N, N]
    bias: np.ndarray,  # [N]
    transition: np.ndarray,  # [S, S]
    emission: Emission,
) -> Brain:
    S, N, _ = strengths.shape
    weights = np.concatenate([adjacency * strengths, np.broadcast_to(bias[:, None], (S, N, 1))], axis=2)
    initial = np.full(S, 1 / S)
    parameters = Parameters(*(torch.from_numpy(a).float() for a in (weights, np.log(transition), np.log(initial))))
    prior, strengths = (torch.from_numpy(a).float() for a in (prior, strengths))
    return Brain(parameters, torch.from_numpy(adjacency), prior, strengths, emission, exponential_basis())


def draw_adjacency(prior: np.ndarray, states: int, random: np.random.Generator) -> np.ndarray:
    """[states, N, N] of -1, 0 and 1: one-hot a_s from a_0, equation (4) at temperature 0."""
    u = random.random((states, *prior.shape[:2]))
    return (u >= prior[..., 0]).astype(np.int64) + (u >= prior[..., :2].sum(-1)) - 1


def stable(weights: np.ndarray) -> bool:
    """Whether no state's network, [S, N, N], can run away: the excitatory weights' spectral radius is below 1.

    With a basis that sums to 1, mean rates then stay below those of the linear network f = softplus(b) + max(W, 0) f.
    """
    return bool(abs(np.linalg.eigvals(weights.clip(min=0))).max() < 1)
