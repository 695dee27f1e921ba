"""Vectors for numba: `Lanes`, as many numbers as fill the widest registers, that are computed with like one number.

numba cannot be told to keep a row of an array in registers. A `Lanes` is one of LLVM's vectors, so it stays there, and
where registers are narrower LLVM splits it. numba's cache does not notice a change of this file: change `compiled.py`,
which is made of it, too.
"""

import math
import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

VECTOR_BYTES = 64
FLUSHED = {32: -70.0, 64: -600.0}  # by the bits of a number: below, exponentials are 0 (README.md)


class Lanes(types.Type):
    def __init__(self, dtype: types.Float):
        self.dtype, self.width = dtype, VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager[kind.dtype].get_value_type(), kind.width))


def address(context, builder, kind, array, indices):
    array = context.make_array(kind)(context, builder, array)
    offset = cgutils.intp_t(0)
    for index, stride in zip(
        cgutils.unpack_tuple(builder, indices), cgutils.unpack_tuple(builder, array.strides), strict=False
    ):
        offset = builder.add(offset, builder.mul(index, stride))
    vector = context.get_value_type(Lanes(kind.dtype))
    return cgutils.pointer_add(builder, array.data, offset, vector.as_pointer())


@intrinsic
def load(typing_context, array, indices):
    """The numbers from array[*indices] on; an index left out is 0, and the last axis is contiguous."""

    def generate(context, builder, signature, arguments):
        return builder.load(address(context, builder, array, *arguments), align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, indices), generate


@intrinsic
def store(typing_context, array, indices, lanes):
    def generate(context, builder, signature, arguments):
        pointer = address(context, builder, array, *arguments[:2])
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, indices, lanes), generate


@intrinsic
def transpose(typing_context, source, target, row):
    """target [row : row + W, W] = source [W, W] transposed."""

    def generate(context, builder, signature, arguments):
        width, align = Lanes(source.dtype).width, source.dtype.bitwidth // 8

        def place(kind, array, index):
            return address(context, builder, kind, array, cgutils.pack_array(builder, [index]))

        rows = [builder.load(place(source, arguments[0], cgutils.intp_t(i)), align=align) for i in range(width)]
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
        for i, value in enumerate(rows):
            index = builder.add(arguments[2], cgutils.intp_t(i))
            builder.store(value, place(target, arguments[1], index), align=align)
        return context.get_dummy_value()

    return types.void(source, target, row), generate


def constant(vector: ir.VectorType, value):
    return ir.Constant(vector, [value] * vector.count)


@intrinsic
def spread(typing_context, array, indices):
    """The number array[*indices] in all lanes."""

    def generate(context, builder, signature, arguments):
        vector = context.get_value_type(Lanes(array.dtype))
        pointer = address(context, builder, array, *arguments)
        number = builder.load(builder.bitcast(pointer, vector.element.as_pointer()))
        single = builder.insert_element(vector(ir.Undefined), number, ir.IntType(32)(0))
        return shuffled(builder, single, [0] * vector.count)

    return Lanes(array.dtype)(array, indices), generate


@intrinsic
def first(typing_context, lanes):
    """The number in the first lane."""

    def generate(context, builder, signature, arguments):
        return builder.extract_element(arguments[0], ir.IntType(32)(0))

    return lanes.dtype(lanes), generate


def shuffled(builder, vector, picked: list[int]):
    picks = ir.Constant(ir.VectorType(ir.IntType(32), len(picked)), picked)
    return builder.shuffle_vector(vector, vector, picks)


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
def zeros(typing_context, like):
    """Lanes of 0, for an array of that type."""

    def generate(context, builder, signature, arguments):
        return context.get_value_type(Lanes(like.dtype))(None)

    return Lanes(like.dtype)(like), generate


@intrinsic
def reciprocal(typing_context, lanes):
    """1 / lanes, and 0 where they are 0."""

    def generate(context, builder, signature, arguments):
        vector = context.get_value_type(lanes)
        positive = builder.fcmp_ordered(">", arguments[0], constant(vector, 0.0))
        return builder.select(positive, builder.fdiv(constant(vector, 1.0), arguments[0]), constant(vector, 0.0))

    return lanes(lanes), generate


@intrinsic
def maximum(typing_context, left, right):
    def generate(context, builder, signature, arguments):
        return larger(builder, *arguments)

    return left(left, right), generate


@intrinsic
def multiply_add(typing_context, left, right, total):
    """left * right + total, rounded once where the machine can."""

    def generate(context, builder, signature, arguments):
        return fused(builder, *arguments)

    return total(left, right, total), generate


def fused(builder, left, right, total):
    vector = total.type
    bits = 32 if vector.element == ir.FloatType() else 64
    kind = ir.FunctionType(vector, [vector] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{vector.count}f{bits}")
    return builder.call(function, [left, right, total])


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
        shifted = fused(builder, x, constant(vector, 1 / math.log(2)), constant(vector, shifter))
        n = builder.fsub(shifted, constant(vector, shifter))
        r = fused(builder, n, constant(vector, -high), x)
        r = fused(builder, n, constant(vector, -low), r)
        series = constant(vector, 1 / math.factorial(terms))
        for power in range(terms - 1, -1, -1):
            series = fused(builder, series, r, constant(vector, 1 / math.factorial(power)))
        exponent = builder.shl(builder.bitcast(shifted, whole), constant(whole, fraction))
        exponent = builder.add(exponent, constant(whole, bias << fraction))
        result = builder.fmul(series, builder.bitcast(exponent, vector))
        kept = builder.fcmp_ordered(">", x, constant(vector, FLUSHED[bits]))
        return builder.select(kept, result, constant(vector, 0.0))

    return lanes(lanes), generate


def arithmetic(symbol, instruction: str) -> None:
    @intrinsic
    def apply(typing_context, left, right):
        def generate(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments)

        return left(left, right), generate

    @overload(symbol)
    def operate(left, right):
        if isinstance(left, Lanes) and left == right:
            return lambda left, right: apply(left, right)


for symbol, instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    arithmetic(symbol, instruction)
