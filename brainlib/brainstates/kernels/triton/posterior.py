"""The hidden chain's posterior on a GPU: `forward_backward` and `filter_states`.

A program goes through a chunk of a trial's bins with the states in registers, forward and, for the posterior, back. If
there are trials enough, a chunk is a whole trial. Few long trials are cut into chunks:

1. `multiply`: what a chunk does to the states is a matrix, the product of its bins' transitions and emissions; its row
   i is the forward pass from state i in the chunk's first bin, and each row has a program;
2. `scan`: from chunk to chunk, the states before a chunk is seen (`starts`) and what comes after it (`ends`);
3. `walk`: every chunk from its start and its end, as a whole trial.
"""

from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

from brainlib.brainstates.kernels.triton.steps import (
    all_follow,
    check,
    finite,
    first_seen,
    load_square,
    log_sum,
    logarithm,
    padded,
    passed_on,
    reciprocal,
    seen,
)

CHUNKS = 64, 128, 256, 512, 1024, 2048  # bins
# Estimates. An earlier form of these kernels took at most 12 % longer by them than by the best chunk, on an H100.
AT_ONCE = 1000  # warps that a large GPU runs without one slowing another
SCANNED = 3  # how long a chunk takes in the scan, in bins of a walk
LAUNCHES = 500  # how long the launches that chunks add take to start, in bins of a walk


class Plan(NamedTuple):
    """How the work is cut into programs."""

    chunk: int  # bins
    warps: int


def plan(trials: int, bins: int, states: int, dtype: torch.dtype) -> Plan:
    """The chunk with which the fewest bins should follow each other."""
    warps = warps_of(states, dtype)

    def bins_in_a_row(chunk: int) -> float:
        chunks = triton.cdiv(bins, chunk)
        crowd = trials * chunks * warps / AT_ONCE
        walked = 2.0 * chunk * max(1, crowd)
        return walked if chunks == 1 else walked + chunk * max(1, states * crowd) + SCANNED * chunks + LAUNCHES

    return Plan(min((bins, *(c for c in CHUNKS if c < bins)), key=bins_in_a_row), warps)


def warps_of(states: int, dtype: torch.dtype) -> int:
    """So many that a matrix of the states takes 32 registers of a thread at most."""
    return max(1, padded(states) ** 2 * dtype.itemsize // 4096)


def scan_warps(states: int, dtype: torch.dtype) -> int:
    """More: few programs run at once, and a chunk takes exponentials of a whole matrix."""
    return min(8, max(1, padded(states) ** 2 * dtype.itemsize // 1024))


def forward_backward(
    log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    states, transitions, log_likelihood = infer(log_emission, log_transition, log_initial, lengths, "smooth")
    if transitions.shape[1] > 1:
        transitions = transitions.sum(1, keepdim=True, dtype=torch.float64).to(states.dtype)
    return states, transitions[:, 0].mT, log_likelihood


def filter_states(
    log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    states, _, log_likelihood = infer(log_emission, log_transition, log_initial, lengths, "filter")
    return states, log_likelihood


def infer(
    log_emission: Tensor, log_transition: Tensor, log_initial: Tensor, lengths: Tensor, aim: str
) -> tuple[Tensor, Tensor | None, Tensor]:
    """States [B, T, S], transitions of every chunk, transposed [B, chunks, S, S], and the log likelihood [B].

    By `aim` the states are given the whole trial ("smooth"), given what was seen so far ("filter"), or logarithms of
    the latter, up to a constant in every bin ("weigh"). Transitions come with the first only.
    """
    check(log_emission)
    B, T, S = log_emission.shape
    chunk, warps = plan(B, T, S, log_emission.dtype)
    chunks = triton.cdiv(T, chunk)
    sizes, options = (T, S, chunk), {"BS": padded(S), "num_warps": warps}
    new = log_emission.new_empty
    states, log_likelihood = torch.zeros_like(log_emission), new(B, dtype=torch.float64)
    passed, transitions = (torch.empty_like(states), new(B, chunks, S, S)) if aim == "smooth" else (states, None)
    log_transposed = log_transition.mT.contiguous() if aim == "smooth" else None
    with torch.cuda.device_of(log_emission):
        starts, ends = log_initial, None
        if chunks > 1:
            products, scales = new(2, B, chunks, S, S), new(B, chunks, S, dtype=torch.float64)
            starts, ends = new(B, chunks, S), new(B, chunks, S)
            multiply[B * chunks * S,](log_emission, log_transition, lengths, products, scales, *sizes, **options)
            scan[B, 2](
                log_initial, products, scales, lengths, starts, ends, log_likelihood, *sizes,
                BS=padded(S), num_warps=scan_warps(S, log_emission.dtype),
            )  # fmt: skip
        walk[B * chunks,](
            log_emission, log_transition, log_transposed, starts, ends, lengths,
            passed, states, transitions, log_likelihood, *sizes, AIM=aim, **options,
        )  # fmt: skip
    return states, transitions, log_likelihood


@triton.jit(do_not_specialize=["T", "S", "chunk_bins"])
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def multiply(log_emission, log_transition, lengths, products, scales, T, S, chunk_bins, BS: tl.constexpr):
    """Rows of the chunks' matrices. The logarithm of an element is `scales` [B, chunks, S], of its row, + `products`
    [2, B, chunks, S, S], there a second time transposed. A row leads into the first bin of the next chunk, before it
    is seen; in a trial's last chunk, to its last bin.
    """
    entry = tl.program_id(0) % S
    at = (tl.program_id(0) // S).to(tl.int64)
    trial, first, length, last = span(at, lengths, T, chunk_bins)
    i = tl.arange(0, BS)
    log_emission += (trial * T + first) * S + i
    transition = load_square(log_transition + trial * S * S, i, S)
    by_column = products + (tl.num_programs(0).to(tl.int64) + at * S) * S + i * S + entry
    products += (at * S + entry) * S + i
    scales += at * S + entry
    if all_follow(transition, i, S):
        row(
            log_emission, tl.exp(transition), products, by_column, scales,
            i, entry, last - first, last < length, S, LOGS=False,
        )  # fmt: skip
    else:
        row(
            log_emission, transition, products, by_column, scales,
            i, entry, last - first, last < length, S, LOGS=True,
        )  # fmt: skip


@triton.jit
@no_type_check
def row(log_emission, transition, products, by_column, scales, i, entry, bins, goes_on, S, LOGS: tl.constexpr):
    inside, entered = i < S, tl.where(i == entry, 0.0, float("-inf")).to(transition.dtype)
    now, scale = first_seen(entered, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
    inverse, total = tl.full((), 1.0, now.dtype), scale
    for _ in tl.range(1, bins, num_stages=3):
        log_emission += S
        prior = passed_on(now, transition, LOGS)
        now, inverse, scale = seen(prior, inverse, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
        total += scale
    reached = tl.where(goes_on, passed_on(now, transition, LOGS), now)
    reached = reached if LOGS else logarithm(reached * inverse)
    tl.store(products, reached, mask=inside)
    tl.store(by_column, reached, mask=inside)
    tl.store(scales, total)


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
            start = log_sum(start[:, None] + load_square(products, i, S))
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
        for _ in tl.range(0, own - 1, num_stages=3):
            by_row, scale = relative(tl.load(scales, mask=inside, other=float("-inf")), end)
            end = by_row + log_sum(end[:, None] + load_square(products, i, S))
            largest = tl.max(end, 0)
            end -= finite(largest)
            total += scale + largest
            products -= S * S
            scales -= S
            ends -= S
            tl.store(ends, end, mask=inside)
        by_row, scale = relative(tl.load(scales, mask=inside, other=float("-inf")), end)
        end = initial + by_row + log_sum(end[:, None] + load_square(products, i, S))
        largest = tl.max(end, 0)
        total += scale + largest
        tl.store(log_likelihood + trial, total + logarithm(tl.sum(tl.exp(end - finite(largest)), 0)))


@triton.jit(do_not_specialize=["T", "S", "chunk_bins"])
@no_type_check
def walk(
    log_emission, log_transition, log_transposed, starts, ends, lengths, passed, states, transitions, log_likelihood,
    T, S, chunk_bins, AIM: tl.constexpr, BS: tl.constexpr,
):  # fmt: skip
    """Forward through a chunk to `passed` [B, T, S] and, if there are no `ends` and so one chunk only, the log
    likelihood; then, to smooth, back to `states` [B, T, S] and `transitions` [B, chunks, S, S], transposed.
    """
    at = tl.program_id(0).to(tl.int64)
    trial, first, length, last = span(at, lengths, T, chunk_bins)
    i = tl.arange(0, BS)
    transition = load_square(log_transition + trial * S * S, i, S)
    if AIM == "smooth":
        log_transposed += trial * S * S
    begin = (trial * T + first) * S + i
    log_emission += begin
    passed += begin
    states += begin
    if all_follow(transition, i, S):
        forth_and_back(
            log_emission, tl.exp(transition), log_transposed, starts, ends, passed, states, transitions,
            log_likelihood, i, at, last - first, last < length, S, AIM, LOGS=False,
        )  # fmt: skip
    else:
        forth_and_back(
            log_emission, transition, log_transposed, starts, ends, passed, states, transitions,
            log_likelihood, i, at, last - first, last < length, S, AIM, LOGS=True,
        )  # fmt: skip


@triton.jit
@no_type_check
def forth_and_back(
    log_emission, transition, log_transposed, starts, ends, passed, states, transitions, log_likelihood,
    i, at, bins, goes_on, S, AIM: tl.constexpr, LOGS: tl.constexpr,
):  # fmt: skip
    inside = i < S
    start = tl.load(starts + at * S + i, mask=inside, other=float("-inf"))
    now, scale = first_seen(start, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
    inverse, total = tl.full((), 1.0, now.dtype), scale
    tl.store(passed, outcome(now, AIM, LOGS), mask=inside & (bins > 0))
    for _ in tl.range(1, bins, num_stages=3):
        log_emission += S
        passed += S
        prior = passed_on(now, transition, LOGS)
        now, inverse, scale = seen(prior, inverse, tl.load(log_emission, mask=inside, other=float("-inf")), LOGS)
        total += scale
        tl.store(passed, outcome(now, AIM, LOGS), mask=inside)
    if ends is None:
        tl.store(log_likelihood + at, total + logarithm(tl.sum(tl.exp(now) if LOGS else now * inverse, 0)))
    if AIM == "smooth":
        tl.debug_barrier()  # what comes now reads what other threads of this program wrote
        after = tl.full(i.shape, float("-inf"), now.dtype)
        if ends is not None:
            after = tl.load(ends + at * S + i, mask=inside, other=float("-inf"))
        after = after if LOGS else tl.exp(after)
        inverse = tl.full((), 1.0, now.dtype)
        transposed = load_square(log_transposed, i, S)
        transposed = transposed if LOGS else tl.exp(transposed)
        pairs = tl.zeros_like(transposed)
        states += (bins - 1) * S
        for back in tl.range(0, bins, num_stages=3):
            before = tl.load(passed, mask=inside, other=float("-inf") if LOGS else 0.0)
            future = passed_on(after, transposed, LOGS)
            future = tl.where((back > 0) | goes_on, future, 0.0 if LOGS else 1.0)
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
def outcome(now, AIM: tl.constexpr, LOGS: tl.constexpr):
    if AIM == "smooth":
        return now
    elif AIM == "weigh":
        return now if LOGS else logarithm(now)
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
