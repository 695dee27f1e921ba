"""Instructions on lanes (`brainlib/lanes.py`) that the chain needs besides, the exponential among them."""

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from brainlib.lanes import Lanes, call, constant, place, shuffled

FLUSHED = {32: -70.0, 64: -600.0}  # by the bits of a number: below, exponentials are 0 (README.md)


@intrinsic
def transpose(typing_context, source, target, row):
    """target [row : row + W, W] = source [W, W] transposed."""

    def generate(context, builder, signature, arguments):
        width, align = Lanes(source.dtype).width, source.dtype.bitwidth // 8
        indices = [cgutils.intp_t(i) for i in range(width)]
        rows = [builder.load(place(context, builder, source, arguments[0], i), align=align) for i in indices]
        distance = width // 2
        while distance:  # blocks of that many rows and columns change places across the diagonal
            for i in (i for i in range(width) if not i & distance):
                upper = [k if not k & distance else width + k - distance for k in range(width)]
                lower = [k + distance if not k & distance else width + k for k in range(width)]
                pair = rows[i], rows[i + distance]
                for index, picked in ((i, upper), (i + distance, lower)):
                    picks = ir.Constant(ir.VectorType(ir.IntType(32), width), picked)
                    rows[index] = builder.shuffle_vector(*pair, picks)
            distance //= 2
        for i, value in zip(indices, rows, strict=True):
            pointer = place(context, builder, target, arguments[1], builder.add(arguments[2], i))
            builder.store(value, pointer, align=align)
        return context.get_dummy_value()

    return types.void(source, target, row), generate


@intrinsic
def first(typing_context, lanes):
    """The number in the first lane."""

    def generate(context, builder, signature, arguments):
        return builder.extract_element(arguments[0], ir.IntType(32)(0))

    return lanes.dtype(lanes), generate


def across(combine):
    """A function for numba: lanes of which each is `combine` of all."""

    @intrinsic
    def everywhere(typing_context, lanes):
        def generate(context, builder, signature, arguments):
            (value,), distance = arguments, lanes.width // 2
            while distance:
                value = combine(builder, value, shuffled(builder, value, [k ^ distance for k in range(lanes.width)]))
                distance //= 2
            return value

        return lanes(lanes), generate

    return everywhere


def larger(builder, left, right):
    return builder.select(builder.fcmp_ordered(">", left, right), left, right)


sum_across = across(lambda builder, left, right: builder.fadd(left, right))
maximum_across = across(larger)


@intrinsic
def maximum(typing_context, left, right):
    def generate(context, builder, signature, arguments):
        return larger(builder, *arguments)

    return left(left, right), generate


@intrinsic
def reciprocal(typing_context, lanes):
    """1 / lanes, and 0 where they are 0."""

    def generate(context, builder, signature, arguments):
        vector = context.get_value_type(lanes)
        positive = builder.fcmp_ordered(">", arguments[0], constant(vector, 0.0))
        return builder.select(positive, builder.fdiv(constant(vector, 1.0), arguments[0]), constant(vector, 0.0))

    return lanes(lanes), generate


@intrinsic
def multiply_add(typing_context, left, right, total):
    """left * right + total, rounded once where the machine can."""

    def generate(context, builder, signature, arguments):
        return call(builder, "fmuladd", *arguments)

    return total(left, right, total), generate


@intrinsic
def exponential(typing_context, lanes):
    """exp of numbers up to 0, rounded to the nearest or the next; exactly 0 below `FLUSHED`, of -inf and of NaN.

    With n the whole number nearest to x / log 2, exp(x) = 2^n exp(r) where r = x - n log 2 is small enough for a short
    series. Adding `shifter` rounds x / log 2 and leaves n in the lowest bits, which are moved to the exponent's place.
    """
    bits = lanes.dtype.bitwidth
    fraction, terms = {32: (23, 7), 64: (52, 13)}[bits]
    high = {32: 0.693359375, 64: 0.6931471803691238}[bits]  # of log 2, with zeros enough that n times it is exact
    low = {32: -2.1219444e-4, 64: 1.9082149292705877e-10}[bits]  # the rest
    shifter, bias = 1.5 * 2.0**fraction, 2 ** (bits - fraction - 2) - 1

    def generate(context, builder, signature, arguments):
        (x,), vector = arguments, context.get_value_type(lanes)
        whole = ir.VectorType(ir.IntType(bits), lanes.width)

        def multiply_add(left, right: float, total):
            return call(builder, "fmuladd", left, constant(vector, right), total)

        shifted = multiply_add(x, 1 / math.log(2), constant(vector, shifter))
        n = builder.fsub(shifted, constant(vector, shifter))
        r = multiply_add(n, -low, multiply_add(n, -high, x))
        series = constant(vector, 1 / math.factorial(terms))
        for power in range(terms - 1, -1, -1):
            series = call(builder, "fmuladd", series, r, constant(vector, 1 / math.factorial(power)))
        exponent = builder.shl(builder.bitcast(shifted, whole), constant(whole, fraction))
        exponent = builder.add(exponent, constant(whole, bias << fraction))
        result = builder.fmul(series, builder.bitcast(exponent, vector))
        kept = builder.fcmp_ordered(">", x, constant(vector, FLUSHED[bits]))
        return builder.select(kept, result, constant(vector, 0.0))

    return lanes(lanes), generate
