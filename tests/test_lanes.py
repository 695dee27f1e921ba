"""Vectors for numba: what is read and written where, and arithmetic that rounds as numpy's does."""

import operator

import numba
import numpy as np
import pytest

from brainlib.lanes import VECTOR_BYTES, load, store

DTYPES = np.float32, np.float64


def numbers(*shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def width(dtype):
    return VECTOR_BYTES // np.dtype(dtype).itemsize


@numba.njit
def move(source, target, here, there):
    store(target, there, load(source, here))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("here", "there"), [((1, 2), 2), ((1, 2), (0, 3)), (2, (2, 1, 5)), ((2, 1, 3), (1,))])
def test_lanes_are_read_and_written_from_an_index_on(dtype, here, there):
    source, target = numbers(3, 4, 40, dtype=dtype), numbers(4, 3, 40, dtype=dtype, seed=1).transpose(1, 0, 2)
    (i, j, k), (a, b, c) = ((*np.atleast_1d(index), 0, 0)[:3] for index in (here, there))
    expected = target.copy()
    expected[a, b, c : c + width(dtype)] = source[i, j, k : k + width(dtype)]
    move(source, target, here, there)
    assert (target == expected).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_lanes_and_numbers_compute_together(operation, dtype):
    @numba.njit
    def compute(left, right, number, target):
        store(target, 0, operation(load(left, 0), load(right, 0)))
        store(target, 1, operation(load(left, 0), number))
        store(target, 2, operation(3, load(right, 0)))

    left, right = (numbers(width(dtype), dtype=dtype, seed=seed) for seed in (0, 1))
    target = np.empty((3, width(dtype)), dtype)
    compute(left, right, 0.1, target)
    assert (target == [operation(left, right), operation(left, dtype(0.1)), operation(dtype(3), right)]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_fused(dtype):
    @numba.njit
    def compute(a, b, c, target):
        store(target, 0, load(a, 0) * load(b, 0) - load(c, 0))

    a, b = (numbers(width(dtype), dtype=dtype, seed=seed) for seed in (0, 1))
    target = np.ones_like(a)
    compute(a, b, a * b, target)  # what is left is 0, or what a product loses in rounding
    assert (target == 0).all()


def test_lanes_of_two_precisions_do_not_mix():
    @numba.njit
    def compute(a, b):
        store(a, 0, load(a, 0) + load(b, 0))

    with pytest.raises(numba.TypingError):
        compute(np.ones(16, np.float32), np.ones(16, np.float64))
