"""The chain over log probabilities, compiled by numba: right for every matrix, with an exponential for each of S x S
numbers a bin. The posterior takes this way only where scaled probabilities would underflow (README.md); best paths and
samples always do. All in float64; `which` are the trials to do.

In all functions `ahead` is log p(z_t, x_1..t) and `behind` is log p(x_t+1..T | z_t), each but for a number a bin, which
keeps them near 0.
"""

from typing import no_type_check

import numpy as np

from brainlib.jit import njit

IMPOSSIBLE = -np.inf


@njit()
@no_type_check
def _largest(terms):
    largest = IMPOSSIBLE
    for term in terms:
        largest = max(largest, term)
    return largest


@njit()
@no_type_check
def _log_sum(terms):
    """log sum exp, and -inf of nothing possible."""
    largest = _largest(terms)
    if largest == IMPOSSIBLE:
        return largest
    total = 0.0
    for term in terms:
        total += np.exp(term - largest)
    return largest + np.log(total)


@njit()
@no_type_check
def _forward(log_emission, log_transition, log_initial, ahead):
    """Fills ahead [T, S], each row with a log sum of 0 if it is possible; returns the log likelihood."""
    T, S = ahead.shape
    log_likelihood, terms = 0.0, np.empty(S)
    for t in range(T):
        for j in range(S):
            for i in range(S):
                terms[i] = ahead[t - 1, i] + log_transition[i, j] if t else IMPOSSIBLE
            ahead[t, j] = (_log_sum(terms) if t else log_initial[j]) + log_emission[t, j]
        total = _log_sum(ahead[t])
        log_likelihood += total
        if total > IMPOSSIBLE:
            for j in range(S):
                ahead[t, j] -= total
    return log_likelihood


@njit()
@no_type_check
def _backward(log_emission, log_transition, ahead, states, transitions):
    T, S = ahead.shape
    behind, future, terms = np.zeros(S), np.empty(S), np.empty(S)
    for t in range(T - 1, -1, -1):
        for i in range(S):
            terms[i] = ahead[t, i] + behind[i]
        total = _log_sum(terms)
        for i in range(S):
            states[t, i] = np.exp(terms[i] - total)
            if t + 1 < T:
                for j in range(S):
                    transitions[i, j] += np.exp(ahead[t, i] + log_transition[i, j] + future[j] - total)
        for j in range(S):
            future[j] = log_emission[t, j] + behind[j]
        for i in range(S):
            for j in range(S):
                terms[j] = log_transition[i, j] + future[j]
            behind[i] = _log_sum(terms)
        largest = _largest(behind)
        for i in range(S):
            behind[i] -= largest
            future[i] -= largest


@njit(nogil=True)
@no_type_check
def forward_backward(which, log_emission, log_transition, log_initial, lengths, states, transitions, log_likelihood):
    for b in which:
        T = lengths[b]
        ahead = np.empty((T, log_emission.shape[2]))
        log_likelihood[b] = _forward(log_emission[b], log_transition[b], log_initial[b], ahead)
        if log_likelihood[b] > IMPOSSIBLE:
            _backward(log_emission[b], log_transition[b], ahead, states[b], transitions[b])


@njit(nogil=True)
@no_type_check
def filter_states(which, log_emission, log_transition, log_initial, lengths, states, log_likelihood):
    for b in which:
        T, S = lengths[b], log_emission.shape[2]
        ahead = np.empty((T, S))
        log_likelihood[b] = _forward(log_emission[b], log_transition[b], log_initial[b], ahead)
        for t in range(T):
            for s in range(S):
                states[b, t, s] = np.exp(ahead[t, s])


@njit(nogil=True)
@no_type_check
def viterbi(which, log_emission, log_transition, log_initial, lengths, paths):
    for b in which:
        T, S = lengths[b], log_emission.shape[2]
        came_from = np.empty((T, S), np.uint16)
        best, before = np.empty(S), np.empty(S)  # log probability of the best path to each state
        for t in range(T):
            for j in range(S):
                first, most = 0, log_initial[b, j] if t == 0 else before[0] + log_transition[b, 0, j]
                for i in range(1, S if t else 1):
                    score = before[i] + log_transition[b, i, j]
                    if score > most:
                        first, most = i, score
                came_from[t, j], best[j] = first, most + log_emission[b, t, j]
            largest = _largest(best)
            if largest == IMPOSSIBLE:
                break
            for j in range(S):
                before[j] = best[j] - largest
        if _largest(best) > IMPOSSIBLE:
            state = 0
            for j in range(S):
                state = j if best[j] > best[state] else state
            for t in range(T - 1, -1, -1):
                paths[b, t] = state
                state = came_from[t, state]


@njit(nogil=True)
@no_type_check
def sample_paths(which, log_emission, log_transition, log_initial, lengths, uniforms, paths):
    for b in which:
        T, S = lengths[b], log_emission.shape[2]
        ahead, sums = np.empty((T, S)), np.empty(S)
        if _forward(log_emission[b], log_transition[b], log_initial[b], ahead) > IMPOSSIBLE:
            for k in range(len(paths)):
                state = 0
                for t in range(T - 1, -1, -1):
                    for i in range(S):
                        sums[i] = ahead[t, i] + (log_transition[b, i, state] if t + 1 < T else 0.0)
                    largest, total = _largest(sums), 0.0
                    for i in range(S):
                        total += np.exp(sums[i] - largest)
                        sums[i] = total
                    state = 0
                    while sums[state] <= uniforms[k, b, t] * total:
                        state += 1
                    paths[k, b, t] = state
