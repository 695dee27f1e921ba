"""The inner loops of the compiled memory for numba: a tile of the state, VECTOR_BYTES wide, that changes and is read.

    update            S <- decay S + scale column (x) row
    read              out = scale reader S, and what it gives times `partner`: a number
    update_and_read   both, while each row of S is in a register

S [n, lanes] is contiguous and whole; the vectors are flat arrays, each followed by the place where it begins: column
and reader have n elements, row, out and partner `width` of at most `lanes`; beyond, nothing is read or written.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from brainlib.lanes import VECTOR_BYTES, call, shuffled

UNROLLED = 4  # rows at once: as many sums, so that none waits for the one before it


class Tile:
    """The instructions that the loops are made of, for the state's dtype."""

    def __init__(self, context, builder, kind, state, width):
        self.builder, self.kind, self.bits = builder, kind.dtype, kind.dtype.bitwidth
        self.number = context.get_data_type(kind.dtype)
        self.lanes = 8 * VECTOR_BYTES // self.bits
        self.vector = ir.VectorType(self.number, self.lanes)
        state = context.make_array(kind)(context, builder, state)
        self.state = builder.bitcast(state.data, self.vector.as_pointer())
        self.rows = builder.extract_value(state.shape, 0)
        index = ir.VectorType(width.type, self.lanes)
        count = ir.Constant(index, list(range(self.lanes)))
        self.used = builder.icmp_signed("<", count, self.spread(width, index))

    def spread(self, value, vector=None):
        """`value` in every lane."""
        vector = vector or self.vector
        single = self.builder.insert_element(vector(ir.Undefined), value, ir.IntType(32)(0))
        return shuffled(self.builder, single, [0] * self.lanes)

    def call(self, name, result, arguments, **options):
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments, **options)

    def multiply_add(self, a, b, c):
        return call(self.builder, "fmuladd", a, b, c)

    def at(self, place, index, pointer):
        """The place `index` elements into an array's (data, first)."""
        data, first = place
        return self.builder.bitcast(self.builder.gep(data, [self.builder.add(first, index)]), pointer)

    def number_at(self, place, index):
        return self.builder.load(self.at(place, index, self.number.as_pointer()))

    def load(self, place):
        pointer, align = self.at(place, cgutils.intp_t(0), self.vector.as_pointer()), ir.IntType(32)(self.bits // 8)
        name = f"llvm.masked.load.v{self.lanes}f{self.bits}.p0"
        return self.call(name, self.vector, [pointer, align, self.used, self.vector(None)])

    def store(self, value, place):
        pointer, align = self.at(place, cgutils.intp_t(0), self.vector.as_pointer()), ir.IntType(32)(self.bits // 8)
        name = f"llvm.masked.store.v{self.lanes}f{self.bits}.p0"
        self.call(name, ir.VoidType(), [value, pointer, align, self.used])

    def product(self, a, b):
        """The sum over lanes of a b."""
        name = f"llvm.vector.reduce.fadd.v{self.lanes}f{self.bits}"
        arguments = [self.number(-0.0), self.builder.fmul(a, b)]
        return self.call(name, self.number, arguments, fastmath=("reassoc",))

    def loop(self, decay, column, row, reader):
        """Over the rows of the state: changed where there is a column, read where there is a reader; what was read."""
        builder, sums = self.builder, [cgutils.alloca_once(self.builder, self.vector) for _ in range(UNROLLED)]
        for place in sums:
            builder.store(self.vector(None), place)

        def one(index, place):
            address = builder.gep(self.state, [index])
            values = builder.load(address, align=VECTOR_BYTES // 4)
            if column is not None:
                added = self.spread(self.number_at(column, index))
                values = self.multiply_add(added, row, builder.fmul(decay, values))
                builder.store(values, address, align=VECTOR_BYTES // 4)
            if reader is not None:
                factor = self.spread(self.number_at(reader, index))
                builder.store(self.multiply_add(factor, values, builder.load(place)), place)

        step = cgutils.intp_t(UNROLLED)
        even = builder.mul(builder.sdiv(self.rows, step), step)
        with cgutils.for_range_slice(builder, cgutils.intp_t(0), even, step) as (index, _):
            for i, place in enumerate(sums):
                one(builder.add(index, cgutils.intp_t(i)), place)
        with cgutils.for_range_slice(builder, even, self.rows, cgutils.intp_t(1)) as (index, _):
            one(index, sums[0])
        total = [builder.load(place) for place in sums]
        return builder.fadd(builder.fadd(total[0], total[1]), builder.fadd(total[2], total[3]))


def places(context, builder, signature, arguments, first):
    """The (data, first) of the arrays from argument `first` on, each beside its beginning."""
    found = []
    for kind, array, start in zip(
        signature.args[first::2], arguments[first::2], arguments[first + 1 :: 2], strict=False
    ):
        data = context.make_array(kind)(context, builder, array).data
        found.append((data, start))
    return found


@intrinsic
def update(typing, state, decay, scale, column, i, row, j, width):
    """S <- decay S + scale column (x) row."""

    def generate(context, builder, signature, arguments):
        tile = Tile(context, builder, signature.args[0], arguments[0], arguments[-1])
        column, row = places(context, builder, signature, arguments[:-1], 3)
        row = builder.fmul(tile.spread(arguments[2]), tile.load(row))
        tile.loop(tile.spread(arguments[1]), column, row, None)
        return context.get_dummy_value()

    kind = state.dtype
    return types.void(state, kind, kind, column, types.intp, row, types.intp, types.intp), generate


@intrinsic
def read(typing, state, scale, reader, r, out, o, partner, p, width):
    """out = scale reader S; out times partner."""

    def generate(context, builder, signature, arguments):
        tile = Tile(context, builder, signature.args[0], arguments[0], arguments[-1])
        reader, out, partner = places(context, builder, signature, arguments[:-1], 2)
        found = builder.fmul(tile.spread(arguments[1]), tile.loop(None, None, None, reader))
        product = tile.product(found, tile.load(partner))
        tile.store(found, out)
        return product

    kind, place = state.dtype, types.intp
    return kind(state, kind, reader, place, out, place, partner, place, place), generate


@intrinsic
def update_and_read(typing, state, decay, scale, column, i, row, j, reader, r, out, o, partner, p, width):
    """S <- decay S + scale column (x) row; out = reader S; out times partner."""

    def generate(context, builder, signature, arguments):
        tile = Tile(context, builder, signature.args[0], arguments[0], arguments[-1])
        column, row, reader, out, partner = places(context, builder, signature, arguments[:-1], 3)
        row = builder.fmul(tile.spread(arguments[2]), tile.load(row))
        found = tile.loop(tile.spread(arguments[1]), column, row, reader)
        product = tile.product(found, tile.load(partner))
        tile.store(found, out)
        return product

    kind, place = state.dtype, types.intp
    arrays = (column, place, row, place, reader, place, out, place, partner, place)
    return kind(state, kind, kind, *arrays, place), generate
