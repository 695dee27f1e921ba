"""How many pairs a matrix holds: random keys and values written into one head's H, with no network around it.

    H = sum_i k_i v_i^T  (Hebbian)     or     H <- H + k_i (v_i - k_i H)^T  (delta rule)

k_i and v_i are random directions in R^d. A pair is recalled if of all values written, v_i is nearest to k_i H. For the
Hebbian sum the right value stands out by 1 against a crowd of N - 1 others of deviation sqrt(N) / d, so that about
d^2 / (2 ln N) pairs fit: as many as H has entries, but for the logarithm. The delta rule with random keys takes from
each older pair the part of it that lies along the new key, and so keeps exp(-1 / d) of it: only the last few d pairs.
"""

from functools import cache

import torch

from brainlib.arguments import seeded
from brainlib.astrosnn.kernels.memory import astrocyte_memory
from brainlib.astrosnn.synapses import unit_length

MEMORIES = 64  # independent ones behind a share
SHARE = 0.9


def recalled(dim: int, pairs: int, rule: str, seed: int) -> float:
    """The share of `pairs` that heads of size `dim` recall, by the "Hebbian" or the "delta" rule, without decay."""
    generator = seeded(seed)
    keys, values = (
        unit_length(torch.randn(MEMORIES, pairs, 1, dim, generator=generator, dtype=torch.float64)) for _ in range(2)
    )
    write = {"Hebbian": None, "delta": torch.ones(MEMORIES, pairs, 1, dtype=torch.float64)}[rule]
    _, memory = astrocyte_memory(keys, keys, values, torch.zeros(1, dtype=torch.float64), write)
    answers = (keys[:, :, 0] @ memory[:, 0]) @ values[:, :, 0].mT  # [memories, pairs asked, values]
    return float((answers.argmax(-1) == torch.arange(pairs)).double().mean())


@cache
def capacity(dim: int, rule: str, seed: int) -> int:
    """The largest number of pairs, of 1, 2, 3, ... in steps of a tenth, of which at least 90 % are recalled."""
    pairs, last = 1, 0
    while recalled(dim, pairs, rule, seed) >= SHARE:
        last, pairs = pairs, pairs + max(1, pairs // 10)
    return last
