"""What every kernel is made of: a product of two tiles, the rotation of a tile, and the draws of dropout."""

from typing import no_type_check

import torch
import triton
import triton.language as tl
from triton import knobs

INTERPRETED = tl.constexpr(knobs.runtime.interpret)
ROW_BYTES = 128  # of a tile along the contracted axis


def tuned(*shapes: tuple[int, int, int, int], key: list[str]):
    """Autotunes over (BM, BN, warps, stages) of a kernel whose outputs are not among its inputs.

    The interpreter, which has no clock to tune by, takes the first.
    """
    configs = [
        triton.Config({"BM": rows, "BN": columns}, num_warps=warps, num_stages=stages)
        for rows, columns, warps, stages in (shapes[:1] if knobs.runtime.interpret else shapes)
    ]
    return triton.autotune(configs, key, prune_configs_by={"early_config_prune": fitting})


def fitting(configs: list, _arguments: dict, *, BK: int, generation: int | None = None, **_others) -> list:
    """The shapes that fit the registers: the first for float32, all for half precision on Hopper (generation 9)."""
    generation = torch.cuda.get_device_capability()[0] if generation is None else generation
    largest = 64 * 64 if ROW_BYTES // BK == 4 else 128 * 128 if generation < 9 else 256 * 128
    return [config for config in configs if config.kwargs["BM"] * config.kwargs["BN"] <= largest]


@triton.jit
@no_type_check  # the tests check annotations by wrapping; Triton compiles plain functions only
def product(
    acc, left, rows, row_step, row_inside, right, columns, column_step, column_inside, length,
    BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """acc + left right, contracted over `length`: the step is what lies between neighbours of the contracted axis.

    `left` and `right` point to the tile's first row and column; offsets from there are small enough for 32 bits.
    """
    inner = tl.arange(0, BK)
    a_at = rows[:, None] + inner[None, :] * row_step  # [BM, BK]
    b_at = inner[:, None] * column_step + columns[None, :]  # [BK, BN]
    for first in range(0, length, BK):
        inside = first + inner < length
        a = tl.load(left + a_at, mask=row_inside[:, None] & inside[None, :], other=0.0)
        b = tl.load(right + b_at, mask=inside[:, None] & column_inside[None, :], other=0.0)
        if INTERPRETED:  # its product of bfloat16 tiles is wrong
            a, b = a.to(tl.float32), b.to(tl.float32)
        acc = tl.dot(a, b, acc, input_precision=PRECISION)
        left += BK * row_step
        right += BK * column_step
    return acc


@triton.jit
@no_type_check
def relu(x):
    return tl.where(x < 0, 0.0, x)  # NaN stays NaN


@triton.jit
@no_type_check
def rotated(x, rope, SIGN: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Every pair (x[2i], x[2i+1]) turned by (cos, sin) = (rope[2i], rope[2i+1]), backwards if SIGN is -1."""
    even, odd = tl.split(tl.reshape(x, (BM, BN // 2, 2)))
    cos, sin = tl.split(tl.reshape(rope, (BM, BN // 2, 2)))
    sin = sin * SIGN
    return tl.reshape(tl.join(even * cos - odd * sin, odd * cos + even * sin), (BM, BN))


@triton.jit
@no_type_check
def survives(seed, rows, first, head, threshold, BM: tl.constexpr, BN: tl.constexpr):
    """Which entries dropout keeps: eight 16-bit draws for each Philox block at (neuron // 8, row, head)."""
    block = first // 8 + tl.arange(0, BN // 8)
    one, two, three, four = tl.philox(seed, block[None, :], rows[:, None], head, 0, n_rounds=7)
    words = tl.reshape(tl.join(tl.join(one, two), tl.join(three, four)), (BM, BN // 2))
    draws = tl.reshape(tl.join(words & 0xFFFF, words >> 16), (BM, BN))
    return draws >= threshold
