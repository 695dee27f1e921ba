"""The inner loop of matrix products for numba: a tile of sums that stays in registers."""

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

VECTOR_BYTES = 64  # of a row of a tile: the widest registers; the compiler splits it where they are narrower
ROWS = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 6  # as many sums as there are registers


def tile_product(vector_bytes: int, transposed: bool):
    """A function for numba: total [ROWS, lanes] += left [ROWS, n] @ right [n, lanes], all rows contiguous.

    `lanes` is vector_bytes / the size of a number; what an array has beyond is not touched. If `transposed`, left is
    [n, ROWS].
    """

    @intrinsic
    def add_product(typing_context, total, left, right):
        return types.void(total, left, right), generate

    def generate(context, builder, signature, arguments):
        total, left, right = (
            context.make_array(kind)(context, builder, argument)
            for kind, argument in zip(signature.args, arguments, strict=True)
        )
        kind = signature.args[0].dtype
        number, number_bytes = context.get_data_type(kind), kind.bitwidth // 8
        lanes = vector_bytes // number_bytes
        vector = ir.VectorType(number, lanes)
        zero, everywhere = vector(None), ir.VectorType(ir.IntType(32), lanes)(None)
        multiply_add = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{lanes}f{kind.bitwidth}"
        )

        def row(array, index, element):
            index = cgutils.intp_t(index) if isinstance(index, int) else index
            offset = builder.mul(builder.extract_value(array.strides, 0), index)
            return cgutils.pointer_add(builder, array.data, offset, element.as_pointer())

        totals = [row(total, i, vector) for i in range(ROWS)]
        sums = [cgutils.alloca_once(builder, vector) for _ in range(ROWS)]
        for place, pointer in zip(sums, totals, strict=True):
            builder.store(builder.load(pointer, align=number_bytes), place)
        rows = None if transposed else [row(left, i, number) for i in range(ROWS)]
        with cgutils.for_range(builder, builder.extract_value(right.shape, 0)) as loop:
            factors = builder.load(row(right, loop.index, vector), align=number_bytes)
            column = row(left, loop.index, number) if transposed else None
            for i, place in enumerate(sums):
                pointer = builder.gep(column, [cgutils.intp_t(i)]) if transposed else builder.gep(rows[i], [loop.index])
                value = builder.insert_element(zero, builder.load(pointer), ir.IntType(32)(0))
                value = builder.shuffle_vector(value, zero, everywhere)
                builder.store(builder.call(multiply_add, [value, factors, builder.load(place)]), place)
        for place, pointer in zip(sums, totals, strict=True):
            builder.store(builder.load(place), pointer, align=number_bytes)
        return context.get_dummy_value()

    return add_product


add_product, add_half_product = (tile_product(size, False) for size in (VECTOR_BYTES, VECTOR_BYTES // 2))
add_outer, add_half_outer = (tile_product(size, True) for size in (VECTOR_BYTES, VECTOR_BYTES // 2))
