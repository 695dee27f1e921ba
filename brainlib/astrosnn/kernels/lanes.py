"""Vectors for numba: as many neighbouring columns as a wide register holds, computed with at once.

A loop over columns that reads and writes many arrays is not vectorised by the compiler, which cannot know that they do
not overlap; so the scans say themselves what a vector is. Between lanes, or lanes and a number, stand +, -, * and /,
each rounded by itself: nothing is fused, so that a result is the one that torch gives. Where registers are narrower the
compiler splits. numba's cache does not notice a change of this file: change what is made of it, too.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model

VECTOR_BYTES = 64


class Lanes(types.Type):
    def __init__(self, dtype: types.Float):
        self.dtype = dtype
        super().__init__(f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        number = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(number, VECTOR_BYTES * 8 // kind.dtype.bitwidth))


def spread(context, builder, kind, value, lanes: Lanes):
    """`value` as it is if it is lanes, a plain number in all of them."""
    if kind == lanes:
        return value
    vector, i32 = context.get_value_type(lanes), ir.IntType(32)
    number = context.cast(builder, value, kind, lanes.dtype)
    first = builder.insert_element(vector(ir.Undefined), number, i32(0))
    return builder.shuffle_vector(first, vector(ir.Undefined), ir.VectorType(i32, vector.count)(None))


def between_lanes(operation, instruction: str) -> None:
    @infer_global(operation)
    class Typing(AbstractTemplate):
        def generic(self, arguments, _):
            lanes = [kind for kind in arguments if isinstance(kind, Lanes)]
            others = [kind for kind in arguments if kind not in lanes]
            if lanes and len(set(lanes)) == 1 and all(isinstance(kind, types.Number) for kind in others):
                return signature(lanes[0], *arguments)

    def lower(context, builder, signature, arguments):
        values = (
            spread(context, builder, *each, signature.return_type)
            for each in zip(signature.args, arguments, strict=True)
        )
        return getattr(builder, instruction)(*values)

    for kinds in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(operation, *kinds)(lower)


for operation, instruction in {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}.items():
    between_lanes(getattr(operator, operation), instruction)


@intrinsic
def load(typing_context, array, column):
    """The lanes of a contiguous vector from `column` on."""

    def generate(context, builder, signature, arguments):
        return builder.load(pointer(context, builder, signature, arguments), align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, column), generate


@intrinsic
def store(typing_context, array, column, lanes):
    def generate(context, builder, signature, arguments):
        place = pointer(context, builder, signature, arguments)
        builder.store(arguments[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, column, lanes), generate


@intrinsic
def stream(typing_context, array, column, lanes):
    """Stores past the cache, which saves reading what is overwritten; the place must be aligned to VECTOR_BYTES."""

    def generate(context, builder, signature, arguments):
        place = pointer(context, builder, signature, arguments)
        instruction = builder.store(arguments[2], place, align=VECTOR_BYTES)
        instruction.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return types.void(array, column, lanes), generate


@intrinsic
def fetch(typing_context, array, column):
    """Asks for lanes that will be loaded later, so that they lie in the second cache by then."""

    def generate(context, builder, signature, arguments):
        place = builder.bitcast(pointer(context, builder, signature, arguments), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        read, second_cache, data = i32(0), i32(2), i32(1)
        builder.call(function, [place, read, second_cache, data])
        return context.get_dummy_value()

    return types.void(array, column), generate


def pointer(context, builder, signature, arguments):
    kind = signature.args[0]
    data = context.make_array(kind)(context, builder, arguments[0]).data
    vector = context.get_value_type(Lanes(kind.dtype))
    return builder.bitcast(builder.gep(data, [arguments[1]]), vector.as_pointer())


@intrinsic
def where_nonnegative(typing_context, lanes, yes, no):
    """`yes` (lanes or a number) where lanes >= 0, `no` elsewhere, and where lanes are not a number."""

    def generate(context, builder, signature, arguments):
        z, *choices = arguments
        choices = (spread(context, builder, *each, lanes) for each in zip((yes, no), choices, strict=True))
        return builder.select(builder.fcmp_ordered(">=", z, z.type(None)), *choices)

    return lanes(lanes, yes, no), generate


@intrinsic
def absolute(typing_context, lanes):
    def generate(context, builder, signature, arguments):
        return call(builder, "fabs", lanes, arguments[0])

    return lanes(lanes), generate


@intrinsic
def nearest_integer(typing_context, lanes):
    def generate(context, builder, signature, arguments):
        return call(builder, "rint", lanes, arguments[0])

    return lanes(lanes), generate


@intrinsic
def power_of_two(typing_context, lanes):
    """2^n of whole numbers n for which that is a normal number."""

    def generate(context, builder, signature, arguments):
        bits = lanes.dtype.bitwidth
        integers = ir.VectorType(ir.IntType(bits), arguments[0].type.count)
        fraction_bits, bias = {32: (23, 127), 64: (52, 1023)}[bits]
        bias, shift = (integers([number] * integers.count) for number in (bias, fraction_bits))
        exponent = builder.add(builder.fptosi(arguments[0], integers), bias)
        return builder.bitcast(builder.shl(exponent, shift), arguments[0].type)

    return lanes(lanes), generate


def call(builder, name: str, lanes: Lanes, argument):
    """LLVM's own function of vectors."""
    name = f"llvm.{name}.v{argument.type.count}f{lanes.dtype.bitwidth}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(argument.type, [argument.type]), name)
    return builder.call(function, [argument])
