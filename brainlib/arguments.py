"""Whole numbers as arguments: those of Python and of NumPy alike."""

import operator
from typing import Any

import numpy as np
import torch


def whole_number(name: str, value: Any, least: int | None = None) -> int:
    """`value` as a Python integer: any integer will do, NumPy's too, but no bool.

    Raises `ValueError` with `name` for anything else, and for one below `least`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if (
        number is None
        or getattr(value, "dtype", type(value)) in (bool, np.bool_, torch.bool)
        or (least is not None and number < least)
    ):
        bound = "" if least is None else f" of at least {least}"
        raise ValueError(f"{name}: got {value!r}, expected a whole number{bound}")
    return number


def seeded(seed: Any) -> torch.Generator:
    """A generator on the CPU that begins with `seed`. Raises `ValueError` for what is no whole number."""
    return torch.Generator().manual_seed(whole_number("seed", seed))
