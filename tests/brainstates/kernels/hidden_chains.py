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


# ---- Loops over log probabilities, a trial and a bin at a time, in float64 ----


def forward_messages(e: Tensor, P: Tensor, p: Tensor) -> Tensor:
    """log p(z_t = s, x_1..t): [T, S]."""
    messages = [p + e[0]]
    for e_t in e[1:]:
        messages.append((messages[-1][:, None] + P).logsumexp(0) + e_t)
    return torch.stack(messages)


def backward_messages(e: Tensor, P: Tensor) -> Tensor:
    """log p(x_t+1..T | z_t = s): [T, S]."""
    messages = [torch.zeros_like(e[0])]
    for e_t in e[1:].flip(0):
        messages.append((P + e_t + messages[-1]).logsumexp(1))
    return torch.stack(messages[::-1])


def probabilities(log: Tensor, log_total: Tensor) -> Tensor:
    """exp(log - log_total), 0 where the total is impossible."""
    return torch.where(log_total > -torch.inf, (log - log_total).exp(), 0.0)


def posterior_by_loops(log_emission, log_transition, log_initial, lengths):
    states, transitions = (
        torch.zeros_like(log_emission),
        torch.zeros(len(lengths), *log_transition.shape[-2:]).to(log_emission),
    )
    log_likelihood = log_emission.new_zeros(len(lengths), dtype=torch.float64)
    for b, (e, P, p) in enumerate(trials(log_emission, log_transition, log_initial, lengths)):
        ahead, behind = forward_messages(e, P, p), backward_messages(e, P)
        log_likelihood[b] = total = ahead[-1].logsumexp(0)
        states[b, : len(e)] = probabilities(ahead + behind, total)
        for t in range(len(e) - 1):
            transitions[b] += probabilities(ahead[t][:, None] + P + (e[t + 1] + behind[t + 1]), total)
    return states, transitions, log_likelihood


def filter_by_loops(log_emission, log_transition, log_initial, lengths):
    states, log_likelihood = torch.zeros_like(log_emission), lengths.new_zeros(len(lengths), dtype=torch.float64)
    for b, (e, P, p) in enumerate(trials(log_emission, log_transition, log_initial, lengths)):
        ahead = forward_messages(e, P, p)
        totals = ahead.logsumexp(1)
        log_likelihood[b] = totals[-1]
        states[b, : len(e)] = probabilities(ahead, totals[:, None])
    return states, log_likelihood


def trials(log_emission, log_transition, log_initial, lengths):
    S = log_emission.shape[-1]
    matrices, firsts = log_transition.expand(len(lengths), S, S), log_initial.expand(len(lengths), S)
    for b, length in enumerate(lengths.tolist()):
        yield log_emission[b, :length].double(), matrices[b].double(), firsts[b].double()
