"""One control for each parameter of an explorer: a slider for increasing numbers, else a list to pick from."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Control:
    """A parameter `name`, the grid of its `values`, and the index of the one that is shown first."""

    name: str
    values: tuple[int, ...] | tuple[float, ...] | tuple[str, ...]
    first: int = 0

    @property
    def start(self) -> int | float | str:
        """The value that is shown first."""
        return self.values[self.first]

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


def read_grid(grid: dict[str, Any], start: dict[str, Any] | None = None) -> list[Control]:
    """The controls of a grid `{parameter: values}`; `start` holds values to show first, else the first of each grid.

    Raises `ValueError` naming the parameter if its values are not at least two different numbers or strings, or if its
    start is not one of them.
    """
    if not grid:
        raise ValueError("grid: got no parameter, expected at least one, such as byte=range(40)")
    start = start or {}
    if unknown := sorted(start.keys() - grid.keys()):
        raise ValueError(f"start: got {unknown[0]!r}, expected one of {', '.join(grid)}")
    controls = [Control(name, _values(name, values)) for name, values in grid.items()]
    for control in controls:
        if control.name in start and start[control.name] not in control.values:
            raise ValueError(f"start: got {control.name}={start[control.name]!r}, expected a value of its grid")
    return [replace(c, first=c.values.index(start.get(c.name, c.values[0]))) for c in controls]


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
