"""How many facts linear attention holds in n dimensions (Claims 7 and 8).

A fact is a key and a value. The memory is the state of linear attention, rho = sum over facts of v k^T: a d x n matrix
however many facts it holds. All keys and values have length 1, and different facts have nothing to do with each other
(their affinity is 0), so that asking with the key of a fact should give its value: its error is the length of
rho k - v. A memory of t facts has the root of the mean squared error over the facts that are asked for; the capacity
is the largest t at which this is at most a fixed error.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from brainlib import runs
from brainlib.arguments import seeded
from brainlib.bdh.rotation import rope_frequencies, rotate, rotation

VALUES = 32  # numbers in a value; the mean squared error does not depend on it
ERROR = 0.5  # that a stored fact may have
LARGEST = {"ci": 1024, "laptop": 4096, "paper": 8192}


@dataclass(frozen=True)
class Memories:
    """Kind and density of the keys, and their dimensions n."""

    kind: str
    sizes: tuple[int, ...]
    density: float = 1.0

    def expected(self, n: int) -> float:
        """What theory says of the capacity; NaN where there is no formula."""
        if self.kind == "turned":
            return math.nan
        if self.kind == "adversarial":
            return 1 + ERROR * (math.pi * n / 2) ** 0.5
        common = 2 * self.density / math.pi if self.kind == "positive" else 0
        return 1 + ERROR**2 / (1 / n + common**2)


def all_memories(profile: str) -> dict[str, Memories]:
    """The six kinds of the chapter."""
    sizes = tuple(2**power for power in range(6, LARGEST[profile].bit_length()))
    return {
        "independent": Memories("gaussian", sizes),
        "adversarial": Memories("adversarial", sizes),
        "positive, 25 %": Memories("positive", sizes, 0.25),
        "positive, 5 %": Memories("positive", sizes, 0.05),
        "positive, 5 %, centred": Memories("centred", sizes, 0.05),
        "positive, 5 %, turned": Memories("turned", sizes, 0.05),
    }


class Facts(NamedTuple):
    """Keys and values in the order in which they are learned; the first `asked` of them are asked for."""

    keys: Float[Tensor, "facts n"]
    values: Float[Tensor, "facts d"]
    asked: int


def draw_facts(kind: str, n: int, count: int, generator: torch.Generator, density: float = 0.05) -> Facts:
    """`count` facts with keys in n dimensions, float64.

    "gaussian": random directions; the benign case of Claim 8 (C = 0). "adversarial": random directions, each turned
    round if it points away from the first, and one value for all: the first fact, the only one asked for, meets
    errors of one sign (C = t - 1). "positive": as in BDH, round(density n) neurons above zero, half-normal values.
    "centred": these, each minus its mean over neurons. "turned": the positive ones, at successive positions of RoPE.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    keys, values = normal(count, n), unit(normal(count, VALUES))
    if kind == "adversarial":
        away = keys @ keys[0] < 0
        return Facts(unit(torch.where(away[:, None], -keys, keys)), values[:1].expand(count, -1), asked=1)
    if kind != "gaussian":
        active = max(1, round(density * n))
        chosen = torch.rand(count, n, dtype=torch.float64, generator=generator).topk(active).indices
        keys = torch.zeros_like(keys).scatter_(1, chosen, normal(count, active).abs())
    if kind == "centred":
        keys = keys - keys.mean(1, keepdim=True)
    if kind == "turned":
        keys = rotate(keys, rotation(rope_frequencies(n), 0, count, keys.dtype))
    return Facts(unit(keys), values, asked=count)


def squared_errors(facts: Facts) -> Float[Tensor, "facts"]:
    """The mean squared error of the memory after 1, 2, ... facts, over those that are asked for.

    One fact after the other is added to what every key reads (the linear attention of eq. (17), read by all keys).
    """
    keys, values, asked = facts
    affinity = keys[:asked] @ keys.T
    wrong = -values[:asked].clone()  # what is read, minus the value, once the fact itself is in
    errors = torch.empty(len(keys), dtype=keys.dtype)
    for t in range(len(keys)):
        wrong += affinity[:, t, None] * values[t]
        errors[t] = wrong[: min(t + 1, asked)].square().sum(1).mean()
    return errors


def capacity(
    kind: str, n: int, error: float, generator: torch.Generator, density: float = 0.05, memories: int = 8
) -> float:
    """The largest number of facts at which the root mean squared error is at most `error`, between whole numbers by
    interpolation; the squared error is a mean over that many independent `memories`."""
    count = 16
    while True:
        errors = sum(squared_errors(draw_facts(kind, n, count, generator, density)) for _ in range(memories)) / memories
        above = (errors > error**2).nonzero()
        if len(above):
            break
        count *= 2
    t = int(above[0])  # t facts are within the error, one more is not
    if t == 0:
        return 0.0
    low, high = float(errors[t - 1]), float(errors[t])
    return t + (error**2 - low) / (high - low)


def measure(memories: Memories, seed: int, *, device: str = "auto", folder: Path | None = None) -> dict[str, Any]:
    """The capacity at each of the sizes, for a study."""
    generator = seeded(seed)
    return {"capacities": [capacity(memories.kind, n, ERROR, generator, memories.density) for n in memories.sizes]}


def measure_all(profile: str, seed: int, device: str = "auto") -> dict[str, list[list[float]]]:
    """Of every kind, for the seed and the two after it, the capacity at each size."""
    found = runs.study(measure, all_memories(profile), range(seed, seed + 3), device=device)
    return {name: [result["capacities"] for result in results] for name, results in found.items()}


class PowerLaw(NamedTuple):
    """y = scale x^exponent, with the 95 % interval of the exponent."""

    scale: float
    exponent: float
    low: float
    high: float


def power_law(x: Any, y: Any) -> PowerLaw:
    """The least-squares line through the logarithms of at least three points; of `y` the last axis lies along x."""
    x, y = (axis.ravel() for axis in np.broadcast_arrays(np.log(x), np.log(y)))
    line = stats.linregress(x, y)
    wide = float(stats.t.ppf(0.975, len(y) - 2) * line.stderr)
    return PowerLaw(float(np.exp(line.intercept)), float(line.slope), line.slope - wide, line.slope + wide)


def unit(vectors: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    return vectors / vectors.norm(dim=-1, keepdim=True)
