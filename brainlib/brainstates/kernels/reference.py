"""The chain by its definition in float64, the ground truth of the kernels' tests: all S^T paths of a short trial."""

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
