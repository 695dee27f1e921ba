"""What the figures of all chapters of this part share."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any


def spread(values: Iterable[float | None], form: str = ".2f") -> str:
    """The mean and, of several values, the range, for captions and notes."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "not run"
    mean, low, high = (f"{value:{form}}" for value in (fmean(numbers), min(numbers), max(numbers)))
    return mean if low == high else f"{mean} ({low} to {high})"


def means(values: Sequence[Sequence[float]], digits: int = 4) -> list[float]:
    return [round(fmean(numbers), digits) for numbers in values]


def bars(values: Sequence[Sequence[float]], digits: int = 4) -> dict[str, Any]:
    """Plotly's error bars from the lowest to the highest of each."""
    return {
        "symmetric": False,
        "array": [round(max(numbers) - fmean(numbers), digits) for numbers in values],
        "arrayminus": [round(fmean(numbers) - min(numbers), digits) for numbers in values],
        "thickness": 1,
    }
