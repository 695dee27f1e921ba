"""The chain by its definitions in float64, the ground truth of the kernels' tests: all S^T paths of a short trial one
after another, and loops over log probabilities, a trial and a bin at a time.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class AllPaths(NamedTuple):
    paths: Tensor  # [S^T, T]
    log_joint: Tensor  # [S^T]: log p(z_1..T, x_1..T)


def all_paths(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> AllPaths:
    """Every path of one trial: log_emission [T, S], log_transition [S, S], log_initial [S]."""
    T, S = log_emission.shape
    paths = torch.cartesian_prod(*[torch.arange(S)] * T).view(-1, T)
    log_joint = log_initial.double()[paths[:, 0]]
    for t in range(T):
        log_joint = log_joint + log_emission.double()[t, paths[:, t]]
        if t:
            log_joint = log_joint + log_transition.double()[paths[:, t - 1], paths[:, t]]
    return AllPaths(paths, log_joint)


def enumerate_posterior(log_emission: Tensor, log_transition: Tensor, log_initial: Tensor) -> tuple[Tensor, ...]:
    """States [T, S], summed transitions [S, S] and log likelihood of one possible trial, by counting paths."""
    S = log_emission.shape[1]
    paths, log_joint = all_paths(log_emission, log_transition, log_initial)
    log_likelihood = log_joint.logsumexp(0)
    share = (log_joint - log_likelihood).exp()
    visits = torch.nn.functional.one_hot(paths, S).double()  # [S^T, T, S]
    states = torch.einsum("p, pts -> ts", share, visits)
    transitions = torch.einsum("p, pti, ptj -> ij", share, visits[:, :-1], visits[:, 1:])
    return states, transitions, log_likelihood


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


def forward_backward(log_emission, log_transition, log_initial, lengths, _):
    states, transitions = torch.zeros_like(log_emission), torch.zeros_like(log_transition)
    log_likelihood = log_emission.new_zeros(len(lengths), dtype=torch.float64)
    for b, (e, P, p) in enumerate(trials(log_emission, log_transition, log_initial, lengths)):
        ahead, behind = forward_messages(e, P, p), backward_messages(e, P)
        log_likelihood[b] = total = ahead[-1].logsumexp(0)
        states[b, : len(e)] = probabilities(ahead + behind, total)
        for t in range(len(e) - 1):
            transitions[b] += probabilities(ahead[t][:, None] + P + (e[t + 1] + behind[t + 1]), total)
    return states, transitions, log_likelihood


def filter_states(log_emission, log_transition, log_initial, lengths, _):
    states, log_likelihood = torch.zeros_like(log_emission), lengths.new_zeros(len(lengths), dtype=torch.float64)
    for b, (e, P, p) in enumerate(trials(log_emission, log_transition, log_initial, lengths)):
        ahead = forward_messages(e, P, p)
        totals = ahead.logsumexp(1)
        log_likelihood[b] = totals[-1]
        states[b, : len(e)] = probabilities(ahead, totals[:, None])
    return states, log_likelihood


def trials(log_emission, log_transition, log_initial, lengths):
    for b, length in enumerate(lengths.tolist()):
        yield log_emission[b, :length].double(), log_transition[b].double(), log_initial[b].double()
