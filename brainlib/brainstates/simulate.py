"""Simulation: states and spikes of an HMM-GLM, drawn bin by bin in a compiled loop."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from brainlib.arguments import whole_number
from brainlib.brainstates.design import exponential_basis
from brainlib.brainstates.emissions import Emission
from brainlib.brainstates.parameters import Parameters
from brainlib.data.trials import Trials

HIGHEST = 10_000.0  # spikes a bin: a network that fires more has run away
KINDS = {"poisson": 0, "bernoulli": 1}
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
    """
    whole_number("trials", trials, least=1)
    whole_number("bins", bins, least=1)
    weights = parameters.weights.detach().double().cpu().numpy()
    basis = (exponential_basis() if basis is None else basis) if coupling else torch.zeros(0, 0)
    if weights.ndim != 3:
        raise ValueError(f"weights: got shape {weights.shape}, expected (states, neurons, features) without runs")
    if not np.isfinite(weights).all():
        raise ValueError("weights: got NaN or infinite values, expected finite numbers")
    transition, initial = (p.detach().double().exp().cpu().numpy() for p in parameters[1:])
    for name, probabilities in (("log_transition", transition), ("log_initial", initial)):
        sums = probabilities.sum(-1)
        if not (abs(sums - 1) < 1e-3).all():
            got = f"{sums.min():g} to {sums.max():g}"
            raise ValueError(f"{name}: got probabilities that sum to {got}, expected 1")
    _, N, D = weights.shape
    if N * basis.shape[1] + 1 != D:
        raise ValueError(f"weights: got {D} features, expected {N * basis.shape[1] + 1} for {N} neurons and this basis")

    states = np.empty((trials, bins), np.int64)
    counts = np.empty((trials, bins, N), np.int32)
    from brainlib.brainstates.compiled_simulation import simulate_trials  # loads numba

    highest = simulate_trials(
        initial,
        transition,
        weights,
        basis.double().cpu().contiguous().numpy(),
        KINDS[emission.kind],
        LINKS[emission.link],
        HIGHEST,
        numpy_generator(generator),
        states,
        counts,
    )
    if not highest <= HIGHEST:
        raise ValueError(f"weights: got a network that runs away to {highest:g} spikes a bin, expected a stable one")
    spikes = torch.from_numpy(counts)
    if counts.max() < 256:
        spikes = spikes.to(torch.uint8)
    return Trials(spikes, torch.full((trials,), bins), bin_ms), torch.from_numpy(states)


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A generator of numpy's, for what torch has no generator for; seeded by `generator`, which moves on."""
    return np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device)))
