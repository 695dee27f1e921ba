"""Hidden chains by themselves: small ones whose paths can all be counted, long ones in single precision, three states.

What `brainlib.brainstates.kernels` computes is held against counting and against double precision.
"""

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.kernels import filter_states, forward_backward, log_likelihood, sample_paths, viterbi
from brainlib.brainstates.kernels.reference import all_paths, backward_messages, enumerate_posterior, forward_messages
from brainlib.brainstates.parameters import sticky


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
    """

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


def errors(chain: Chain) -> Errors:
    """How far the recursions are from counting all paths, over the chain's trials."""
    inputs, counted_inputs = ([tensor.clone().requires_grad_() for tensor in chain[:3]] for _ in range(2))
    result = forward_backward(*chain)
    paths = viterbi(*chain)
    gradients = torch.autograd.grad(log_likelihood(*inputs, chain.lengths).sum(), inputs)
    total, apart, missed = 0.0, [], []
    for b, length in enumerate(chain.lengths.tolist()):
        trial = (counted_inputs[0][b, :length], counted_inputs[1][b], counted_inputs[2][b])
        states, transitions, counted = enumerate_posterior(*trial)
        total = total + counted
        apart += [result.states[b, :length] - states, result.transitions[b] - transitions]
        apart.append((result.log_likelihood[b] - counted) / counted.abs().clamp(min=1))
        candidates = all_paths(*trial)
        same = (candidates.paths == paths[b, :length]).all(1)
        missed.append(candidates.log_joint.max() - candidates.log_joint[same][0])
    counted_gradients = torch.autograd.grad(total, counted_inputs, materialize_grads=True)
    differences = [one - other for one, other in zip(gradients, counted_gradients, strict=True)]
    return Errors(*(max(float(each.detach().abs().max()) for each in kind) for kind in (apart, missed, differences)))


SIZES = [(1, 6), (2, 1), (2, 13), (3, 8), (4, 6), (6, 5), (9, 4)]  # states, bins


@functools.cache
def counted(seed: int) -> dict[tuple[int, int], Errors]:
    """By size, the largest errors on random chains with and without impossible transitions."""
    generator, result = seeded(seed), {}
    for size in SIZES:
        both = [errors(random_chain(*size, generator, forbidden)) for forbidden in (False, True)]
        result[size] = Errors(*map(max, *both))
    return result


# ---- Single precision ----


def random_evidence(bins: int, level: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Log-emissions [1, bins, 5] of about `level` nats, log transitions and log first state, in float32."""
    noise = torch.randn(bins, 5, generator=generator)
    return (noise + level)[None], sticky(5, 0.98).float().log(), torch.full((5,), 1 / 5).log()


def clamped(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> Tensor:
    """The posterior [T, S] by probabilities kept above 1e-16 and scaled, as in the official code."""
    e, P = log_emission[0].exp().clamp(min=1e-16), log_transition.exp()
    a, b = [log_initial.exp() * e[0]], [torch.ones_like(e[0])]
    for now in e[1:]:
        a.append(now * (a[-1] / a[-1].sum() @ P))
    for now in e[1:].flip(0):
        b.append(P @ (now * b[-1] / b[-1].sum()))
    product = torch.stack(a) * torch.stack(b[::-1])
    return product / product.sum(1, keepdim=True)


def added_up(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> Tensor:
    """The posterior by logarithms that are never normalised, as in the official code."""
    chain = log_emission[0], log_transition
    return (forward_messages(*chain, log_initial) + backward_messages(*chain)).softmax(1)


def shifted(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> Tensor:
    """The posterior by `forward_backward`."""
    return forward_backward(log_emission, log_transition, log_initial).states[0]


@functools.cache
def lost_digits(seed: int) -> dict[str, dict[str, float]]:
    """By length and level, each way's largest error of a probability in float32 from float64."""
    result = {}
    for bins, level, ways in (
        (2_000, -20, (clamped, added_up, shifted)),
        (2_000, -200, (clamped, added_up, shifted)),
        (20_000, -200, (added_up, shifted)),
        (1_000_000, -200, (shifted,)),
    ):
        single = random_evidence(bins, level, seeded(seed))
        exact = shifted(*(tensor.double() for tensor in single))
        result[f"{bins:,} bins, {level} nats"] = {
            way.__name__.replace("_", " "): float((way(*single) - exact).abs().max()) for way in ways
        }
    return result


# ---- Three states ----


class ThreeStates:
    """Neurons that fire 0.5 spikes a bin in one of three states and 0.2 in the others; what is inferred of 100 bins."""

    STAY = (0.34, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
    NEURONS = (3, 6, 12, 24, 48)

    def __init__(self, seed: int) -> None:
        generator = seeded(seed + 3)
        silent = torch.zeros(1, 100, 3, dtype=torch.float64)  # no evidence: the prior itself
        self.states = sample_paths(silent, *_sticky_chain(0.95), samples=1, generator=generator)[0, 0]
        preferred = torch.arange(max(self.NEURONS)) % 3
        self.rates = torch.where(preferred == torch.arange(3)[:, None], 0.5, 0.2).double()
        self.spikes = torch.poisson(self.rates[self.states], generator=generator)

    def posterior(self, stay: float, neurons: int, known: str) -> Float[Tensor, "bins 3"]:
        """Of the first `neurons`, by a model that stays with `stay`, given `known` "the past" or all."""
        rates = self.rates[:, :neurons]
        log_emission = (self.spikes[:, :neurons] @ rates.log().T - rates.sum(1))[None]
        infer = filter_states if known == "the past" else forward_backward
        return infer(log_emission, *_sticky_chain(stay)).states[0]

    def accuracy(self, stay: float, neurons: int, known: str) -> float:
        """The share of the bins whose likeliest state is right."""
        return float((self.posterior(stay, neurons, known).argmax(1) == self.states).double().mean())


def _sticky_chain(stay: float) -> tuple[Tensor, Tensor]:
    return sticky(3, stay).log(), torch.full((3,), 1 / 3).double().log()
