"""Hidden chains by themselves: small ones whose paths can be counted, long ones in single precision, three states."""

import functools
import json
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.arguments import seeded
from brainlib.brainstates.kernels import filter_states, forward_backward, log_likelihood, sample_paths, viterbi
from brainlib.brainstates.kernels.reference import all_paths, enumerate_posterior
from brainlib.brainstates.parameters import sticky

SIZES = [(1, 6), (2, 13), (3, 8), (6, 5)]  # states, bins


@functools.cache
def missed(seed: int) -> dict[str, float]:
    """What the fast forms miss of counting all paths of random chains, some of whose transitions are impossible: the
    largest difference of posterior probabilities, expected transitions and log likelihoods; by how many nats Viterbi's
    path is not the best; and the largest difference of gradients from autograd through the sum over all paths.
    """
    generator, worst = seeded(seed), dict.fromkeys(("posterior", "path", "gradient"), 0.0)
    for states, bins in SIZES:
        for forbidden in (False, True):
            normal = functools.partial(torch.randn, generator=generator, dtype=torch.float64)
            log_transition, lower = normal(states, states), torch.ones(states, states).tril(-1).bool()
            if forbidden:  # no way to a lower state, but from the last, which leads anywhere
                lower[-1] = False
                log_transition = log_transition.masked_fill(lower, -torch.inf)
            log_initial = normal(states).log_softmax(-1)
            chain = [2 * normal(bins, states) - 20, log_transition.log_softmax(-1), log_initial]
            for name, difference in _missed(chain).items():
                worst[name] = max(worst[name], difference)
    return worst


def _missed(chain: list[Tensor]) -> dict[str, float]:
    one, other = ([tensor.clone().requires_grad_() for tensor in chain] for _ in range(2))
    batch = one[0][None], *one[1:]
    found, best = forward_backward(*batch), viterbi(*batch)[0]
    states, transitions, counted = enumerate_posterior(*other)
    posterior = found.states[0] - states, found.transitions[0] - transitions, found.log_likelihood[0] / counted - 1
    every = all_paths(*chain)
    slopes = torch.autograd.grad(log_likelihood(*batch).sum(), one, materialize_grads=True)
    theirs = torch.autograd.grad(counted, other, materialize_grads=True)
    return {
        "posterior": max(float(each.detach().abs().max()) for each in posterior),
        "path": float(every.log_joint.max() - every.log_joint[(every.paths == best).all(1)][0]),
        "gradient": max(float((a - b).abs().max()) for a, b in zip(slopes, theirs, strict=True)),
    }


# ---- Single precision ----


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
    (e,), P = log_emission, log_transition
    a, b = [log_initial + e[0]], [torch.zeros_like(e[0])]
    for now in e[1:]:
        a.append((a[-1][:, None] + P).logsumexp(0) + now)
    for now in e[1:].flip(0):
        b.append((P + now + b[-1]).logsumexp(1))
    return (torch.stack(a) + torch.stack(b[::-1])).softmax(1)


def shifted(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> Tensor:
    """The posterior by `forward_backward`."""
    return forward_backward(log_emission, log_transition, log_initial).states[0]


@functools.cache
def lost_digits(seed: int) -> dict[str, dict[str, float]]:
    """By length, each way's largest error of a probability in float32, log-emissions of about -200 nats a bin."""
    result = {}
    for bins, ways in ((2_000, (clamped, added_up, shifted)), (20_000, (added_up, shifted)), (1_000_000, (shifted,))):
        log_emission = torch.randn(1, bins, 5, generator=seeded(seed)) - 200
        single = log_emission, sticky(5, 0.98).float().log(), torch.full((5,), 1 / 5).log()
        exact = shifted(*(tensor.double() for tensor in single))
        result[f"{bins:,}"] = {way.__name__: float((way(*single) - exact).abs().max()) for way in ways}
    return result


# ---- Three states ----


class ThreeStates:
    """Neurons that fire 0.5 spikes a bin in one of three states and 0.2 in the others; what is inferred of 100 bins."""

    RATES, BINS, MOST = (0.2, 0.5), 100, 48

    def __init__(self, seed: int) -> None:
        generator, (low, high) = seeded(seed + 3), self.RATES
        silent = torch.zeros(1, self.BINS, 3, dtype=torch.float64)  # no evidence: the prior itself
        self.states = sample_paths(silent, *_sticky_chain(0.95), samples=1, generator=generator)[0, 0]
        own = torch.arange(self.MOST) % 3 == torch.arange(3)[:, None]
        self.rates = torch.where(own, high, low).double()
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

    def script(self) -> str:
        """`posterior` as a JavaScript function of its arguments, for `explore.simulation`, with these spikes."""
        given = {"rates": self.RATES, "spikes": self.spikes.int().tolist(), "states": self.states.tolist()}
        program = Path(__file__).with_name("three_states.js").read_text(encoding="utf-8")
        return program.replace("GIVEN", json.dumps(given, separators=(",", ":")))


def _sticky_chain(stay: float) -> tuple[Tensor, Tensor]:
    return sticky(3, stay).log(), torch.full((3,), 1 / 3).double().log()
