"""A plotly figure as small plain data: arrays decoded, numbers rounded to what a screen can show."""

import base64
import math
from typing import Any

DIGITS = 4


def plain(value: Any) -> Any:
    """`value`, any part of a figure's JSON, with arrays as lists and floats rounded; what is not finite becomes None.

    A list of numbers keeps four significant digits of its spread: 1000.012 beside 1000.034 is not rounded to 1000.
    Integers stay as they are.
    """
    if isinstance(value, dict):
        return plain(decoded(value)) if "bdata" in value else {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        digits = _digits(value)
        return [rounded(part, digits) if isinstance(part, float) else plain(part) for part in value]
    return rounded(value, DIGITS + 2) if isinstance(value, float) else value


def decoded(array: dict) -> list:
    """Plotly's typed array (`dtype`, `bdata`, perhaps `shape`) as nested lists."""
    import numpy

    flat = numpy.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"])
    shape = [int(size) for size in str(array.get("shape", flat.size)).split(",")]
    return flat.reshape(shape).tolist()


def rounded(number: float, digits: int) -> float | int | None:
    """`number` with so many significant digits; a whole number becomes an int, which is shorter in JSON."""
    if not math.isfinite(number):
        return None
    short = float(f"{number:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def _digits(values: list) -> int:
    finite = [part for part in values if isinstance(part, float) and math.isfinite(part)]
    if not finite:
        return DIGITS
    largest, spread = max(map(abs, finite)), max(finite) - min(finite)
    return DIGITS + max(0, math.floor(math.log10(largest / spread))) if spread else DIGITS + 2
