"""The chain in scaled probabilities for many states: a trial by itself, the states of a bin in vectors (README.md).

The arrays of a trial are numbered by bins and states [T, R], R the states rounded up to whole vectors, 0 beyond them:

    weights [t]   exp(log_emission) over the largest of its bin
    alpha [t]     p(z_t, x_t | x_1..t-1) but for that number
    sums [t]      of alpha[t]: the next bin divides by it
"""

from typing import no_type_check

import numpy as np

from brainlib.brainstates.kernels.instructions import (
    exponential,
    first,
    maximum,
    maximum_across,
    multiply_add,
    reciprocal,
    sum_across,
)
from brainlib.jit import njit
from brainlib.lanes import VECTOR_BYTES, load, spread, store, zeros

BLOCK = 64  # bins whose transitions are summed in the chain's own precision


@njit()
@no_type_check
def _rounded_up(matrix, like, transposed):
    """exp(matrix), or its transpose [S, R]."""
    S, W = len(matrix), VECTOR_BYTES // like.itemsize
    found = np.zeros((S, -(-S // W) * W), like.dtype)
    for i in range(S):
        for j in range(S):
            found[i, j] = np.exp(matrix[j, i] if transposed else matrix[i, j])
    return found


@njit()
@no_type_check
def _product(vectors, t, matrix, column):
    """A vector of numbers, from `column` on, of vectors [t] times matrix [S, R]."""
    S, even, odd = len(matrix), zeros(matrix), zeros(matrix)
    for i in range(0, S - 1, 2):
        even = multiply_add(spread(vectors, (t, i)), load(matrix, (i, column)), even)
        odd = multiply_add(spread(vectors, (t, i + 1)), load(matrix, (i + 1, column)), odd)
    if S % 2:
        even = multiply_add(spread(vectors, (t, S - 1)), load(matrix, (S - 1, column)), even)
    return even + odd


@njit()
@no_type_check
def _forward(log_emission, log_initial, matrix, weights, alpha, sums):
    """Fills weights, alpha and sums; returns the log likelihood."""
    (T, R), S, W = weights.shape, log_emission.shape[1], VECTOR_BYTES // weights.itemsize
    log_likelihood, product = 0.0, 1.0
    before = zeros(weights)
    for t in range(T):
        for s in range(R):
            weights[t, s] = log_emission[t, s] if s < S else -np.inf
        if t == 0:
            for s in range(S):
                weights[t, s] += log_initial[s]
        largest = load(weights, (t, 0))
        for s in range(W, R, W):
            largest = maximum(load(weights, (t, s)), largest)
        largest = maximum_across(largest)
        scale, total = reciprocal(before), zeros(weights)
        for s in range(0, R, W):
            ahead = exponential(load(weights, (t, s)) - largest)
            store(weights, (t, s), ahead)
            if t:
                ahead = _product(alpha, t - 1, matrix, s) * (ahead * scale)
            store(alpha, (t, s), ahead)
            total = total + ahead
        before = sum_across(total)
        sums[t] = first(before)
        log_likelihood += first(largest)
        product *= sums[t]
        if t % 16 == 0:  # sixteen products of numbers from exp(-30) on
            log_likelihood += np.log(product)
            product = 1.0
    return log_likelihood + np.log(product)


@njit()
@no_type_check
def _backward(weights, transposed, alpha, sums, states, transitions):
    """Fills states [T, S], adds to transitions [S, S] what, times the matrix, is their sum."""
    (T, R), S, W = weights.shape, states.shape[1], VECTOR_BYTES // weights.itemsize
    behind, pairs = np.ones((1, R), weights.dtype), np.zeros((S, R), weights.dtype)
    for t in range(T - 1, -1, -1):
        norm = zeros(weights)
        for s in range(0, R, W):
            norm = multiply_add(load(alpha, (t, s)), load(behind, (0, s)), norm)
        norm = reciprocal(sum_across(norm))
        scale = 1 / sums[t - 1] if t and sums[t - 1] > 0 else 0.0
        for s in range(0, R, W):
            store(alpha, (t, s), load(alpha, (t, s)) * norm)
        for s in range(S):
            states[t, s] = alpha[t, s] * behind[0, s]
        if t + 1 < T:
            for i in range(S):
                one = spread(alpha, (t, i))
                for j in range(0, R, W):
                    store(pairs, (i, j), multiply_add(one, load(weights, (t + 1, j)), load(pairs, (i, j))))
        for s in range(R):
            weights[t, s] *= weights.dtype.type(scale) * behind[0, s]
        for s in range(0, R, W):
            store(behind, (0, s), _product(weights, t, transposed, s))
        if t % BLOCK == 0:
            for i in range(S):
                for j in range(S):
                    transitions[i, j] += pairs[i, j]
                    pairs[i, j] = 0


@njit()
@no_type_check
def _room(bins, log_emission):
    """weights, alpha and sums."""
    S, W = log_emission.shape[2], VECTOR_BYTES // log_emission.itemsize
    R = -(-S // W) * W
    weights, alpha = np.empty((bins, R), log_emission.dtype), np.empty((bins, R), log_emission.dtype)
    return weights, alpha, np.empty(bins, log_emission.dtype)


@njit(nogil=True)
@no_type_check
def filter_states(trials, log_emission, log_transition, log_initial, lengths, states, log_likelihood):
    for b in trials:
        weights, alpha, sums = _room(lengths[b], log_emission)
        matrix = _rounded_up(log_transition[b], weights, False)
        log_likelihood[b] = _forward(log_emission[b], log_initial[b], matrix, weights, alpha, sums)
        for t in range(lengths[b]):
            for s in range(states.shape[2]):
                states[b, t, s] = alpha[t, s] / sums[t] if sums[t] > 0 else 0.0


@njit(nogil=True)
@no_type_check
def forward_backward(trials, log_emission, log_transition, log_initial, lengths, states, transitions, log_likelihood):
    for b in trials:
        weights, alpha, sums = _room(lengths[b], log_emission)
        matrix = _rounded_up(log_transition[b], weights, False)
        log_likelihood[b] = _forward(log_emission[b], log_initial[b], matrix, weights, alpha, sums)
        transposed = _rounded_up(log_transition[b], weights, True)
        _backward(weights, transposed, alpha, sums, states[b], transitions[b])
        for i in range(len(matrix)):
            for j in range(len(matrix)):
                transitions[b, i, j] *= matrix[i, j]
