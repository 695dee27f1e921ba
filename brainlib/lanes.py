"""Vectors for numba: `Lanes`, as many numbers as fill the widest registers, that are computed with like one number.

numba cannot be told to keep a row of an array in registers, and the compiler does not vectorise a loop that reads and
writes many arrays, because it cannot know that they do not overlap. A `Lanes` is one of LLVM's vectors: it stays in a
register, and where registers are narrower LLVM splits it. Between lanes, or lanes and a number, stand +, -, * and /,
each rounded by itself: nothing is fused, so that a result is the one that torch gives. Instructions that only one paper
needs are made in its package, of `place`, `as_lanes`, `shuffled`, `constant` and `call`.
"""

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

VECTOR_BYTES = 64


class Lanes(types.Type):
    def __init__(self, dtype: types.Float):
        self.dtype, self.width = dtype, VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager[kind.dtype].get_value_type(), kind.width))


def place(context, builder, kind, array, index):
    """The pointer to the lanes of `array` from `index` on: a number or a tuple, none negative, 0 where left out."""
    indices = [index] if isinstance(index.type, ir.IntType) else cgutils.unpack_tuple(builder, index)
    indices += [cgutils.intp_t(0)] * (kind.ndim - len(indices))
    array = context.make_array(kind)(context, builder, array)
    pointer = cgutils.get_item_pointer(context, builder, kind, array, indices)
    return builder.bitcast(pointer, context.get_value_type(Lanes(kind.dtype)).as_pointer())


@intrinsic
def load(typing_context, array, index):
    """The numbers from array[index] on, of which the last axis is contiguous; `index` as `place` has it."""

    def generate(context, builder, signature, arguments):
        return builder.load(place(context, builder, array, *arguments), align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, index), generate


@intrinsic
def store(typing_context, array, index, lanes):
    def generate(context, builder, signature, arguments):
        *where, value = arguments
        builder.store(value, place(context, builder, array, *where), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, lanes), generate


@intrinsic(prefer_literal=True)
def loads(typing_context, array, count, index):
    """A tuple of the numbers from [0, index], [1, index], ... [count - 1, index] on; `count` is a constant."""
    lanes = Lanes(array.dtype)

    def generate(context, builder, signature, arguments):
        return context.make_tuple(builder, signature.return_type, [
            builder.load(row, align=array.dtype.bitwidth // 8)
            for row in rows(context, builder, array, arguments[0], arguments[2], count.literal_value)
        ])  # fmt: skip

    return types.UniTuple(lanes, count.literal_value)(array, count, types.intp), generate


def _write(array, lanes, combined):
    """Writes each vector of a tuple where `loads` finds it, as `combined` makes it of that and of what stood there."""

    def generate(context, builder, signature, arguments):
        values = cgutils.unpack_tuple(builder, arguments[2])
        for row, value in zip(rows(context, builder, array, *arguments[:2], len(values)), values, strict=True):
            builder.store(combined(builder, row, value), row, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@intrinsic
def stores(typing_context, array, index, lanes):
    """A tuple, as `loads` finds it."""
    return _write(array, lanes, lambda builder, row, value: value)


@intrinsic
def adds(typing_context, array, index, lanes):
    """Adds a tuple to what `loads` finds."""
    align = array.dtype.bitwidth // 8
    return _write(array, lanes, lambda builder, row, value: builder.fadd(builder.load(row, align=align), value))


def rows(context, builder, kind, array, index, count: int) -> list:
    """The pointers to the lanes from `index` on of the first rows of a matrix."""
    places = (cgutils.pack_array(builder, [cgutils.intp_t(row), index]) for row in range(count))
    return [place(context, builder, kind, array, where) for where in places]


@intrinsic
def spread(typing_context, array, index):
    """The number array[index] in all lanes."""
    lanes = Lanes(array.dtype)

    def generate(context, builder, signature, arguments):
        pointer = place(context, builder, array, *arguments)
        number = builder.load(builder.bitcast(pointer, context.get_data_type(array.dtype).as_pointer()))
        return as_lanes(context, builder, array.dtype, number, lanes)

    return lanes(array, index), generate


@intrinsic
def zeros(typing_context, like):
    """Lanes of 0, for an array of that type."""

    def generate(context, builder, signature, arguments):
        return context.get_value_type(Lanes(like.dtype))(None)

    return Lanes(like.dtype)(like), generate


def constant(vector: ir.VectorType, value):
    return ir.Constant(vector, [value] * vector.count)


def as_lanes(context, builder, kind, value, lanes: Lanes):
    """`value` as it is if it is lanes, a number in all of them."""
    if kind == lanes:
        return value
    vector = context.get_value_type(lanes)
    number = context.cast(builder, value, kind, lanes.dtype)
    single = builder.insert_element(vector(ir.Undefined), number, ir.IntType(32)(0))
    return shuffled(builder, single, [0] * lanes.width)


def shuffled(builder, vector, picked: list[int]):
    """The lanes with those numbers."""
    return builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), len(picked)), picked))


def call(builder, name: str, result, arguments, fastmath=()):
    """LLVM's own function of that name and type of result."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}")
    return builder.call(function, arguments, fastmath=fastmath)


def suffix(vector) -> str:
    """The end of the name of LLVM's function of such vectors."""
    return f"v{vector.count}{vector.element.intrinsic_name}"


def arithmetic(operation, instruction: str) -> None:
    @infer_global(operation)
    class Typing(AbstractTemplate):
        def generic(self, arguments, _):
            lanes = {kind for kind in arguments if isinstance(kind, Lanes)}
            if len(lanes) == 1 and all(isinstance(kind, Lanes | types.Number) for kind in arguments):
                return lanes.pop()(*arguments)

    def generate(context, builder, signature, arguments):
        both = zip(signature.args, arguments, strict=True)
        return getattr(builder, instruction)(*(as_lanes(context, builder, *one, signature.return_type) for one in both))

    for kinds in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(operation, *kinds)(generate)


for operation, instruction in {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}.items():
    arithmetic(getattr(operator, operation), instruction)
