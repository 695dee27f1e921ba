"""From parameters and data to the states: what every state says of the counts, and the posterior of the chain."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission, require_counts
from brainlib.brainstates.kernels import Posterior, forward_backward
from brainlib.brainstates.parameters import Parameters

CACHED = {"cpu": 2**17, "cuda": 2**25}  # drives at once: on a CPU what is made of them stays in the cache


def log_emission(
    parameters: Parameters, design: Design, emission: Emission
) -> Float[Tensor, "*runs trials time states"]:
    """log p(x_t | z_t = s, the past) for all states, summed over neurons: equations (1) and (2) of the paper.

    Computed in the design's dtype, in blocks of bins: beside the answer, memory does not grow with time, nor on the way
    back: gradients reach the weights. Beyond a trial's length the numbers mean nothing. Raises
    `ValueError` for counts that the emission cannot give, and weights that do not fit the design or are not finite.

    >>> from brainlib.brainstates.design import design
    >>> from brainlib.data import Trials
    >>> data = design(Trials.from_sequences([torch.ones(5, 3).int()], bin_ms=10.0), coupling=False)
    >>> parameters = Parameters(torch.zeros(2, 3, 1), torch.full((2, 2), 0.5).log(), torch.full((2,), 0.5).log())
    >>> log_emission(parameters, data, Emission()).shape  # (trials, time, states)
    torch.Size([1, 5, 2])
    """
    require_counts(emission, design.counts)
    *_, N, D = parameters.weights.shape
    if (design.counts.shape[-1], design.features.shape[-1]) != (N, D):
        got, expected = f"{N} neurons and {D} features", f"{design.counts.shape[-1]} and {design.features.shape[-1]}"
        raise ValueError(f"weights: got {got}, expected {expected} as the design has them")
    if not parameters.weights.isfinite().all():
        raise ValueError("weights: got NaN or infinite values, expected finite numbers")
    (B, T, _), runs = design.features.shape, parameters.weights.shape[:-3]
    weights = parameters.weights.to(design.features).reshape(-1, *parameters.weights.shape[-3:])
    size = max(CACHED.get(weights.device.type, CACHED["cuda"]) // weights[..., 0].numel(), 1)
    rows = (tensor.flatten(0, 1).split(size) for tensor in (design.features, design.counts))
    evidence: Callable[..., Tensor] = _log_emission
    if weights.requires_grad:
        evidence = partial(checkpoint, _log_emission, use_reentrant=False)
    found = torch.cat([evidence(weights, *block, emission) for block in zip(*rows, strict=True)])
    return found.transpose(0, 1).reshape(*runs, B, T, -1)


def _log_emission(weights: Tensor, features: Tensor, counts: Tensor, emission: Emission) -> Tensor:
    """[M, R, S] of weights [R, S, N, D], features [M, D] and counts [M, N]."""
    a, b = emission.potentials((features @ weights.flatten(0, 2).T).view(-1, *weights.shape[:3]))
    base = emission.base(counts).sum(-1).to(a.dtype)
    return (a * counts[:, None, None].to(a.dtype)).sub_(b).sum(-1) + base[:, None, None]


def hidden_chain(
    parameters: Parameters, design: Design, emission: Emission
) -> tuple[Float[Tensor, "trials time states"], Float[Tensor, "..."], Float[Tensor, "..."], Int64[Tensor, "trials"]]:
    """What the kernels take: `log_emission`, transitions and first state of every trial, and lengths; trials of several
    runs one after another.
    """
    evidence = log_emission(parameters, design, emission)
    B, T, S = evidence.shape[-3:]
    log_transition = parameters.log_transition.to(evidence).reshape(-1, S, S).repeat_interleave(B, dim=0)
    log_initial = parameters.log_initial.to(evidence).reshape(-1, S).repeat_interleave(B, dim=0)
    return evidence.reshape(-1, T, S), log_transition, log_initial, design.lengths.repeat(len(log_initial) // B)


def posterior(parameters: Parameters, design: Design, emission: Emission) -> Posterior:
    """p(z_1..T | x_1..T) of every trial: `forward_backward` of `log_emission`, its fields with the runs' axes in front.

    Raises `ValueError` as both do.

    >>> from brainlib.brainstates.design import design
    >>> from brainlib.data import Trials
    >>> data = design(Trials.from_sequences([torch.ones(5, 3).int()], bin_ms=10.0), coupling=False)
    >>> parameters = Parameters(torch.zeros(2, 3, 1), torch.full((2, 2), 0.5).log(), torch.full((2,), 0.5).log())
    >>> posterior(parameters, data, Emission()).states[0, 0]
    tensor([0.5000, 0.5000])
    """
    result = forward_backward(*hidden_chain(parameters, design, emission))
    shape = *parameters.log_initial.shape[:-1], len(design.lengths)
    return Posterior(*(field.view(*shape, *field.shape[1:]) for field in result))
