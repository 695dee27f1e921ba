"""Simulation: states and spikes of an HMM-GLM, drawn bin by bin in a compiled loop."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.brainstates.design import exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials
from brainlib.jit import njit

HIGHEST = 10_000.0  # spikes a bin: a network that fires more has run away
LINKS = {"softplus": 0, "exp": 1, "sigmoid": 2}


def sample_spikes(
    parameters: Parameters,
    emission: Emission,
    trials: int,
    bins: int,
    generator: torch.Generator,
    *,
    basis: Float[Tensor, "lags functions"] | None = None,
    coupling: bool = True,
    bin_ms: float = 1.0,
) -> tuple[Trials, Int64[Tensor, "trials time"]]:
    """Draws states and spikes of an HMM-GLM, equations (1) and (2): z_1 from `log_initial`, nothing before bin 1.

    `basis` (None: `exponential_basis()`) and `coupling` are those of the `design` that the weights belong to. The same
    state of the generator gives the same spikes. Raises `ValueError` for no trials or bins, weights with a runs' axis,
    of another design or not finite, probabilities that do not sum to 1, and for networks that run away to more than
    10,000 spikes a bin.

    >>> brain = Parameters(torch.zeros(2, 3, 4), torch.full((2, 2), 0.5).log(), torch.full((2,), 0.5).log())
    >>> trials, states = sample_spikes(brain, Emission(), 2, 100, torch.Generator().manual_seed(0))
    >>> trials.counts.shape, states.shape
    (torch.Size([2, 100, 3]), torch.Size([2, 100]))
    """
    whole_number("trials", trials, least=1)
    whole_number("bins", bins, least=1)
    weights = parameters.weights.detach().double().cpu().numpy()
    basis = (exponential_basis() if basis is None else basis) if coupling else torch.zeros(0, 0)
    if weights.ndim != 3:
        raise ValueError(f"weights: got shape {weights.shape}, expected (states, neurons, features) without runs")
    transition, initial = (p.detach().double().exp().cumsum(-1).cpu().numpy() for p in parameters[1:])
    for name, sums in (("log_transition", transition[..., -1]), ("log_initial", initial[..., -1:])):
        if not (abs(sums - 1) < 1e-3).all():
            raise ValueError(f"{name}: got probabilities that sum to {sums.min():g} to {sums.max():g}, expected 1")
        sums[:] = 1  # where rounding left them a little below
    _, N, D = weights.shape
    if N * basis.shape[1] + 1 != D:
        raise ValueError(f"weights: got {D} features, expected {N * basis.shape[1] + 1} for {N} neurons and this basis")

    states, counts = np.empty((trials, bins), np.int64), np.empty((trials, bins, N), np.int32)
    phi, bernoulli = basis.double().cpu().contiguous().numpy(), emission.kind == "bernoulli"
    link = LINKS["sigmoid" if bernoulli else emission.link]
    random = numpy_generator(generator)
    too_high = _simulate_trials(initial, transition, weights, phi, bernoulli, link, random, states, counts)
    if too_high != 0:
        raise ValueError(f"weights: got a network that runs away to {too_high:g} spikes a bin, expected a stable one")
    return Trials.from_sequences(list(counts), bin_ms), torch.from_numpy(states)


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A generator of numpy's, for what torch has no generator for; seeded by `generator`, which moves on."""
    return np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device)))


@njit()
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _rate(eta, link):
    if link == 0:
        return max(eta, 0.0) + np.log1p(np.exp(-abs(eta)))
    if link == 1:
        return np.exp(eta)
    return 1 / (1 + np.exp(-eta))


@njit()
@no_type_check
def _simulate_trials(initial, transition, weights, basis, bernoulli, link, random, z, x):
    """Fills states z [B, T] and counts x [B, T, N]; stops at a rate above `HIGHEST` and gives it, else 0.

    initial [S], transition [S, S]: probabilities, added up   weights [S, N, D], their features in the order of `Design`
    basis [lags, functions], no functions without coupling
    """
    B, T, N = x.shape
    D = weights.shape[2]
    features = np.empty(D)
    for b in range(B):
        for t in range(T):
            z[b, t] = np.searchsorted(initial if t == 0 else transition[z[b, t - 1]], random.random(), side="right")
            features[: D - 1] = 0
            for k in range(min(t, len(basis))):
                for j in range(basis.shape[1]):
                    for n in range(N):
                        features[j * N + n] += basis[k, j] * x[b, t - 1 - k, n]
            features[D - 1] = 1
            for n in range(N):
                eta = 0.0
                w = weights[z[b, t], n]
                for d in range(D):
                    eta += w[d] * features[d]
                f = _rate(eta, link)
                if not f <= HIGHEST:
                    return f
                x[b, t, n] = random.random() < f if bernoulli else random.poisson(f)
    return 0.0
