"""The chain in scaled probabilities, compiled by numba: a lane of a vector takes a trial or a piece of one (README.md).

A group is as many pieces as a vector has lanes W, all ending at its last step, the longest first. `slots` has a row for
each lane, group after group: trial, the piece's first bin and its number of bins (0: nobody's lane). The arrays of a
group are numbered by steps, states and lanes; steps before a lane's piece hold zeros. With L steps:

    weights [L.., S, W]   exp(log_emission) over the largest of its bin, whose logarithm is in shifts [L.., W]
    alpha [L + 1, S, W]   alpha[t + 1] is p(z, x) of step t, given x before, but for a number a lane; alpha[0] is 0
    sums [L + 1, W]       of alpha over states: the next step divides by it

Rows are tensors [trials, time, states] with the last two axes as one.
"""

from typing import no_type_check

import numpy as np

from brainlib.brainstates.kernels.instructions import exponential, maximum, multiply_add, reciprocal, transpose
from brainlib.jit import njit
from brainlib.lanes import load, store, zeros

BLOCK = 32  # steps that go between rows and lanes at once


@njit()
@no_type_check
def _to_lanes(rows, slots, L, start, block):
    """block [BLOCK, S, W] = the pieces' rows from step `start` on, -inf where they have none."""
    S, W = block.shape[1:]
    lanes, square = block.reshape(-1, W), np.empty((W, W), rows.dtype)
    for k in range(0, len(lanes), W):
        number = start * S + k
        for lane in range(W):
            trial, first, bins = slots[lane]
            begin, place = (L - bins) * S, (first - L + bins) * S + number
            if begin <= number and number + W <= L * S:
                store(square, (lane,), load(rows, (trial, place)))
            else:
                for i in range(W):
                    square[lane, i] = rows[trial, place + i] if begin <= number + i < L * S else -np.inf
        transpose(square, lanes, k)


@njit()
@no_type_check
def _to_rows(block, slots, L, start, rows):
    """The pieces' rows from step `start` on = block [BLOCK, S, W], where they have any."""
    S, W = block.shape[1:]
    lanes, square = block.reshape(-1, W), np.empty((W, W), rows.dtype)
    for k in range(0, len(lanes), W):
        number = start * S + k
        transpose(lanes[k : k + W], square, 0)
        for lane in range(W):
            trial, first, bins = slots[lane]
            begin, place = (L - bins) * S, (first - L + bins) * S + number
            if begin <= number and number + W <= L * S:
                store(rows, (trial, place), load(square, (lane,)))
            else:
                for i in range(W):
                    if begin <= number + i < L * S:
                        rows[trial, place + i] = square[lane, i]


@njit()
@no_type_check
def _weigh(log_emission, log_initial, slots, L, weights, shifts):
    S = weights.shape[1]
    for start in range(0, L, BLOCK):
        _to_lanes(log_emission, slots, L, start, weights[start : start + BLOCK])
        for lane in range(len(slots)):
            trial, first, bins = slots[lane]
            t = L - bins
            if first == 0 and start <= t < min(start + BLOCK, L):
                for s in range(S):
                    weights[t, s, lane] += log_initial[trial, s]
        for t in range(start, start + BLOCK):
            largest = load(weights, (t, 0))
            for s in range(1, S):
                largest = maximum(load(weights, (t, s)), largest)
            store(shifts, (t,), largest)
            for s in range(S):
                store(weights, (t, s), exponential(load(weights, (t, s)) - largest))


@njit()
@no_type_check
def _forward(weights, columns, prior, slots, L, alpha, sums):
    """Fills alpha and sums; prior [W, S] is p(z) of a piece's first bin given x before it, columns[j, i] p(j | i)."""
    S = weights.shape[1]
    nothing = zeros(weights)
    store(sums, (0,), nothing)
    for s in range(S):
        store(alpha, (0, s), nothing)
    begun = 0
    for t in range(L):
        scale, total = reciprocal(load(sums, (t,))), nothing
        for j in range(S):
            ahead = nothing
            for i in range(S):
                ahead = multiply_add(load(columns, (j, i)), load(alpha, (t, i)), ahead)
            ahead = ahead * (load(weights, (t, j)) * scale)
            store(alpha, (t + 1, j), ahead)
            total = total + ahead
        store(sums, (t + 1,), total)
        while begun < len(slots) and L - slots[begun, 2] <= t:
            lane_sum = weights.dtype.type(0)
            for j in range(S):
                alpha[t + 1, j, begun] = prior[begun, j] * weights[t, j, begun]
                lane_sum += alpha[t + 1, j, begun]
            sums[t + 1, begun] = lane_sum
            begun += 1


@njit()
@no_type_check
def _add_logarithms(sums, shifts, slots, L, log_likelihoods):
    for start in range(0, L, 16):
        for lane in range(len(slots)):
            product, shift = 1.0, 0.0
            for t in range(max(start, L - slots[lane, 2]), min(start + 16, L)):
                product *= sums[t + 1, lane]
                shift += shifts[t, lane]
            log_likelihoods[lane] += shift + np.log(product)


@njit()
@no_type_check
def _backward(weights, matrix, behind, beta, slots, L, alpha, sums, states, counts):
    """Fills the rows `states` and adds to counts [W, S, S] what, times the matrix, is the sum of transitions.

    behind [W, S] is p(x of the bin behind a piece and all later | z of that bin), but for a number, and beta [W, S] the
    matrix times it: p(x behind the piece | z of its last bin). Where nothing follows they are 0 and 1. In place of
    weights comes what `behind` is, for every step, in place of alpha what it is to be multiplied with: alpha / p(x).
    """
    S, W = weights.shape[1:]
    nothing, last = zeros(weights), np.empty((S, W), weights.dtype)
    for lane in range(W):
        for s in range(S):
            last[s, lane], weights[L, s, lane] = beta[lane, s], behind[lane, s]
    block, pairs = np.empty((BLOCK, S, W), weights.dtype), np.empty((S, S, W), weights.dtype)
    for start in range((L - 1) // BLOCK * BLOCK, -1, -BLOCK):
        stop = min(start + BLOCK, L)
        for t in range(stop - 1, start - 1, -1):
            norm, scale = nothing, reciprocal(load(sums, (t,)))
            for s in range(S):
                norm = multiply_add(load(alpha, (t + 1, s)), load(last, (s,)), norm)
            norm = reciprocal(norm)
            for s in range(S):
                after, before = load(last, (s,)), load(alpha, (t + 1, s)) * norm
                store(alpha, (t + 1, s), before)
                store(block, (t - start, s), before * after)
                store(weights, (t, s), load(weights, (t, s)) * scale * after)
            for i in range(S):
                after = nothing
                for j in range(S):
                    after = multiply_add(load(matrix, (i, j)), load(weights, (t, j)), after)
                store(last, (i,), after)
        _to_rows(block, slots, L, start, states)
        _count(alpha[start + 1 : stop + 1], weights[start + 1 : stop + 1], pairs, counts)


@njit()
@no_type_check
def _count(before, after, pairs, counts):
    """counts [W, S, S] += the sum over steps of before [steps, S, W] times after [steps, S, W], by way of pairs."""
    steps, S, W = before.shape
    nothing = zeros(before)
    for i in range(S):
        for j in range(S):
            store(pairs, (i, j), nothing)
    for t in range(0, steps - 1, 2):
        for i in range(S):
            one, two = load(before, (t, i)), load(before, (t + 1, i))
            for j in range(S):
                pair = multiply_add(one, load(after, (t, j)), load(pairs, (i, j)))
                store(pairs, (i, j), multiply_add(two, load(after, (t + 1, j)), pair))
    if steps % 2:
        for i in range(S):
            for j in range(S):
                pair = load(before, (steps - 1, i)) * load(after, (steps - 1, j)) + load(pairs, (i, j))
                store(pairs, (i, j), pair)
    for lane in range(W):
        for i in range(S):
            for j in range(S):
                counts[lane, i, j] += pairs[i, j, lane]


@njit()
@no_type_check
def _multiply(weights, columns, slots, L, products):
    """products [W, S, S] = p(x of the piece, z of its last bin | z of its first), but for a number."""
    S, W = weights.shape[1:]
    nothing, total, begun = zeros(weights), zeros(weights), 0
    steps = np.zeros((2, S, S, W), weights.dtype)
    for t in range(L):
        old, new = steps[t % 2], steps[1 - t % 2]
        scale, total = reciprocal(total), nothing
        for j in range(S):
            weight = load(weights, (t, j)) * scale
            for i in range(S):
                sum_ = nothing
                for k in range(S):
                    sum_ = multiply_add(load(columns, (j, k)), load(old, (i, k)), sum_)
                sum_ = sum_ * weight
                store(new, (i, j), sum_)
                total = total + sum_
        if begun < W and L - slots[begun, 2] <= t:
            while begun < W and L - slots[begun, 2] <= t:
                for s in range(S):
                    new[s, s, begun] = weights[t, s, begun]
                begun += 1
            total = nothing
            for i in range(S):
                for j in range(S):
                    total = total + load(new, (i, j))
    for lane in range(W):
        for i in range(S):
            for j in range(S):
                products[lane, i, j] = steps[L % 2, i, j, lane]


@njit()
@no_type_check
def join(products, log_transition, slots, order, prior, behind, beta):
    """What is before and behind each piece [pieces, S], from products [pieces, S, S]; `order` is that of time."""
    S = products.shape[1]
    message = np.empty(S)
    for k in range(len(order)):
        piece = order[k]
        trial, first, _ = slots[piece]
        if first:
            for j in range(S):
                total = 0.0
                for i in range(S):
                    total += message[i] * np.exp(log_transition[trial, i, j])
                prior[piece, j] = total
        for j in range(S):
            message[j] = 0
            for i in range(S):
                message[j] += prior[piece, i] * products[piece, i, j]
        _normalise(message)
    for k in range(len(order) - 1, -1, -1):
        piece = order[k]
        trial, first, _ = slots[piece]
        if first:
            earlier = order[k - 1]
            for i in range(S):
                message[i] = 0
                for j in range(S):
                    message[i] += products[piece, i, j] * beta[piece, j]
            _normalise(message)
            for i in range(S):
                total = 0.0
                for j in range(S):
                    total += np.exp(log_transition[trial, i, j]) * message[j]
                behind[earlier, i], beta[earlier, i] = message[i], total


@njit()
@no_type_check
def _normalise(message):
    total = 0.0
    for number in message:
        total += number
    for s in range(len(message)):
        message[s] *= 1 / total if total > 0 else 0.0


@njit()
@no_type_check
def _matrices(log_transition, slots, like):
    """The matrices of a group's trials [S, S, W] and their transposes."""
    S, W = log_transition.shape[1], len(slots)
    matrix, columns = np.zeros((S, S, W), like.dtype), np.zeros((S, S, W), like.dtype)
    for lane in range(W):
        for i in range(S):
            for j in range(S):
                matrix[i, j, lane] = columns[j, i, lane] = np.exp(log_transition[slots[lane, 0], i, j])
    return matrix, columns


@njit()
@no_type_check
def _room(slots, like, S):
    """The steps of a group, and room for its weights and shifts in whole blocks, one step more for the weights."""
    L, W = slots[0, 2], len(slots)
    steps = -(-L // BLOCK) * BLOCK
    return L, np.empty((steps + 1, S, W), like.dtype), np.empty((steps, W), like.dtype)


@njit(nogil=True)
@no_type_check
def multiply(groups, log_emission, log_transition, log_initial, slots, products):
    """products [groups, W, S, S] of the pieces' matrices."""
    for group in groups:
        mine = slots[group]
        L, weights, shifts = _room(mine, log_emission, log_initial.shape[1])
        _weigh(log_emission, log_initial, mine, L, weights, shifts)
        _, columns = _matrices(log_transition, mine, log_emission)
        _multiply(weights, columns, mine, L, products[group])


@njit()
@no_type_check
def _look_ahead(log_emission, log_initial, slots, prior, columns, log_likelihoods):
    """The forward pass of a group: L, weights, alpha and sums, and the log likelihoods of its pieces."""
    L, weights, shifts = _room(slots, log_emission, log_initial.shape[1])
    S, W = weights.shape[1:]
    alpha, sums = np.empty((L + 1, S, W), log_emission.dtype), np.empty((L + 1, W), log_emission.dtype)
    _weigh(log_emission, log_initial, slots, L, weights, shifts)
    _forward(weights, columns, prior, slots, L, alpha, sums)
    _add_logarithms(sums, shifts, slots, L, log_likelihoods)
    return L, weights, alpha, sums


@njit(nogil=True)
@no_type_check
def filter_states(groups, log_emission, log_transition, log_initial, slots, prior, states, log_likelihoods):
    for group in groups:
        mine = slots[group]
        _, columns = _matrices(log_transition, mine, log_emission)
        L, weights, alpha, sums = _look_ahead(
            log_emission, log_initial, mine, prior[group], columns, log_likelihoods[group]
        )
        for t in range(L):
            scale = reciprocal(load(sums, (t + 1,)))
            for s in range(weights.shape[1]):
                store(weights, (t, s), load(alpha, (t + 1, s)) * scale)
        for start in range(0, L, BLOCK):
            _to_rows(weights[start : start + BLOCK], mine, L, start, states)


@njit(nogil=True)
@no_type_check
def forward_backward(
    groups, log_emission, log_transition, log_initial, slots, prior, behind, beta, states, counts, log_likelihoods
):
    for group in groups:
        mine = slots[group]
        matrix, columns = _matrices(log_transition, mine, log_emission)
        L, weights, alpha, sums = _look_ahead(
            log_emission, log_initial, mine, prior[group], columns, log_likelihoods[group]
        )
        _backward(weights, matrix, behind[group], beta[group], mine, L, alpha, sums, states, counts[group])
