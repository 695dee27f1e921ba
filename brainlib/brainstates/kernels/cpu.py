"""The chain on a CPU, compiled by numba; tensors of another device are brought here, and what is found goes back.

States are inferred in scaled probabilities. Where a transition is less probable than exp(`LEAST`) these could
underflow, so such trials take the way over log probabilities (README.md). Best paths and samples always do.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from brainlib.brainstates.kernels import log_space, scaled
from brainlib.brainstates.kernels.threads import in_threads

LEAST = -30.0


def on_cpu(function: Callable) -> Callable:
    @functools.wraps(function)
    def anywhere(log_emission: Tensor, *others: Tensor) -> Tensor | tuple[Tensor, ...]:
        here = log_emission.device
        found = function(*(tensor.detach().cpu() for tensor in (log_emission, *others)))
        return found.to(here) if isinstance(found, Tensor) else tuple(tensor.to(here) for tensor in found)

    return anywhere


@on_cpu
def forward_backward(log_emission, log_transition, log_initial, lengths) -> tuple[Tensor, Tensor, Tensor]:
    states, transitions = torch.zeros_like(log_emission), torch.zeros_like(log_transition, dtype=torch.float64)
    log_likelihood = torch.zeros(len(lengths), dtype=torch.float64)
    infer("forward_backward", log_emission, log_transition, log_initial, lengths, states, transitions, log_likelihood)
    return states, transitions.to(states.dtype), log_likelihood


@on_cpu
def filter_states(log_emission, log_transition, log_initial, lengths) -> tuple[Tensor, Tensor]:
    states, log_likelihood = torch.zeros_like(log_emission), torch.zeros(len(lengths), dtype=torch.float64)
    infer("filter_states", log_emission, log_transition, log_initial, lengths, states, log_likelihood)
    return states, log_likelihood


def infer(name: str, log_emission: Tensor, log_transition: Tensor, *others: Tensor) -> None:
    """Fills in what is found, the last of the tensors, each trial on its way."""
    tensors = log_emission, log_transition, *others
    safe = log_transition.flatten(1).amin(1) >= LEAST
    if safe.any():
        getattr(scaled, name)(*arrays(safe.nonzero()[:, 0], *tensors))
    if not safe.all():
        part = [tensor[~safe] if tensor.dtype == torch.int64 else tensor[~safe].double() for tensor in tensors]
        in_threads(getattr(log_space, name), np.arange(len(part[0])), *arrays(*part))
        for tensor, found in zip(tensors[4:], part[4:], strict=True):
            tensor[~safe] = found.to(tensor.dtype)


@on_cpu
def viterbi(log_emission, log_transition, log_initial, lengths) -> Tensor:
    paths = torch.full(log_emission.shape[:2], -1)
    chain = log_emission.double(), log_transition.double(), log_initial.double(), lengths
    in_threads(log_space.viterbi, np.arange(len(paths)), *arrays(*chain, paths))
    return paths


@on_cpu
def sample_paths(log_emission, log_transition, log_initial, lengths, uniforms) -> Tensor:
    paths = torch.full(uniforms.shape, -1)
    chain = log_emission.double(), log_transition.double(), log_initial.double(), lengths
    in_threads(log_space.sample_paths, np.arange(len(lengths)), *arrays(*chain, uniforms.double(), paths))
    return paths


def arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in tensors]
