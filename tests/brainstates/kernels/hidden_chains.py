"""Chains to infer, and how near two answers are."""

import agreement
import torch
from torch import Tensor

NAMES = "states", "transitions", "log_likelihood"


def chain(B: int, T: int, S: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
    """log_emission [B, T, S], log_transition [B, S, S] and log_initial [B, S], another matrix a trial."""
    g = torch.Generator().manual_seed(seed)
    log_emission = 2 * torch.randn(B, T, S, generator=g, dtype=torch.float64)
    log_transition = (3 * torch.eye(S) + torch.randn(B, S, S, generator=g, dtype=torch.float64)).log_softmax(-1)
    log_initial = torch.randn(B, S, generator=g, dtype=torch.float64).log_softmax(-1)
    return [tensor.to(dtype) for tensor in (log_emission, log_transition, log_initial)]


def with_zeros(inputs: list[Tensor]) -> list[Tensor]:
    """The same chain with every second transition off the diagonal, and every second first state, impossible."""
    log_emission, log_transition, log_initial = inputs
    S = log_initial.shape[1]
    odd = ((torch.arange(S)[:, None] + torch.arange(S)) % 2 == 1).to(log_initial.device)
    log_transition = log_transition.masked_fill(odd, -torch.inf).log_softmax(-1)
    log_initial = log_initial.masked_fill(odd[0], -torch.inf).log_softmax(-1)
    return [log_emission, log_transition, log_initial]


def some_lengths(B: int, T: int) -> Tensor:
    """Lengths from 1 to T, both among them if there are as many trials."""
    lengths = torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(B * T))
    lengths[-1] = 1
    lengths[0] = T
    return lengths


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], tolerance: float) -> None:
    """No number further from what is expected than `tolerance` of the largest of its kind, of 1 if none is larger."""
    names = NAMES if len(found) == 3 else NAMES[::2]
    one, other = (dict(zip(names, fields, strict=True)) for fields in (found, expected))
    agreement.assert_same(one, other, tolerance, least=1.0)
