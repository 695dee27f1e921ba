"""The kernels of paths: `best`, the most probable, and `draw`, from the posterior."""

from typing import no_type_check

import triton
import triton.language as tl

from brainlib.brainstates.kernels.triton.posterior import finite, load_square


@triton.jit(do_not_specialize=["T", "S"])
@no_type_check
def best(log_emission, log_transition, log_initial, lengths, origins, paths, T, S, BS: tl.constexpr):
    """`origins` [B, T, S]: the state before each one on the best path that leads there."""
    trial = tl.program_id(0).to(tl.int64)
    length = tl.load(lengths + trial).to(tl.int32)
    i = tl.arange(0, BS)
    inside = i < S
    transition = load_square(log_transition + trial * S * S, i, S)
    log_emission += trial * T * S + i
    origins += trial * T * S
    paths += trial * T
    score = tl.load(log_initial + trial * S + i, mask=inside, other=float("-inf"))
    score += tl.load(log_emission, mask=inside, other=float("-inf"))
    for t in tl.range(1, length, num_stages=3):
        score -= finite(tl.max(score, 0))
        score, origin = tl.max(score[:, None] + transition, 0, return_indices=True)
        score += tl.load(log_emission + t * S, mask=inside, other=float("-inf"))
        tl.store(origins + t * S + i, origin.to(tl.uint8), mask=inside)
    tl.debug_barrier()  # what comes now reads what other threads of this program wrote
    if tl.max(score, 0) > float("-inf"):
        state = tl.argmax(score, 0)
        for back in range(1, length):
            tl.store(paths + length - back, state)
            state = tl.load(origins + (length - back) * S + state).to(state.dtype)
        tl.store(paths, state)


@triton.jit(do_not_specialize=["samples", "T", "S"])
@no_type_check
def draw(
    weights, log_transition, log_likelihood, lengths, uniforms, paths, samples, T, S,
    BP: tl.constexpr, BS: tl.constexpr,
):  # fmt: skip
    trial = tl.program_id(0).to(tl.int64)
    possible = tl.load(log_likelihood + trial) > float("-inf")
    length = tl.where(possible, tl.load(lengths + trial), 0).to(tl.int32)
    sample = tl.program_id(1) * BP + tl.arange(0, BP)
    drawn = sample < samples
    i = tl.arange(0, BS)
    inside = i < S
    at = (sample.to(tl.int64) * tl.num_programs(0) + trial) * T + length - 1  # [BP]
    weights += (trial * T + length - 1) * S + i
    to_state_0 = log_transition + trial * S * S + i[None, :] * S
    state = tl.zeros((BP,), tl.int32)
    for back in tl.range(0, length, num_stages=3):
        weight = tl.load(weights, mask=inside, other=float("-inf"))[None, :]  # [1, BS]
        chosen = tl.load(to_state_0 + state[:, None], mask=inside[None, :], other=0.0)  # [BP, BS]
        weight += tl.where(back > 0, chosen, 0.0)
        weight = tl.exp(weight - tl.max(weight, 1)[:, None])
        below = tl.where(weight > 0, tl.cumsum(weight, 1), 0.0)
        whole = tl.max(below, 1)[:, None]
        reached = (below > whole * tl.load(uniforms + at, mask=drawn, other=0.0)[:, None]) | (below == whole)
        state = tl.min(tl.where(reached, i[None, :], S - 1), 1)
        tl.store(paths + at, state, mask=drawn)
        weights -= S
        at -= 1
