"""What the scans and the memory do with lanes (`brainlib/lanes.py`) beside arithmetic."""

import math

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from brainlib.jit import njit
from brainlib.lanes import VECTOR_BYTES, Lanes, as_lanes, call, constant, place, shuffled, suffix

LOG2, LOG2_REST = 0.693359375, math.log(2) - 0.693359375  # so few digits that whole multiples are exact
EXP = tuple(1 / math.factorial(n) for n in range(11, -1, -1))  # to the last digit but one below log(2) / 2
ARTANH = tuple(1 / (2 * n + 1) for n in range(16, -1, -1))  # to the last digit below 1 / 3


@intrinsic
def stream(typing_context, array, index, lanes):
    """Stores past the cache, which saves reading what is overwritten; the place must be aligned to VECTOR_BYTES."""

    def generate(context, builder, signature, arguments):
        *where, value = arguments
        instruction = builder.store(value, place(context, builder, array, *where), align=VECTOR_BYTES)
        instruction.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return types.void(array, index, lanes), generate


@intrinsic
def fetch(typing_context, array, index):
    """Asks for lanes that will be loaded later, so that they lie in the second cache by then."""

    def generate(context, builder, signature, arguments):
        pointer = builder.bitcast(place(context, builder, array, *arguments), ir.IntType(8).as_pointer())
        read, second_cache, data = (ir.IntType(32)(number) for number in (0, 2, 1))
        call(builder, "prefetch.p0i8", ir.VoidType(), [pointer, read, second_cache, data])
        return context.get_dummy_value()

    return types.void(array, index), generate


@intrinsic
def load_some(typing_context, array, index, count):
    """The first `count` numbers from array[index] on, and 0 in the lanes behind them."""
    lanes = Lanes(array.dtype)

    def generate(context, builder, signature, arguments):
        zeros = context.get_value_type(lanes)(None)
        pointer, align, used = some(context, builder, array, *arguments, zeros.type)
        return call(builder, f"masked.load.{suffix(zeros.type)}.p0", zeros.type, [pointer, align, used, zeros])

    return lanes(array, index, types.intp), generate


@intrinsic
def store_some(typing_context, array, index, count, lanes):
    """Stores the first `count` lanes."""

    def generate(context, builder, signature, arguments):
        *where, values = arguments
        what = [values, *some(context, builder, array, *where, values.type)]
        call(builder, f"masked.store.{suffix(values.type)}.p0", ir.VoidType(), what)
        return context.get_dummy_value()

    return types.void(array, index, types.intp, lanes), generate


def some(context, builder, kind, array, index, count, vector):
    """Where the numbers lie, how they are aligned, and which lanes are among the first `count`."""
    numbers = ir.Constant(ir.VectorType(count.type, vector.count), list(range(vector.count)))
    single = builder.insert_element(numbers.type(ir.Undefined), count, ir.IntType(32)(0))
    used = builder.icmp_signed("<", numbers, shuffled(builder, single, [0] * vector.count))
    return place(context, builder, kind, array, index), ir.IntType(32)(kind.dtype.bitwidth // 8), used


@intrinsic
def multiply_add(typing_context, a, b, c):
    """a b + c of lanes, rounded once where the processor can."""

    def generate(context, builder, signature, arguments):
        vector = arguments[0].type
        return call(builder, f"fmuladd.{suffix(vector)}", vector, arguments)

    return a(a, a, a), generate


@intrinsic
def total(typing_context, lanes):
    """The sum of the lanes."""

    def generate(context, builder, signature, arguments):
        vector = arguments[0].type
        name, start = f"vector.reduce.fadd.{suffix(vector)}", vector.element(-0.0)
        return call(builder, name, vector.element, [start, *arguments], fastmath=("reassoc",))

    return lanes.dtype(lanes), generate


@intrinsic
def where_nonnegative(typing_context, lanes, yes, no):
    """`yes` (lanes or a number) where lanes >= 0, `no` elsewhere, and where lanes are not a number."""

    def generate(context, builder, signature, arguments):
        z, *choices = arguments
        choices = (as_lanes(context, builder, *each, lanes) for each in zip((yes, no), choices, strict=True))
        return builder.select(builder.fcmp_ordered(">=", z, z.type(None)), *choices)

    return lanes(lanes, yes, no), generate


@intrinsic
def step(typing_context, lanes):
    """1 where lanes >= 0, else 0; what is not a number stays so."""

    def generate(context, builder, signature, arguments):
        z, zero = arguments[0], arguments[0].type(None)
        below = builder.select(builder.fcmp_ordered(">", zero, z), zero, z)  # one instruction, a maximum that keeps NaN
        return builder.select(builder.fcmp_ordered(">=", z, zero), constant(z.type, 1.0), below)

    return lanes(lanes), generate


def llvms_own(name: str):
    """LLVM's own function of lanes."""

    @intrinsic
    def function(typing_context, lanes):
        def generate(context, builder, signature, arguments):
            vector = arguments[0].type
            return call(builder, f"{name}.{suffix(vector)}", vector, arguments)

        return lanes(lanes), generate

    return function


absolute, nearest_integer = llvms_own("fabs"), llvms_own("rint")


@intrinsic
def power_of_two(typing_context, lanes):
    """2^n of whole numbers n for which that is a normal number."""
    bits = lanes.dtype.bitwidth
    fraction, bias = {32: (23, 127), 64: (52, 1023)}[bits]

    def generate(context, builder, signature, arguments):
        whole = ir.VectorType(ir.IntType(bits), lanes.width)
        exponent = builder.add(builder.fptosi(arguments[0], whole), constant(whole, bias))
        return builder.bitcast(builder.shl(exponent, constant(whole, fraction)), context.get_value_type(lanes))

    return lanes(lanes), generate


@njit(forceinline=True)
def exp_of_minus(y):
    """exp(-y) of lanes not negative; as if they were no larger than 87, where no number of float32 is so small."""
    x = where_nonnegative(y - 87, -87, 0 - y)
    n = nearest_integer(x * (1 / math.log(2)))
    rest = x - n * LOG2 - n * LOG2_REST
    total = rest * EXP[0] + EXP[1]
    for coefficient in EXP[2:]:
        total = rest * total + coefficient
    return total * power_of_two(n)


@njit(forceinline=True)
def log_of_one_and(e):
    """log(1 + e) of lanes from 0 to 1."""
    s = e / (2 + e)
    square = s * s
    total = square * ARTANH[0] + ARTANH[1]
    for coefficient in ARTANH[2:]:
        total = square * total + coefficient
    return 2 * s * total
