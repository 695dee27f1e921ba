"""The kernels of the posterior: `multiply`, `scan` and `walk` (triton/__init__.py), and a step from bin to bin.

Where all states can follow each other, the weights of the states in a bin are numbers of which the largest is 1, or
would be once multiplied by `inverse`: no bin waits for that number, the next one takes it in. Numbers are products of
at most three transitions and of emissions, and single precision holds all that matters, whatever is seen. Else (LOGS)
the weights are logarithms, the largest 0 in every bin: a state may be thousands of nats behind and still be the only
one to explain what comes.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def load_square(matrix, i, S, LOGS: tl.constexpr):
    """[BS, BS] of a matrix of logarithms, [S, S], or their exponentials. Threads lie along what is contiguous in
    memory, and sums over the first axis are quick: who goes back in time reads a transposed copy.
    """
    inside = i < S
    places = i[:, None] * S + i[None, :]
    logs = tl.load(matrix + places, mask=inside[:, None] & inside[None, :], other=float("-inf"))
    return logs if LOGS else tl.exp(logs)


@triton.jit
@no_type_check
def finite(x):
    """What to subtract from logarithms of which x is the largest."""
    return tl.where(x == float("-inf"), 0.0, x)


@triton.jit
@no_type_check
def logarithm(x):
    return tl.where(x > 0, tl.log(tl.where(x > 0, x, 1.0)), float("-inf"))


@triton.jit
@no_type_check
def log_sum(x):
    """log sum_i exp(x[i]), over the first axis."""
    largest = tl.max(x, 0)
    return largest + logarithm(tl.sum(tl.exp(x - finite(largest)), 0))


@triton.jit
@no_type_check
def reciprocal(x):
    """1 / x; of what is impossible, 0."""
    return tl.where(x > 0, 1 / tl.where(x > 0, x, 1.0), 0.0)


@triton.jit
@no_type_check
def seen(weights, inverse, log_emission, LOGS: tl.constexpr):
    """The weights after a bin has been seen, the inverse of their largest, and the logarithm of what makes it 1."""
    highest = tl.max(log_emission, 0)
    relative = log_emission - finite(highest)
    if LOGS:
        joint = weights + relative
        largest = tl.max(joint, 0)
        return joint - finite(largest), inverse, highest.to(tl.float64) + largest
    else:
        joint = weights * (tl.exp(relative) * inverse)
        largest = tl.max(joint, 0)
        return joint, reciprocal(largest), highest.to(tl.float64) + tl.log(tl.where(largest > 0, largest, 1.0))


@triton.jit
@no_type_check
def first_seen(log_start, log_emission, LOGS: tl.constexpr):
    """The same after the first bin."""
    now, inverse, scale = seen(log_start, tl.full((), 1.0, log_start.dtype), log_emission, True)
    return now if LOGS else tl.exp(now), inverse, scale


@triton.jit
@no_type_check
def passed_on(weights, transition, LOGS: tl.constexpr):
    """sum_i weights[i] transition[i, j]: from the weights of the states in a bin to those in the next, before it is
    seen; by the transposed matrix, from how well the states explain all from a bin on to how well those before it do.
    """
    if LOGS:
        return log_sum(weights[:, None] + transition)
    else:
        return tl.sum(weights[:, None] * transition, 0)


@triton.jit(do_not_specialize=["T", "S", "chunk_bins"])
@no_type_check
def multiply(
    log_emission, log_transition, lengths, products, scales, T, S, chunk_bins, LOGS: tl.constexpr, BS: tl.constexpr
):  # fmt: skip
    """Rows of the chunks' matrices. The logarithm of an element is `scales` [B, chunks, S], of its row, + `products`
    [2, B, chunks, S, S], there a second time transposed. A row leads into the first bin of the next chunk, before it
    is seen; in a trial's last chunk, to its last bin.
    """
    entry = tl.program_id(0) % S
    at = (tl.program_id(0) // S).to(tl.int64)
    trial, first, length, last = span(at, lengths, T, chunk_bins)
    i = tl.arange(0, BS)
    log_emission += (trial * T + first) * S + i
    transition = load_square(log_transition + trial * S * S, i, S, LOGS)
    by_column = products + (tl.num_programs(0).to(tl.int64) + at * S) * S + i * S + entry
    products += (at * S + entry) * S + i
    inside, entered = i < S, tl.where(i == entry, 0.0, float("-inf")).to(transition.dtype)
    now, inverse, total = first_seen(entered, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
    for _ in tl.range(1, last - first, num_stages=3):
        log_emission += S
        prior = passed_on(now, transition, LOGS)
        now, inverse, scale = seen(prior, inverse, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
        total += scale
    reached = tl.where(last < length, passed_on(now, transition, LOGS), now)
    reached = reached if LOGS else logarithm(reached * inverse)
    tl.store(products, reached, mask=inside)
    tl.store(by_column, reached, mask=inside)
    tl.store(scales + at * S + entry, total)


@triton.jit(do_not_specialize=["T", "S", "chunk_bins"])
@no_type_check
def scan(
    log_initial, products, scales, lengths, starts, ends, log_likelihood, T, S, chunk_bins, BS: tl.constexpr
):  # fmt: skip
    """Logarithms, each up to a constant: `starts` [B, chunks, S], how probable the states are in a chunk's first bin
    before it is seen, and `ends` [B, chunks, S], how well those in the next chunk's first bin explain all from there.
    """
    trial = tl.program_id(0).to(tl.int64)
    chunks, own = tl.cdiv(T, chunk_bins), tl.cdiv(tl.load(lengths + trial), chunk_bins).to(tl.int32)
    i = tl.arange(0, BS)
    inside = i < S
    products += (tl.program_id(1) * tl.num_programs(0) + trial) * chunks * S * S
    offset = trial * chunks * S + i
    scales += offset
    starts += offset
    ends += offset
    initial = tl.load(log_initial + trial * S + i, mask=inside, other=float("-inf"))
    if tl.program_id(1) == 0:
        tl.store(starts, initial, mask=inside)
        start = initial
        for _ in tl.range(0, own - 1, num_stages=3):
            by_row, scale = relative(tl.load(scales, mask=inside, other=float("-inf")), start)
            start += by_row
            start -= finite(tl.max(start, 0))
            start = log_sum(start[:, None] + load_square(products, i, S, True))
            products += S * S
            scales += S
            starts += S
            tl.store(starts, start, mask=inside)
    else:
        ends += (own - 1) * S
        products += (own - 1) * S * S
        scales += (own - 1) * S
        tl.store(ends, tl.full((BS,), float("-inf"), ends.dtype.element_ty), mask=inside)  # nothing follows
        end, total = tl.zeros_like(initial), tl.zeros((), tl.float64)
        for later in tl.range(0, own, num_stages=3):
            by_row, scale = relative(tl.load(scales, mask=inside, other=float("-inf")), end)
            end = by_row + log_sum(end[:, None] + load_square(products, i, S, True))
            largest = tl.max(end, 0)
            end -= finite(largest)
            total += scale + largest
            products -= S * S
            scales -= S
            ends -= S
            tl.store(ends, end, mask=inside & (later + 1 < own))
        tl.store(log_likelihood + trial, total + log_sum(initial + end))


@triton.jit(do_not_specialize=["T", "S", "chunk_bins"])
@no_type_check
def walk(
    log_emission, log_transition, log_transposed, starts, ends, lengths, passed, states, transitions, log_likelihood,
    T, S, chunk_bins, SMOOTH: tl.constexpr, LOGS: tl.constexpr, BS: tl.constexpr,
):  # fmt: skip
    """Forward through a chunk to `passed` [B, T, S] and, if there are no `ends` and so one chunk only, the log
    likelihood; then, to smooth, back to `states` [B, T, S] and `transitions` [B, chunks, S, S], transposed.
    """
    at = tl.program_id(0).to(tl.int64)
    trial, first, length, last = span(at, lengths, T, chunk_bins)
    bins = last - first
    i = tl.arange(0, BS)
    inside = i < S
    transition = load_square(log_transition + trial * S * S, i, S, LOGS)
    begin = (trial * T + first) * S + i
    log_emission += begin
    passed += begin
    states += begin
    start = tl.load(starts + at * S + i, mask=inside, other=float("-inf"))
    now, inverse, total = first_seen(start, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
    tl.store(passed, outcome(now, SMOOTH, LOGS), mask=inside & (bins > 0))
    for _ in tl.range(1, bins, num_stages=3):
        log_emission += S
        passed += S
        prior = passed_on(now, transition, LOGS)
        now, inverse, scale = seen(prior, inverse, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
        total += scale
        tl.store(passed, outcome(now, SMOOTH, LOGS), mask=inside)
    if ends is None:
        tl.store(log_likelihood + at, total + logarithm(tl.sum(tl.exp(now) if LOGS else now * inverse, 0)))
    if SMOOTH:
        tl.debug_barrier()  # what comes now reads what other threads of this program wrote
        after = tl.full(i.shape, float("-inf"), now.dtype)
        if ends is not None:
            after = tl.load(ends + at * S + i, mask=inside, other=float("-inf"))
        after = after if LOGS else tl.exp(after)
        inverse = tl.full((), 1.0, now.dtype)
        transposed = load_square(log_transposed + trial * S * S, i, S, LOGS)
        pairs = tl.zeros_like(transposed)
        states += (bins - 1) * S
        for back in tl.range(0, bins, num_stages=3):
            before = tl.load(passed, mask=inside, other=float("-inf") if LOGS else 0.0)
            future = passed_on(after, transposed, LOGS)
            future = tl.where((back > 0) | (last < length), future, 0.0 if LOGS else 1.0)
            if LOGS:
                both = before + future
                largest = tl.max(both, 0)
                both = tl.exp(both - finite(largest))
                whole = tl.sum(both, 0)
                logs = after[:, None] + transposed + before[None, :]
                pairs += tl.exp(logs - finite(largest)) * reciprocal(whole)
            else:
                both = before * future
                whole = tl.sum(both, 0)
                pairs += after[:, None] * (before * reciprocal(whole))[None, :]
            tl.store(states, both * reciprocal(whole), mask=inside)
            after, inverse, scale = seen(future, inverse, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
            log_emission -= S
            passed -= S
            states -= S
        pairs = pairs if LOGS else pairs * transposed
        square = i[:, None] * S + i[None, :]
        tl.store(transitions + at * S * S + square, pairs, mask=inside[:, None] & inside[None, :])


@triton.jit
@no_type_check
def outcome(now, SMOOTH: tl.constexpr, LOGS: tl.constexpr):
    if SMOOTH:
        return now
    else:
        share = tl.exp(now) if LOGS else now
        return share * reciprocal(tl.sum(share, 0))


@triton.jit
@no_type_check
def span(at, lengths, T, chunk_bins):
    """The trial and the first bin of a chunk, the trial's length, and where the chunk ends in it."""
    chunks = tl.cdiv(T, chunk_bins)
    trial, first = at // chunks, (at % chunks).to(tl.int32) * chunk_bins
    length = tl.load(lengths + trial).to(tl.int32)
    return trial, first, length, tl.minimum(first + chunk_bins, length)


@triton.jit
@no_type_check
def relative(scales, like):
    """The scales of a matrix's rows beside their highest, and that one."""
    highest = tl.max(scales, 0)
    return (scales - finite(highest)).to(like.dtype), highest
