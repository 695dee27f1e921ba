"""From bin to bin: what the kernels share.

Where all states can follow each other, the weights of the states in a bin are numbers of which the largest is 1, or
would be once multiplied by `inverse`: no bin waits for that number, the next one takes it in. With transitions of at
least exp(LEAST) single precision then holds all that matters, whatever is seen. Else (LOGS) the weights are logarithms,
the largest 0 in every bin: a state may be thousands of nats behind and still be the only one to explain what comes.
"""

from typing import no_type_check

import triton
import triton.language as tl
from torch import Tensor
from triton import knobs

LEAST = tl.constexpr(-20.0)  # numbers are products of at most three that are no less, and of emissions


def check(log_emission: Tensor) -> None:
    """Raises `ValueError` for a tensor that these kernels cannot reach."""
    if not log_emission.is_cuda and not knobs.runtime.interpret:
        expected = "a GPU (or Triton's interpreter: TRITON_INTERPRET=1)"
        raise ValueError(f"log_emission: got a tensor on {log_emission.device}, expected {expected}")


def padded(states: int) -> int:
    return max(4, triton.next_power_of_2(states))


@triton.jit
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def load_square(matrix, i, S):
    """[BS, BS] of a matrix of logarithms, [S, S]. Threads lie along what is contiguous in memory, and sums over the
    first axis are quick: who goes back in time reads a transposed copy.
    """
    inside = i < S
    return tl.load(
        matrix + i[:, None] * S + i[None, :], mask=inside[:, None] & inside[None, :], other=float("-inf")
    )  # fmt: skip


@triton.jit
@no_type_check
def all_follow(log_transition, i, S):
    """Whether no transition is below exp(LEAST)."""
    inside = (i < S)[:, None] & (i < S)[None, :]
    return tl.min(tl.min(tl.where(inside, log_transition, 0.0), 0), 0) >= LEAST


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
    """log sum_i exp(x[i, j])."""
    largest = tl.max(x, 0)
    return largest + logarithm(tl.sum(tl.exp(x - finite(largest)[None, :]), 0))


@triton.jit
@no_type_check
def reciprocal(x):
    """1 / x; of what is impossible, 0."""
    return tl.where(x > 0, 1 / tl.where(x > 0, x, 1.0), 0.0)


@triton.jit
@no_type_check
def first_seen(log_start, log_emission, LOGS: tl.constexpr):
    """The states' weights after the first bin, and the logarithm of what they were divided by."""
    highest = tl.max(log_emission, 0)
    joint = log_start + (log_emission - finite(highest))
    largest = tl.max(joint, 0)
    joint -= finite(largest)
    return joint if LOGS else tl.exp(joint), highest.to(tl.float64) + largest


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
def passed_on(weights, transition, LOGS: tl.constexpr):
    """sum_i weights[i] transition[i, j]: from the weights of the states in a bin to those in the next, before it is
    seen; by the transposed matrix, from how well the states explain all from a bin on to how well those before it do.
    """
    if LOGS:
        return log_sum(weights[:, None] + transition)
    else:
        return tl.sum(weights[:, None] * transition, 0)
