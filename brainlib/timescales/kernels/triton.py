"""The recurrence on a GPU, in Triton: `forward` and `backward` as in the package's docstring.

A program owns a slab of the batch. Sequences do not see each other, so for a small network it goes through all T steps
by itself: for each tile of units it reads the slab's last states and the matrix from the cache, chunk by chunk, ends
the product in everything elementwise, and writes the new states; a barrier among its threads, then the next step.
A slab of a larger network is too much for one multiprocessor. There the same kernel does one step a launch, a program
for each tile, and the end of a launch is the barrier. Within a captured CUDA graph a launch costs little, and networks
of every size are cut so (on an H100 it is as fast at 100 units and 2.4 times as fast at 250).

The gradients of matrix, input weight and bias are products over all steps at once and left to the library, as are,
outside the leak, what phi gave in all steps: no difference of states has to recover it (README.md).
"""

import math
from typing import NamedTuple, no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton import knobs

from brainlib.timescales.kernels.folding import fold, unfold
from brainlib.timescales.kernels.reference import ACTIVATIONS

ROW_BYTES = 128  # of a tile along the contracted axis
SMALL = 256  # units of which one multiprocessor makes a step in less time than a launch takes outside a graph
PROGRAMS = 128  # keep a large card busy


class Plan(NamedTuple):
    """How the work is cut into programs."""

    rows: int  # sequences in a tile
    columns: int  # units in a tile
    warps: int
    together: bool  # all steps in one launch, a program going through all units

    def grid(self, batch: int, units: int) -> tuple[int, int]:
        return triton.cdiv(batch, self.rows), 1 if self.together else triton.cdiv(units, self.columns)

    def launches(self, steps: int) -> list[tuple[int, int]]:
        """The first step of each launch and how many it does."""
        return [(0, steps)] if self.together else [(t, 1) for t in range(steps)]

    def options(self, dtype: torch.dtype) -> dict:
        exact = dtype == torch.float64 or torch.get_float32_matmul_precision() == "highest"
        return {
            "BM": self.rows, "BN": self.columns, "BK": ROW_BYTES // dtype.itemsize, "num_warps": self.warps,
            "PRECISION": "ieee" if exact else "tf32",
        }  # fmt: skip


def plan(batch: int, units: int, captured: bool = False) -> Plan:
    """The cut that was fastest on an H100; `captured` in a CUDA graph."""
    if units > SMALL or captured:
        tall = Plan(32, 32, 4, False)
        return tall if math.prod(tall.grid(batch, units)) >= PROGRAMS else tall._replace(rows=16)
    columns = min(128, max(16, triton.next_power_of_2(units)))
    return Plan(4, columns, 4, True) if batch <= 512 else Plan(16, columns, 8, True)


def forward(bits, h0, weight, input_weight, bias, leak, inside, activation):
    check(h0)
    matrix, *vectors = fold(weight, input_weight, bias, leak, inside)
    T, (B, n) = len(bits), h0.shape
    states, matrix = h0.new_empty(T, B, n), matrix.T.contiguous()
    cut = plan(B, n, h0.is_cuda and torch.cuda.is_current_stream_capturing())
    with torch.cuda.device_of(h0):
        for first, steps in cut.launches(T):
            step_forward[cut.grid(B, n)](
                bits, h0, matrix, *vectors, states, first, steps, B, *aligned(n), inside, activation,
                **cut.options(h0.dtype),
            )  # fmt: skip
    return states


def backward(d_states, d_last, bits, h0, weight, input_weight, bias, leak, states, inside, activation):
    check(h0)
    folded = fold(weight, input_weight, bias, leak, inside)
    T, B, n = states.shape
    fired = states if inside else outputs(bits, h0, folded, states, activation)
    deltas, d_h = torch.empty_like(states), None if inside else torch.empty_like(states)
    cut = plan(B, n, h0.is_cuda and torch.cuda.is_current_stream_capturing())
    with torch.cuda.device_of(h0):
        for first, steps in reversed(cut.launches(T)):
            step_backward[cut.grid(B, n)](
                d_states, d_last, fired, folded.matrix, folded.keep, folded.gain, deltas, d_h, first, steps, T, B,
                *aligned(n), inside, activation, **cut.options(h0.dtype),
            )  # fmt: skip
    d_h0, d_leak = deltas[0] @ folded.matrix, leak
    if not inside:
        d_h0 += folded.keep * d_h[0]
        d_leak = ((states[0] - h0) * d_h[0]).sum(0) + ((states[1:] - states[:-1]) * d_h[1:]).sum((0, 1))
        d_leak /= leak
    return d_h0, *unfold(deltas, d_leak, bits, h0, states, weight, input_weight, bias, leak, inside)


def check(h0: Tensor) -> None:
    """Raises `ValueError` for a tensor that these kernels cannot reach."""
    if not h0.is_cuda and not knobs.runtime.interpret:
        expected = "a GPU (or Triton's interpreter: TRITON_INTERPRET=1)"
        raise ValueError(f"h0: got a tensor on {h0.device}, expected {expected}")


def aligned(units: int) -> tuple[int, int]:
    """The units as a product whose second factor the compiler knows: rows of whole fours are read four at a time."""
    return (units // 4, 4) if units % 4 == 0 else (units, 1)


def outputs(bits, h0, folded, states, activation) -> Tensor:
    """phi(M h_{t-1} + b + w x_t) of all steps at once: [T, B, n]."""
    drive = torch.empty_like(states)
    torch.mm(h0, folded.matrix.T, out=drive[0])
    torch.mm(states[:-1].flatten(0, 1), folded.matrix.T, out=drive[1:].flatten(0, 1))
    drive.add_(folded.bias).addcmul_(bits[..., None], folded.input_weight)
    return ACTIVATIONS[activation](drive)


@triton.jit(do_not_specialize=["first_step", "steps", "B", "n_parts"])
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def step_forward(
    bits, h0, matrix, input_weight, bias, keep, gain, states, first_step, steps, B, n_parts,
    N_ALIGN: tl.constexpr, INSIDE: tl.constexpr, ACTIVATION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`states` [T, B, n] of so many steps from `first_step` on; `matrix` is transposed."""
    n = n_parts * N_ALIGN
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    row_inside = rows < B
    begin = first_step.to(tl.int64) * B
    bits += begin
    states += begin * n
    before = states - B * n
    if first_step == 0:
        before = h0
    for _ in range(steps):
        x = tl.load(bits + rows, mask=row_inside, other=0.0)
        for first in range(tl.program_id(1) * BN, n, tl.num_programs(1) * BN):
            columns = first + tl.arange(0, BN)
            column_inside = columns < n
            drive = tl.zeros((BM, BN), states.dtype.element_ty)
            drive = product(drive, before, rows, row_inside, matrix, columns, column_inside, n, n, BK, PRECISION)
            drive += tl.load(bias + columns, mask=column_inside, other=0.0)[None, :]
            drive += x[:, None] * tl.load(input_weight + columns, mask=column_inside, other=0.0)[None, :]
            h = activated(drive, ACTIVATION)
            at, inside = rows[:, None] * n + columns[None, :], row_inside[:, None] & column_inside[None, :]
            if not INSIDE:
                kept = tl.load(keep + columns, mask=column_inside, other=0.0)[None, :]
                gained = tl.load(gain + columns, mask=column_inside, other=0.0)[None, :]
                h = kept * tl.load(before + at, mask=inside, other=0.0) + gained * h
            tl.store(states + at, h, mask=inside)
        tl.debug_barrier()  # the next step reads what other threads of this program wrote
        before = states
        bits += B
        states += B * n


@triton.jit(do_not_specialize=["first_step", "steps", "T", "B", "n_parts"])
@no_type_check
def step_backward(
    d_states, d_last, fired, matrix, keep, gain, deltas, d_h, first_step, steps, T, B, n_parts,
    N_ALIGN: tl.constexpr, INSIDE: tl.constexpr, ACTIVATION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradients at M h + b + w x (`deltas`) and, outside the leak, at the states (`d_h`), both [T, B, n], of so many
    steps from `first_step` on, the last of them first.
    """
    n = n_parts * N_ALIGN
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    row_inside = rows < B
    after = first_step + steps
    end = (after.to(tl.int64) - 1) * B * n
    fired += end
    deltas += end
    if d_states is not None:
        d_states += end
    if not INSIDE:
        d_h += end
    length = tl.where(after < T, n, 0)
    for _ in range(steps):
        for first in range(tl.program_id(1) * BN, n, tl.num_programs(1) * BN):
            columns = first + tl.arange(0, BN)
            column_inside = columns < n
            at, inside = rows[:, None] * n + columns[None, :], row_inside[:, None] & column_inside[None, :]
            g = tl.zeros((BM, BN), deltas.dtype.element_ty)
            g = product(
                g, deltas + B * n, rows, row_inside, matrix, columns, column_inside, n, length, BK, PRECISION
            )  # fmt: skip
            if d_states is not None:
                g += tl.load(d_states + at, mask=inside, other=0.0)
            if d_last is not None:
                g += tl.load(d_last + at, mask=inside & (length == 0), other=0.0)
            y = tl.load(fired + at, mask=inside, other=0.0)
            if INSIDE:
                tl.store(deltas + at, through(g, y, ACTIVATION), mask=inside)
            else:
                kept = tl.load(keep + columns, mask=column_inside, other=0.0)[None, :]
                gained = tl.load(gain + columns, mask=column_inside, other=0.0)[None, :]
                g += kept * tl.load(d_h + B * n + at, mask=inside & (length > 0), other=0.0)
                tl.store(d_h + at, g, mask=inside)
                tl.store(deltas + at, gained * through(g, y, ACTIVATION), mask=inside)
        tl.debug_barrier()  # the step before reads what other threads of this program wrote
        length = n
        fired -= B * n
        deltas -= B * n
        if d_states is not None:
            d_states -= B * n
        if not INSIDE:
            d_h -= B * n


@triton.jit
@no_type_check
def product(
    acc, left, rows, row_inside, right, columns, column_inside, n, length, BK: tl.constexpr, PRECISION: tl.constexpr
):
    """acc + left[rows, :length] right[:length, columns] of matrices n wide."""
    for first in range(0, length, BK):
        k = first + tl.arange(0, BK)
        inside = k < length
        a_at, b_at = rows[:, None] * n + k[None, :], k[:, None] * n + columns[None, :]  # [BM, BK], [BK, BN]
        a = tl.load(left + a_at, mask=row_inside[:, None] & inside[None, :], other=0.0)
        b = tl.load(right + b_at, mask=inside[:, None] & column_inside[None, :], other=0.0)
        acc = tl.dot(a, b, acc, input_precision=PRECISION, out_dtype=acc.dtype)
    return acc


@triton.jit
@no_type_check
def activated(z, ACTIVATION: tl.constexpr):
    """phi(z); what is not a number stays so."""
    if ACTIVATION == "leaky_relu":
        return tl.where(z < 0, 0.01 * z, z)
    elif ACTIVATION == "relu":
        return tl.where(z < 0, 0.0, z)
    else:  # tanh
        return 2 * tl.sigmoid(2 * z) - 1


@triton.jit
@no_type_check
def through(g, y, ACTIVATION: tl.constexpr):
    """The gradient g at y = phi(z), taken to z."""
    if ACTIVATION == "leaky_relu":
        return tl.where(y > 0, g, 0.01 * g)
    elif ACTIVATION == "relu":
        return tl.where(y > 0, g, 0.0)
    else:
        return g * (1 - y * y)
