"""From parameters and data to the states: what every state says of the counts, and the posterior of the chain."""

import torch
from jaxtyping import Float
from torch import Tensor

from brainlib.brainstates.design import Design
from brainlib.brainstates.emissions import Emission, require_counts
from brainlib.brainstates.kernels import Posterior, forward_backward
from brainlib.brainstates.parameters import Parameters

CACHED = {"cpu": 2**17, "cuda": 2**25}  # drives at once: on a CPU what is made of them stays in the cache


def log_emission(
    parameters: Parameters, design: Design, emission: Emission
) -> Float[Tensor, "*runs trials time states"]:
    """log p(x_t | z_t = s, the past) for all states, summed over neurons: equations (1) and (2) of the paper.

    Computed in the design's dtype, in blocks of bins: beside the answer, memory does not grow with time. Gradients
    reach the weights. Beyond a trial's length the numbers mean nothing. Raises
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
    runs = parameters.weights.shape[:-3]
    weights = parameters.weights.to(design.features).reshape(-1, *parameters.weights.shape[-3:])
    B, T, _ = design.features.shape
    result = LogEmission.apply(weights, design.features.flatten(0, 1), design.counts.flatten(0, 1), emission)
    return result.view(*runs, B, T, -1)


class LogEmission(torch.autograd.Function):
    """[R, M, S] of weights [R, S, N, D], features [M, D] and counts [M, N]; on the way back the drives come again."""

    @staticmethod
    def forward(ctx, weights, features, counts, emission):
        ctx.save_for_backward(weights, features, counts)
        ctx.emission = emission
        R, S, N, D = weights.shape
        result = weights.new_empty(R, len(features), S)
        columns = weights.view(-1, D).T
        for bins in blocks(len(features), R * S * N, weights.device):
            a, b = emission.potentials((features[bins] @ columns).view(-1, R, S, N))
            x = counts[bins]
            base = emission.base(x).sum(-1).to(weights.dtype)
            sums = (a * x[:, None, None].to(a.dtype)).sub_(b).sum(-1)
            result[:, bins] = (sums + base[:, None, None]).transpose(0, 1)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, d_found):
        weights, features, counts = ctx.saved_tensors
        R, S, N, D = weights.shape
        d_weights = weights.new_zeros(R * S * N, D)
        columns = weights.view(-1, D).T
        for bins in blocks(len(features), R * S * N, weights.device):
            eta = (features[bins] @ columns).view(-1, R, S, N)
            d_a, d_b, _ = ctx.emission.slopes(eta)
            score = d_a.mul_(counts[bins][:, None, None].to(d_a.dtype)).sub_(d_b)
            d_eta = score.mul_(d_found[:, bins].transpose(0, 1)[..., None])
            d_weights.addmm_(d_eta.flatten(1).T, features[bins])
        return d_weights.view_as(weights), None, None, None


def blocks(bins: int, drives: int, device: torch.device) -> list[slice]:
    """Slices of bins, each with about `CACHED` drives, `drives` a bin."""
    size = max(CACHED.get(device.type, CACHED["cuda"]) // drives, 1)
    return [slice(start, start + size) for start in range(0, bins, size)]


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
    evidence = log_emission(parameters, design, emission)
    *runs, B, T, S = evidence.shape
    log_transition = parameters.log_transition.reshape(-1, S, S).repeat_interleave(B, dim=0)
    log_initial = parameters.log_initial.reshape(-1, S).repeat_interleave(B, dim=0)
    lengths = design.lengths.repeat(len(log_initial) // B)
    result = forward_backward(evidence.view(-1, T, S), log_transition.to(evidence), log_initial.to(evidence), lengths)
    return Posterior(*(field.view(*runs, B, *field.shape[1:]) for field in result))
