"""Chains so short that every path of the hidden states can be counted: what the fast recursions are held against.

Used in chapters/brainstates/01_from_glm_to_hmm_glm.ipynb.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.brainstates.kernels import forward_backward, log_likelihood, viterbi
from brainlib.brainstates.kernels.chain import Implementation
from brainlib.brainstates.kernels.reference import all_paths, enumerate_posterior

MOST_PATHS = 100_000  # of the longest trial


class Chain(NamedTuple):
    """The arguments of `forward_backward`, in float64: trials of several lengths, each with its own probabilities."""

    log_emission: Float[Tensor, "trials time states"]
    log_transition: Float[Tensor, "trials states states"]
    log_initial: Float[Tensor, "trials states"]
    lengths: Int64[Tensor, "trials"]


class Errors(NamedTuple):
    """What a fast form misses; each is 0 where it is exact.

    - `posterior`: the largest difference of a state's probability, of an expected number of transitions, or of a log
      likelihood relative to itself;
    - `path`: how much more probable the best path is than Viterbi's, nats;
    - `gradient`: the largest difference of the log likelihood's gradients from autograd through the sum over all paths.
    """

    posterior: float
    path: float
    gradient: float


def random_chain(states: int, bins: int, generator: torch.Generator, forbidden: bool = False) -> Chain:
    """Trials of 1 bin, of half of `bins` and of `bins`, with random probabilities and log-emissions of about -20 nats.

    `forbidden` makes every transition to a lower state impossible, the last state's excepted, which lead anywhere.
    Raises `ValueError` for no state or bin, and for more than 100,000 paths.
    """
    if min(states, bins) < 1 or states**bins > MOST_PATHS:
        raise ValueError(f"states, bins: got {states}, {bins}, expected at least 1 and at most {MOST_PATHS} paths")

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    transition = normal(3, states, states)
    if forbidden:
        lower = torch.ones(states, states, dtype=torch.bool).tril(-1)
        lower[-1] = False
        transition = transition.masked_fill(lower, -torch.inf)
    return Chain(
        2 * normal(3, bins, states) - 20,
        transition.log_softmax(-1),
        normal(3, states).log_softmax(-1),
        torch.tensor([1, (bins + 1) // 2, bins]),
    )


def errors(chain: Chain, impl: Implementation = "auto") -> Errors:
    """How far an implementation is from counting all paths, over the chain's trials. Raises as `forward_backward`."""
    inputs = [tensor.clone().requires_grad_() for tensor in chain[:3]]
    counted_inputs = [tensor.clone().requires_grad_() for tensor in chain[:3]]
    found = forward_backward(*chain, impl=impl)
    paths = viterbi(*chain, impl=impl)
    gradients = torch.autograd.grad(log_likelihood(*inputs, chain.lengths, impl=impl).sum(), inputs)
    total, apart, missed = 0.0, [], []
    for b, length in enumerate(chain.lengths.tolist()):
        trial = counted_inputs[0][b, :length], counted_inputs[1][b], counted_inputs[2][b]
        states, transitions, counted = enumerate_posterior(*trial)
        total = total + counted
        apart += [
            found.states[b, :length] - states,
            found.transitions[b] - transitions,
            (found.log_likelihood[b] - counted) / counted.abs().clamp(min=1),
        ]
        candidates = all_paths(*trial)
        same = (candidates.paths == paths[b, :length]).all(1)
        missed.append(candidates.log_joint.max() - candidates.log_joint[same][0])
    counted_gradients = torch.autograd.grad(total, counted_inputs, materialize_grads=True)
    differences = [one - other for one, other in zip(gradients, counted_gradients, strict=True)]
    return Errors(largest(apart), largest(missed), largest(differences))


def largest(tensors: list[Tensor]) -> float:
    return max(float(tensor.detach().abs().max()) for tensor in tensors)
