"""The chain on a CPU: plain loops, compiled by numba. Tensors of another device are brought here, results go back.

If `scaled`, states are inferred in scaled probabilities (Rabiner 1989), w_t(j) = p(x_t | z_t = j) over the largest of
its bin:

    alpha_t(j) = w_t(j) sum_i alpha_t-1(i) P_ij / c_t        c_t so that alpha_t sums to 1
    beta_t(i) = sum_j P_ij w_t+1(j) beta_t+1(j) / c_t+1      p(z_t | x) = alpha_t beta_t

Otherwise these could underflow, and the same recursions are done on logarithms, with an exponential for each of S x S
numbers a bin. Best paths and samples always are (README.md). All is counted in float64, whatever comes and goes.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import no_type_check

import numpy as np
import torch
from torch import Tensor

from brainlib.jit import njit

IMPOSSIBLE = -np.inf


def forward_backward(log_emission, log_transition, log_initial, lengths, scaled) -> tuple[Tensor, Tensor, Tensor]:
    return _inferred(True, scaled, log_emission, log_transition, log_initial, lengths)


def filter_states(log_emission, log_transition, log_initial, lengths, scaled) -> tuple[Tensor, Tensor]:
    return _inferred(False, scaled, log_emission, log_transition, log_initial, lengths)[::2]


def _inferred(smooth: bool, scaled: bool, log_emission: Tensor, *chain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    (B, T, S), dtype = log_emission.shape, log_emission.dtype
    found = torch.zeros(B, T, S, dtype=dtype), torch.zeros(B, S, S, dtype=dtype), torch.zeros(B, dtype=torch.float64)
    in_threads(_infer, B, smooth, scaled, log_emission, *chain, *found)
    return tuple(tensor.to(log_emission.device) for tensor in found)


def paths(log_emission, log_transition, log_initial, lengths, uniforms=None) -> Tensor:
    found = torch.full((1, *log_emission.shape[:2]) if uniforms is None else uniforms.shape, -1)
    in_threads(_paths, len(lengths), log_emission, log_transition, log_initial, lengths, uniforms, found)
    return found.to(log_emission.device)


def in_threads(loop: Callable, trials: int, *arguments) -> None:
    """loop([0, ..., trials - 1], *arguments), the trials shared among as many threads as torch has.

    Without numba's `parallel`, which takes three times as long to compile and is not safe in two threads.
    """
    arrays = [a.detach().cpu().numpy() if isinstance(a, Tensor) else a for a in arguments]
    threads = min(torch.get_num_threads(), trials)
    shares = [np.arange(first, trials, threads) for first in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(loop, share, *arrays) for share in shares]:
            done.result()


@njit(nogil=True)
@no_type_check  # the tests check annotations by wrapping; numba compiles plain functions only
def _infer(
    trials, smooth, scaled, log_emission, log_transition, log_initial, lengths, states, transitions, log_likelihood
):
    for b in trials:
        T, S = lengths[b], states.shape[2]
        alpha, pairs = np.zeros((T, S)), np.zeros((S, S))
        if scaled:
            P, w, c = np.exp(log_transition[b].astype(np.float64)), np.empty((T, S)), np.empty(T)
            log_likelihood[b] = _forward(log_emission[b], P, log_initial[b], w, alpha, c)
            if smooth and log_likelihood[b] > IMPOSSIBLE:
                _backward(P, w, alpha, c, states[b], pairs)
        else:
            log_likelihood[b] = _log_forward(log_emission[b], log_transition[b], log_initial[b], alpha)
            if smooth and log_likelihood[b] > IMPOSSIBLE:
                _log_backward(log_emission[b], log_transition[b], alpha, states[b], pairs)
        if not smooth:
            states[b, :T] = alpha if scaled else np.exp(alpha)
        transitions[b] = pairs


@njit()
@no_type_check
def _forward(log_emission, P, log_initial, w, alpha, c):
    """Fills w and alpha [T, S] and c [T], up to the first impossible bin; returns the log likelihood."""
    T, S = alpha.shape
    log_likelihood, prior = 0.0, np.ones(S)
    for t in range(T):
        largest = IMPOSSIBLE
        for j in range(S):
            w[t, j] = log_emission[t, j] + (log_initial[j] if t == 0 else 0.0)
            largest = max(largest, w[t, j])
        if largest == IMPOSSIBLE:
            return largest
        c[t] = 0.0
        for j in range(S):
            w[t, j] = np.exp(w[t, j] - largest)
            alpha[t, j] = prior[j] * w[t, j]
            c[t] += alpha[t, j]
        for j in range(S):
            alpha[t, j] /= c[t]
            prior[j] = 0.0
        for i in range(S):
            for j in range(S):
                prior[j] += alpha[t, i] * P[i, j]
        log_likelihood += largest + np.log(c[t])
    return log_likelihood


@njit(fastmath={"contract", "reassoc"})
@no_type_check
def _backward(P, w, alpha, c, states, pairs):
    T, S = alpha.shape
    beta, future = np.ones(S), np.zeros(S)
    for t in range(T - 1, -1, -1):
        for i in range(S if t + 1 < T else 0):
            total = 0.0
            for j in range(S):
                pairs[i, j] += alpha[t, i] * future[j]
                total += P[i, j] * future[j]
            beta[i] = total
        for i in range(S):
            states[t, i] = alpha[t, i] * beta[i]
            future[i] = w[t, i] * beta[i] / c[t]
    for i in range(S):
        for j in range(S):
            pairs[i, j] *= P[i, j]


@njit()
@no_type_check
def _log_sum(terms, best=False):
    """log sum exp, or only the largest; -inf of nothing possible."""
    largest = terms.max()
    if best or largest == IMPOSSIBLE:
        return largest
    total = 0.0
    for term in terms:
        total += np.exp(term - largest)
    return largest + np.log(total)


@njit()
@no_type_check
def _log_forward(log_emission, log_transition, log_initial, alpha, best=False):
    """Fills alpha [T, S], logarithms, each row with a log sum of 0 if it is possible; returns the log likelihood. With
    `best`, maxima over paths take the place of sums.
    """
    T, S = alpha.shape
    log_likelihood, terms = 0.0, np.empty(S)
    for t in range(T):
        for j in range(S):
            for i in range(S):
                terms[i] = alpha[t - 1, i] + log_transition[i, j] if t else IMPOSSIBLE
            alpha[t, j] = (_log_sum(terms, best) if t else log_initial[j]) + log_emission[t, j]
        total = _log_sum(alpha[t], best)
        log_likelihood += total
        if total > IMPOSSIBLE:
            for j in range(S):
                alpha[t, j] -= total
    return log_likelihood


@njit()
@no_type_check
def _log_backward(log_emission, log_transition, alpha, states, pairs):
    """`beta` and `future` are logarithms but for a number a bin, which keeps them near 0."""
    T, S = alpha.shape
    beta, future, terms = np.zeros(S), np.empty(S), np.empty(S)
    for t in range(T - 1, -1, -1):
        for i in range(S):
            terms[i] = alpha[t, i] + beta[i]
        total = _log_sum(terms)
        for i in range(S):
            states[t, i] = np.exp(terms[i] - total)
            for j in range(S if t + 1 < T else 0):
                pairs[i, j] += np.exp(alpha[t, i] + log_transition[i, j] + future[j] - total)
        for j in range(S):
            future[j] = log_emission[t, j] + beta[j]
        for i in range(S):
            for j in range(S):
                terms[j] = log_transition[i, j] + future[j]
            beta[i] = _log_sum(terms)
        largest = beta.max()
        for i in range(S):
            beta[i] -= largest
            future[i] -= largest


@njit()
@no_type_check
def _draw(terms, uniform):
    """A place in `terms`, logarithms of what the probabilities are proportional to."""
    sums = np.exp(terms - terms.max()).cumsum()
    return np.searchsorted(sums, uniform * sums[-1], side="right")


@njit(nogil=True)
@no_type_check
def _paths(trials, log_emission, log_transition, log_initial, lengths, uniforms, paths):
    """Fills paths [samples, B, T], each from its last bin back: drawn with `uniforms`, the best without."""
    for b in trials:
        T, S = lengths[b], log_emission.shape[2]
        alpha, terms = np.empty((T, S)), np.empty(S)
        best = uniforms is None
        if _log_forward(log_emission[b], log_transition[b], log_initial[b], alpha, best) > IMPOSSIBLE:
            for k in range(len(paths)):
                state = 0
                for t in range(T - 1, -1, -1):
                    for i in range(S):
                        terms[i] = alpha[t, i] + (log_transition[b, i, state] if t + 1 < T else 0.0)
                    state = terms.argmax() if uniforms is None else _draw(terms, uniforms[k, b, t])
                    paths[k, b, t] = state
