"""One control for each parameter of an explorer: a slider for increasing numbers, else a list to pick from."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Control:
    """A parameter `name` and the grid of its `values`."""

    name: str
    values: tuple[int, ...] | tuple[float, ...] | tuple[str, ...]

    @property
    def label(self) -> str:
        """The name as a reader sees it."""
        return self.name.replace("_", " ")

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers that increase: then they lie on a slider."""
        return not isinstance(self.values[0], str) and all(low < high for low, high in pairwise(self.values))

    @property
    def texts(self) -> list[str]:
        """The values as a reader sees them."""
        return [f"{value:.6g}" if isinstance(value, float) else str(value) for value in self.values]


def read_grid(grid: dict[str, Any]) -> list[Control]:
    """The controls of a grid `{parameter: values}`.

    Raises `ValueError` naming the parameter if its values are not at least two different numbers or strings.
    """
    if not grid:
        raise ValueError("grid: got no parameter, expected at least one, such as byte=range(40)")
    return [Control(name, _values(name, values)) for name, values in grid.items()]


def _values(name: str, values: Any) -> tuple:
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise ValueError(f"{name}: got {values!r}, expected a list of numbers or of strings")
    read = tuple(value.item() if hasattr(value, "item") else value for value in values)
    if all(type(value) is int for value in read) or all(type(value) is str for value in read):
        pass
    elif all(type(value) in (int, float) and math.isfinite(value) for value in read):
        read = tuple(map(float, read))
    else:
        raise ValueError(f"{name}: got {list(read)!r}, expected finite numbers or strings, not a mixture")
    if len(read) < 2 or len(set(read)) < len(read):
        raise ValueError(f"{name}: got {list(read)!r}, expected at least two values, all different")
    return read
